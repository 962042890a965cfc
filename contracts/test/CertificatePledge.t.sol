// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICertificate} from "../src/interfaces/ICertificate.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Order} from "../src/types/Order.sol";
import {Fill} from "./support/Packing.sol";
import {CertificateMarket} from "./support/CertificateMarket.sol";
import {Receiver} from "./support/Receivers.sol";

/// Energy that is sold with its certificates: promised before the hour, moved when the trade is over.
contract CertificatePledge is CertificateMarket {
    function leavesPledged(uint64 first, uint64 second, uint64 third) private returns (Leaf[] memory leaves) {
        leaves = soldSun(list(first, second, third));
        pledged(leaves);
    }

    function test_a_pledge_is_told_before_the_hour() public {
        Leaf[] memory leaves = list(soldSun(1000));
        bytes32[][] memory proofs = proofsOf(leaves);
        vm.expectEmit();
        emit ICertificate.Pledged(1, 0, solarId(), buyer, 1000);
        vm.prank(seller);
        certificate.pledge(1, leaves, proofs);
        assertEq(certificate.hourOf(solarId()).pledged, 1000, "pledged");
        (uint64 batchNumber, bool over) = certificate.pledgeOf(leaves[0].leafHash());
        assertEq(batchNumber, 1, "batch");
        assertTrue(!over, "not over");
    }

    function test_the_buyer_gets_the_certificates_of_what_was_delivered() public {
        Leaf[] memory leaves = leavesPledged(100, 300, 600);
        measured(solarMeter, HOUR, 1200);
        delivered(leaves);
        vm.expectEmit();
        emit ICertificate.PledgeDelivered(0, solarId(), buyer, 100);
        vm.expectEmit();
        emit ICertificate.Issued(solarId(), solarMeter, buyer, 100);
        vm.prank(stranger);
        certificate.deliverPledged(leaves);
        assertHeld(buyer, solarId(), 1000, "buyer");
        issue();
        assertHeld(seller, solarId(), 200, "what was not sold");
    }

    function test_a_shortfall_is_shared_as_the_settlement_shares_it() public {
        Leaf[] memory leaves = soldSun(list(100, 300, 600));
        pledged(two(leaves[0], leaves[2]), leaves);
        measured(solarMeter, HOUR, 501);
        bytes memory nothing = abi.encodeWithSelector(ICertificate.NothingToIssue.selector, solarId());
        vm.expectRevert(nothing);
        issue();
        paidOut(leaves);
        certificate.deliverPledged(list(leaves[0]));
        assertHeld(buyer, solarId(), 51, "a tenth, rounded as the first trade's is");
        vm.expectRevert(nothing);
        issue();
        certificate.deliverPledged(list(leaves[2]));
        assertHeld(buyer, solarId(), 51 + 300, "six tenths");
        issue();
        assertHeld(seller, solarId(), 150, "three tenths were not pledged");
    }

    function test_a_trade_that_was_not_paid_for_moves_no_certificates() public {
        Leaf[] memory leaves = list(soldSun(1000));
        pledged(leaves);
        vm.warp(SLOT_END + READING_WINDOW + 1);
        paidOut(leaves);
        vm.warp(vm.getBlockTimestamp() + 1); // the challenge window is over: too late to be paid
        measured(solarMeter, HOUR, 1000);
        vm.expectEmit();
        emit ICertificate.PledgeDelivered(0, solarId(), buyer, 0);
        certificate.deliverPledged(leaves);
        issue();
        assertHeld(buyer, solarId(), 0, "buyer");
        assertHeld(seller, solarId(), 1000, "seller");
    }

    function test_what_is_ruled_beyond_the_reading_is_paid_without_certificates() public {
        Leaf[] memory leaves = list(soldSun(1000));
        pledged(leaves);
        measured(solarMeter, HOUR, 400);
        guarantee.open(1, leaves[0], proofOf(leaves, 0));
        vm.prank(seller);
        guarantee.challenge(leaves[0], 1000);
        vm.warp(vm.getBlockTimestamp() + CHALLENGE_WINDOW);
        vm.prank(arbiter);
        guarantee.rule(leaves[0], 1000, 0);
        guarantee.payOut(leaves[0]);
        assertEq(guarantee.stateOf(leaves[0].leafHash()).delivered, 1000, "all is paid");
        vm.expectEmit();
        emit ICertificate.PledgeDelivered(0, solarId(), buyer, 400);
        certificate.deliverPledged(leaves);
        assertHeld(buyer, solarId(), 400, "what was metered");
        vm.expectRevert(abi.encodeWithSelector(ICertificate.NothingToIssue.selector, solarId()));
        issue();
    }

    function test_what_is_ruled_below_the_reading_leaves_the_rest_to_the_seller() public {
        Leaf[] memory leaves = list(soldSun(1000));
        pledged(leaves);
        measured(solarMeter, HOUR, 900);
        guarantee.open(1, leaves[0], proofOf(leaves, 0));
        vm.prank(buyer);
        guarantee.challenge(leaves[0], 300);
        vm.warp(vm.getBlockTimestamp() + CHALLENGE_WINDOW);
        vm.prank(arbiter);
        guarantee.rule(leaves[0], 300, 0);
        guarantee.payOut(leaves[0]);
        certificate.deliverPledged(leaves);
        issue();
        assertHeld(buyer, solarId(), 300, "what was paid for");
        assertHeld(seller, solarId(), 600, "the rest of the reading");
    }

    function test_nothing_moves_before_the_trade_is_over() public {
        Leaf[] memory leaves = list(soldSun(1000));
        pledged(leaves);
        bytes memory notOver = abi.encodeWithSelector(ICertificate.LeafNotOver.selector, leaves[0].leafHash());
        vm.expectRevert(notOver);
        certificate.deliverPledged(leaves);
        measured(solarMeter, HOUR, 500);
        guarantee.open(1, leaves[0], new bytes32[](0));
        vm.expectRevert(notOver);
        certificate.deliverPledged(leaves);
    }

    function test_a_pledge_is_delivered_once() public {
        Leaf[] memory leaves = list(soldSun(1000));
        bytes memory notPledged = abi.encodeWithSelector(ICertificate.NotPledged.selector, leaves[0].leafHash());
        vm.expectRevert(notPledged);
        certificate.deliverPledged(leaves);
        pledged(leaves);
        measured(solarMeter, HOUR, 5000);
        delivered(leaves);
        certificate.deliverPledged(leaves);
        (, bool over) = certificate.pledgeOf(leaves[0].leafHash());
        assertTrue(over, "over");
        vm.expectRevert(notPledged);
        certificate.deliverPledged(leaves);
    }

    function test_a_changed_leaf_is_another_one() public {
        Leaf[] memory leaves = list(soldSun(1000));
        pledged(leaves);
        measured(solarMeter, HOUR, 1000);
        delivered(leaves);
        leaves[0].buyer = stranger;
        vm.expectRevert(abi.encodeWithSelector(ICertificate.NotPledged.selector, leaves[0].leafHash()));
        certificate.deliverPledged(leaves);
    }

    function test_only_the_seller_pledges_and_only_once() public {
        Leaf[] memory leaves = list(soldSun(1000));
        bytes32[][] memory proofs = proofsOf(leaves);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.NotTheSeller.selector, operator, seller));
        vm.prank(operator);
        certificate.pledge(1, leaves, proofs);
        pledged(leaves);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.AlreadyPledged.selector, leaves[0].leafHash()));
        vm.prank(seller);
        certificate.pledge(1, leaves, proofs);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.LengthsDiffer.selector, 1, 0));
        vm.prank(seller);
        certificate.pledge(1, leaves, new bytes32[][](0));
    }

    function test_a_pledge_needs_a_trade_that_was_locked() public {
        Leaf[] memory leaves = list(soldSun(1000));
        bytes32[][] memory proofs = proofsOf(leaves);
        bytes32 root = settlement.batchRoot(1);
        leaves[0].quantity = 2000;
        bytes32 found = leaves[0].leafHash();
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotTheBatch.selector, 1, root, found));
        vm.prank(seller);
        certificate.pledge(1, leaves, proofs);
    }

    function test_a_pledge_is_a_promise_not_an_afterthought() public {
        Leaf[] memory leaves = list(soldSun(1000));
        bytes32[][] memory proofs = proofsOf(leaves);
        measured(solarMeter, HOUR, 1000);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.AlreadyMetered.selector, solarMeter, HOUR));
        vm.prank(seller);
        certificate.pledge(1, leaves, proofs);
    }

    function test_only_produced_energy_is_pledged() public {
        Leaf[] memory leaves = list(settleOne(aBid(), anOffer(), aFill()));
        bytes32[][] memory proofs = proofsOf(leaves);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.NotCertifiable.selector, anInstrument(2) >> 48));
        vm.prank(seller);
        certificate.pledge(1, leaves, proofs);
    }

    /// A meter that was replaced can no longer be issued from; what was pledged of it can be delivered.
    function test_a_pledge_outlives_the_meter() public {
        Leaf[] memory leaves = list(soldSun(1000));
        pledged(leaves);
        registerMeter(seller, energy("SOLAR", HOUR), withKey(0x501B));
        measured(solarMeter, HOUR, 1000);
        delivered(leaves);
        certificate.deliverPledged(leaves);
        assertHeld(buyer, solarId(), 1000, "buyer");
    }

    function test_a_buyer_who_calls_back_gets_no_more() public {
        Receiver wallet = new Receiver();
        Leaf[] memory leaves = list(soldSunTo(address(wallet)));
        pledged(leaves);
        measured(solarMeter, HOUR, 5000);
        delivered(leaves);
        wallet.callBack(address(certificate), abi.encodeCall(certificate.deliverPledged, (leaves)));
        certificate.deliverPledged(leaves);
        assertEq(wallet.calls(), 1, "called");
        assertTrue(!wallet.gotThrough(), "refused");
        assertHeld(address(wallet), solarId(), 1000, "wallet");
    }

    function soldSunTo(address wallet) private returns (Leaf memory) {
        fund(wallet, FUNDS);
        (Order memory bid, Order memory offer) = (aBid(), anOffer());
        (bid.participant, bid.quantity, offer.quantity) = (wallet, 1000, 1000);
        bid.instrument = offer.instrument = energy("SOLAR", HOUR);
        Fill memory fill = aFill();
        fill.quantity = 1000;
        bytes[] memory signatures = new bytes[](2);
        signatures[1] = signDigest(seller, orderDigest(offer));
        (Leaf[] memory leaves,) = settleSigned(pair(bid, offer), signatures, list(fill));
        return leaves[0];
    }

    function testFuzz_pledges_are_always_covered_and_everything_is_certified(
        uint64 one,
        uint64 other,
        uint64 third,
        uint64 units,
        uint8 which,
        bool sellerFirst
    ) public {
        (one, other, third) =
        (uint64(bound(one, 1, 9999)), uint64(bound(other, 1, 9999)), uint64(bound(third, 1, 9999)));
        units = uint64(bound(units, 0, 40_000));
        Leaf[] memory leaves = soldSun(list(one, other, third));
        Leaf[] memory chosen = new Leaf[](which % 3 + 1);
        for (uint256 i = 0; i < chosen.length; ++i) {
            chosen[i] = leaves[(which / 3 + i) % 3];
        }
        pledged(chosen, leaves);
        measured(solarMeter, HOUR, units);
        if (sellerFirst) try certificate.issue(production(seller, "SOLAR", HOUR)) {} catch {}
        delivered(leaves);
        paidOut(leaves);
        uint256 due = 0;
        for (uint256 i = 0; i < chosen.length; ++i) {
            (uint64 lots,) = settlement.deliveredOf(chosen[i]);
            due += lots;
        }
        certificate.deliverPledged(chosen);
        try certificate.issue(production(seller, "SOLAR", HOUR)) {} catch {}
        assertHeld(buyer, solarId(), due, "buyer");
        assertHeld(seller, solarId(), units - due, "seller");
        assertEq(certificate.hourOf(solarId()).pledged, 0, "pledged");
        assertEq(certificate.hourOf(solarId()).issued, units, "issued");
    }

    function pledged(Leaf[] memory chosen, Leaf[] memory leaves) private {
        bytes32[][] memory proofs = new bytes32[][](chosen.length);
        for (uint256 i = 0; i < chosen.length; ++i) {
            proofs[i] = proofOf(leaves, chosen[i].position);
        }
        vm.prank(seller);
        certificate.pledge(1, chosen, proofs);
    }

    function two(Leaf memory first, Leaf memory second) private pure returns (Leaf[] memory leaves) {
        leaves = new Leaf[](2);
        (leaves[0], leaves[1]) = (first, second);
    }
}
