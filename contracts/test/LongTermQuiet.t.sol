// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILongTerm} from "../src/interfaces/ILongTerm.sol";
import {Activation} from "../src/types/Activation.sol";
import {Outcome, Stage} from "../src/types/Stage.sol";
import {PeriodStatement} from "../src/types/Statements.sol";
import {LongTermMarket} from "./support/LongTermMarket.sol";

/// The quiet life: what both sign is paid, and nothing of the terms is told.
contract LongTermQuiet is LongTermMarket {
    uint64 private constant LATE = type(uint64).max;
    Activation private activation;

    function setUp() public override {
        super.setUp();
        activation = anActivation(someTerms());
        activated(activation);
    }

    function test_a_period_pays_the_seller_and_fills_up_for_the_next() public {
        vm.warp(endOf(0));
        bytes32 id = idOf(activation);
        vm.expectEmit();
        emit ILongTerm.PeriodSettled(id, 0, PRICE_OF_DAY, FEE_OF_DAY, 0);
        vm.expectEmit();
        emit ILongTerm.PeriodFunded(id, 1);
        settleAgreed(activation, PeriodStatement(0, uint128(PRICE_OF_DAY), 0, LATE));
        uint256 paid = PRICE_OF_DAY + FEE_OF_DAY;
        assertAccount(buyer, FUNDS - paid - BUYER_STAKE, BUYER_STAKE, "buyer");
        assertAccount(seller, FUNDS + PRICE_OF_DAY - SELLER_STAKE, SELLER_STAKE, "seller");
        assertAccount(feeRecipient, FEE_OF_DAY, 0, "venue");
        assertStage(activation, Stage.Delivering, "goes on");
    }

    function test_three_good_periods_fulfil_it() public {
        for (uint256 i = 0; i < PERIODS; ++i) {
            settleQuietly(activation, uint128(PRICE_OF_DAY), 0);
        }
        assertClosed(activation, Outcome.Fulfilled);
        uint256 paid = 3 * (PRICE_OF_DAY + FEE_OF_DAY);
        assertAccount(buyer, FUNDS - paid, 0, "buyer");
        assertAccount(seller, FUNDS + 3 * PRICE_OF_DAY, 0, "seller");
    }

    function test_a_period_that_compensates_is_remembered() public {
        settleQuietly(activation, uint128(PRICE_OF_DAY), 1);
        settleQuietly(activation, uint128(PRICE_OF_DAY), 0);
        settleQuietly(activation, uint128(PRICE_OF_DAY), 0);
        assertClosed(activation, Outcome.Compensated);
    }

    function testFuzz_whatever_they_agree_is_netted_and_bounded(uint128 toSeller, uint128 toBuyer) public {
        toSeller = uint128(bound(toSeller, 0, 5_990_000));
        toBuyer = uint128(bound(toBuyer, 0, SELLER_STAKE));
        settleQuietly(activation, toSeller, toBuyer);
        uint256 fee = uint256(toSeller) / 100;
        assertAccount(buyer, FUNDS - BUYER_STAKE - toSeller - fee + toBuyer, BUYER_STAKE, "buyer");
        assertAccount(seller, FUNDS - SELLER_STAKE + toSeller - toBuyer, SELLER_STAKE, "seller");
        assertAccount(feeRecipient, fee, 0, "venue");
    }

    function test_nobody_agrees_to_more_than_is_locked() public {
        vm.warp(endOf(0));
        uint256 wanted = 6e6 + 60_000;
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.BeyondStake.selector, buyer, BUYER_STAKE, wanted));
        settleAgreed(activation, PeriodStatement(0, 6e6, 0, LATE));
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.BeyondStake.selector, seller, SELLER_STAKE, SELLER_STAKE + 1));
        settleAgreed(activation, PeriodStatement(0, 0, uint128(SELLER_STAKE + 1), LATE));
    }

    function test_a_statement_counts_once_for_its_period_and_until_its_deadline() public {
        PeriodStatement memory statement = PeriodStatement(0, 1e6, 0, uint64(endOf(1) + 1));
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.PeriodNotOver.selector, endOf(0)));
        settleAgreed(activation, statement);
        vm.warp(endOf(0));
        settleAgreed(activation, statement);
        vm.warp(endOf(1) + 1);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.StatementOfAnotherPeriod.selector, 1, 0));
        settleAgreed(activation, statement);
        statement.period = 1;
        vm.warp(endOf(1) + 2);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.StatementExpired.selector, endOf(1) + 1));
        settleAgreed(activation, statement);
    }

    function test_both_must_have_signed() public {
        vm.warp(endOf(0));
        PeriodStatement memory statement = PeriodStatement(0, 1e6, 0, LATE);
        bytes32 digest = digestOf(activation, statement);
        (bytes memory byBuyer, bytes memory bySeller) = (signDigest(buyer, digest), signDigest(seller, digest));
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.SignatureInvalid.selector, seller));
        longTerm.settleAgreed(activation, statement, byBuyer, byBuyer);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.SignatureInvalid.selector, buyer));
        longTerm.settleAgreed(activation, statement, bySeller, bySeller);
    }

    function test_an_agreement_that_is_not_in_force_settles_nothing() public {
        Activation memory other = anActivation(someTerms());
        other.salt = "other";
        vm.warp(endOf(0));
        bytes32 id = idOf(other);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.WrongStage.selector, id, Stage.None));
        settleAgreed(other, PeriodStatement(0, 0, 0, LATE));
    }
}
