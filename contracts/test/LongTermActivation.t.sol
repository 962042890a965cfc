// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../src/interfaces/IDisputes.sol";
import {ILongTerm} from "../src/interfaces/ILongTerm.sol";
import {ICustody} from "../src/interfaces/ICustody.sol";
import {Activation} from "../src/types/Activation.sol";
import {ExecutionTerms} from "../src/types/ExecutionTerms.sol";
import {Stage} from "../src/types/Stage.sol";
import {LongTermMarket} from "./support/LongTermMarket.sol";

/// How a long-term agreement comes into force, and what keeps it from that.
contract LongTermActivation is LongTermMarket {
    function test_both_stakes_are_locked() public {
        Activation memory activation = anActivation(someTerms());
        vm.expectEmit();
        emit ILongTerm.AgreementActivated(idOf(activation), buyer, seller, activation);
        bytes32 id = activated(activation);
        assertEq(id, longTerm.idOf(activation), "the id is what both signed");
        assertStage(activation, Stage.Active, "in force");
        assertAccount(buyer, FUNDS - BUYER_STAKE, BUYER_STAKE, "buyer");
        assertAccount(seller, FUNDS - SELLER_STAKE, SELLER_STAKE, "seller");
        vm.warp(BEGINS);
        assertStage(activation, Stage.Delivering, "its first period has begun");
    }

    function test_it_is_activated_once() public {
        Activation memory activation = anActivation(someTerms());
        bytes32 id = activated(activation);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.WrongStage.selector, id, Stage.Active));
        activated(activation);
    }

    function test_both_must_have_signed() public {
        Activation memory activation = anActivation(someTerms());
        bytes32 id = idOf(activation);
        bytes memory byBuyer = signDigest(buyer, id);
        bytes memory bySeller = signDigest(seller, id);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.SignatureInvalid.selector, buyer));
        longTerm.activate(activation, bySeller, bySeller);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.SignatureInvalid.selector, seller));
        longTerm.activate(activation, byBuyer, byBuyer);
    }

    function testFuzz_a_signature_for_another_agreement_or_chain_is_worthless(bytes32 salt, uint64 chain) public {
        Activation memory activation = anActivation(someTerms());
        vm.assume(salt != activation.salt && chain != block.chainid && chain != 0);
        bytes32 id = idOf(activation);
        (bytes memory byBuyer, bytes memory bySeller) = (signDigest(buyer, id), signDigest(seller, id));
        activation.salt = salt;
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.SignatureInvalid.selector, buyer));
        longTerm.activate(activation, byBuyer, bySeller);
        activation = anActivation(someTerms());
        vm.chainId(chain);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.SignatureInvalid.selector, buyer));
        longTerm.activate(activation, byBuyer, bySeller);
    }

    function test_it_is_too_late_once_it_has_begun_or_expired() public {
        Activation memory activation = anActivation(someTerms());
        activation.activateUntil = uint64(BEGINS - 10);
        vm.warp(BEGINS - 10);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.ActivationExpired.selector, BEGINS - 10));
        activated(activation);
        activation.activateUntil = type(uint64).max;
        vm.warp(BEGINS);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.ActivationExpired.selector, BEGINS));
        activated(activation);
    }

    function test_nobody_can_stake_what_it_does_not_have() public {
        Activation memory activation = anActivation(someTerms());
        activation.sellerStake = FUNDS + 1;
        vm.expectRevert(abi.encodeWithSelector(ICustody.InsufficientFree.selector, seller, FUNDS, FUNDS + 1));
        activated(activation);
    }

    function test_what_makes_no_sense_is_refused() public {
        for (uint256 i = 0; i < 17; ++i) {
            Activation memory activation = anActivation(someTerms());
            if (i == 0) activation.seller = buyer;
            if (i == 1) activation.arbiter = buyer;
            if (i == 2) activation.arbiter = seller;
            if (i == 3) activation.arbiter = address(0);
            if (i == 4) activation.firstHour = 0;
            if (i == 5) activation.hoursPerPeriod = 0;
            if (i == 6) activation.periods = 0;
            if (i == 7) (activation.firstHour, activation.periods) = (type(uint32).max - 23, 2);
            if (i == 8) activation.buyerDeposit = activation.buyerStake + 1;
            if (i == 9) activation.feeBps = 10_001;
            if (i == 10) activation.readingWindow = 0;
            if (i == 11) activation.readingWindow = 30 days + 1;
            if (i == 12) activation.challengeWindow = 0;
            if (i == 13) activation.rulingWindow = 0;
            if (i == 14) activation.rulingWindow = 30 days + 1;
            if (i == 15) activation.grace = 0;
            if (i == 16) activation.grace = 30 days + 1;
            vm.expectRevert(abi.encodeWithSelector(ILongTerm.ActivationMalformed.selector));
            activated(activation);
        }
    }

    function test_either_party_takes_its_signature_back() public {
        Activation memory activation = anActivation(someTerms());
        bytes32 id = idOf(activation);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotParty.selector, stranger));
        vm.prank(stranger);
        longTerm.retract(activation);
        vm.expectEmit();
        emit ILongTerm.AgreementRetracted(id, seller);
        vm.prank(seller);
        longTerm.retract(activation);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.WrongStage.selector, id, Stage.Closed));
        activated(activation);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.WrongStage.selector, id, Stage.Closed));
        vm.prank(buyer);
        longTerm.retract(activation);
    }

    function test_what_is_in_force_is_not_retracted() public {
        Activation memory activation = anActivation(someTerms());
        bytes32 id = activated(activation);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.WrongStage.selector, id, Stage.Active));
        vm.prank(buyer);
        longTerm.retract(activation);
    }
}
