// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Breach as Library} from "../src/libraries/Breach.sol";
import {Money} from "../src/libraries/Money.sol";
import {Tiers} from "../src/libraries/Tiers.sol";
import {Amounts, Leaf} from "../src/types/Leaf.sol";
import {Payout} from "../src/types/Payout.sol";
import {Market} from "./support/Market.sol";

/// The arithmetic of a trade that fell short, for every leaf there can be.
contract Breach is Market {
    using Money for Leaf;

    struct Drawn {
        uint64 price;
        uint64 referencePrice;
        uint64 quantity;
        uint16 feeBps;
        uint8 kind;
        uint64 delivered;
        uint64 excused;
        uint64 rescued;
        uint64 strike;
    }

    /// A leaf of any commodity and tier, and lots that are at most its quantity.
    function leafOf(Drawn memory drawn) private pure returns (Leaf memory leaf) {
        leaf.instrument = instrumentOf(1 + drawn.kind % 3, HOUR, 1, drawn.kind / 3 % 5);
        leaf.price = drawn.price;
        leaf.referencePrice = drawn.referencePrice;
        leaf.quantity = uint64(bound(drawn.quantity, 1, type(uint64).max));
        leaf.feeBps = uint16(bound(drawn.feeBps, 0, 10_000));
        drawn.delivered = uint64(bound(drawn.delivered, 0, leaf.quantity));
        drawn.excused = uint64(bound(drawn.excused, 0, leaf.quantity - drawn.delivered));
        drawn.rescued = uint64(bound(drawn.rescued, 0, leaf.quantity - drawn.delivered - drawn.excused));
    }

    function payoutOf(Leaf memory leaf, Drawn memory drawn) private pure returns (Payout memory) {
        return Library.payoutOf(leaf, drawn.delivered, drawn.excused, drawn.rescued, drawn.strike);
    }

    function testFuzz_all_that_is_locked_is_shared_out(Drawn memory drawn) public pure {
        Leaf memory leaf = leafOf(drawn);
        Amounts memory locked = leaf.amounts();
        Payout memory payout = payoutOf(leaf, drawn);
        uint256 fromBuyer = payout.paidToFallback - payout.gap;
        assertEq(
            payout.paidToSeller + fromBuyer + payout.fee + payout.returnedToBuyer,
            locked.payment + locked.fee,
            "the buyer's"
        );
        assertTrue(payout.gap + payout.compensation <= locked.collateral, "the seller's");
        assertTrue(payout.fee <= locked.fee, "no more fee than was locked");
    }

    function testFuzz_a_strike_that_the_collateral_covers_is_paid_in_full(Drawn memory drawn) public pure {
        Leaf memory leaf = leafOf(drawn);
        uint64 called = leaf.quantity - drawn.delivered - drawn.excused;
        if (Library.gapOf(leaf, called, drawn.strike) > leaf.amounts().collateral) return;
        uint256 strike = Money.value(leaf.instrument, drawn.strike, drawn.rescued);
        assertEq(payoutOf(leaf, drawn).paidToFallback, strike, "strike");
    }

    function testFuzz_without_an_excuse_or_a_rescue_it_is_the_higher_of_cover_and_credit(Drawn memory drawn)
        public
        pure
    {
        Leaf memory leaf = leafOf(drawn);
        (drawn.excused, drawn.rescued) = (0, 0);
        Amounts memory locked = leaf.amounts();
        uint256 dearer = drawn.referencePrice > drawn.price ? drawn.referencePrice - drawn.price : 0;
        uint256 owed = Money.value(leaf.instrument, dearer, leaf.quantity - drawn.delivered);
        uint256 credit =
            locked.payment * Tiers.credit(drawn.kind / 3 % 5, drawn.delivered, leaf.quantity) / Tiers.PPM_ONE;
        if (credit > owed) owed = credit;
        if (owed > locked.collateral) owed = locked.collateral;
        assertEq(payoutOf(leaf, drawn).compensation, owed, "compensation");
    }

    function testFuzz_the_more_is_delivered_the_more_is_paid_and_the_less_is_owed(Drawn memory drawn, uint64 more)
        public
        pure
    {
        Leaf memory leaf = leafOf(drawn);
        Payout memory less = payoutOf(leaf, drawn);
        drawn.delivered += uint64(bound(more, 0, leaf.quantity - drawn.delivered - drawn.excused - drawn.rescued));
        Payout memory payout = payoutOf(leaf, drawn);
        assertTrue(payout.paidToSeller >= less.paidToSeller, "paid");
        assertTrue(payout.compensation <= less.compensation, "owed");
        assertTrue(payout.returnedToBuyer <= less.returnedToBuyer, "returned");
    }

    function testFuzz_an_excuse_takes_nothing_from_anybody_but_the_buyers_compensation(Drawn memory drawn, uint64 more)
        public
        pure
    {
        Leaf memory leaf = leafOf(drawn);
        Payout memory without = payoutOf(leaf, drawn);
        drawn.excused += uint64(bound(more, 0, leaf.quantity - drawn.delivered - drawn.excused - drawn.rescued));
        Payout memory payout = payoutOf(leaf, drawn);
        assertTrue(payout.compensation <= without.compensation, "compensation");
        payout.compensation = without.compensation;
        assertEq(keccak256(abi.encode(payout)), keccak256(abi.encode(without)), "the rest");
    }

    /// What a fallback delivers saves the seller cover, and costs it the gap: never less than the ladder says.
    function testFuzz_a_rescue_charges_the_collateral_at_least_the_credit(Drawn memory drawn) public pure {
        Leaf memory leaf = leafOf(drawn);
        Payout memory payout = payoutOf(leaf, drawn);
        uint256 share = Tiers.credit(drawn.kind / 3 % 5, drawn.delivered + drawn.excused, leaf.quantity);
        Amounts memory locked = leaf.amounts();
        uint256 credit = locked.payment * share / Tiers.PPM_ONE;
        uint256 least = credit < locked.collateral ? credit : locked.collateral;
        assertTrue(payout.gap + payout.compensation >= least, "charge");
    }

    function test_lots_beyond_the_quantity_are_refused() public {
        Leaf memory leaf = settleOne(aBid(), anOffer(), aFill());
        vm.expectRevert();
        guarantee.payoutOf(leaf, 1000, 300, 201, 0);
        assertEq(guarantee.payoutOf(leaf, 1000, 300, 200, 2_000_000).paidToFallback, 400_000, "just all of it");
    }
}
