// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../src/interfaces/IDisputes.sol";
import {IGuarantee} from "../src/interfaces/IGuarantee.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Outcome, Stage} from "../src/types/Stage.sol";
import {ShortTrades} from "./support/ShortTrades.sol";

/// The seller asks to be excused; the arbiter may, within the rules.
contract ForceMajeure is ShortTrades {
    function pleaded(uint64 delivered) private returns (Leaf memory leaf) {
        leaf = aShortTrade(delivered);
        plead(leaf);
        endChallengeWindow(leaf);
    }

    function test_a_plea_locks_a_bond_and_opens_a_dispute() public {
        Leaf memory leaf = aShortTrade(1400);
        vm.expectEmit();
        emit IDisputes.Pleaded(leaf.leafHash(), seller, BOND);
        plead(leaf);
        assertStage(leaf, Stage.InDispute);
        assertAccount(seller, FUNDS - COLLATERAL - BOND, COLLATERAL + BOND, "seller");
        assertTrue(guarantee.claimOf(leaf.leafHash(), seller).plea, "a plea");
    }

    function test_only_the_seller_pleads() public {
        Leaf memory leaf = aShortTrade(1400);
        address[3] memory others = [buyer, arbiter, stranger];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IDisputes.NotSeller.selector, others[i]));
            vm.prank(others[i]);
            guarantee.plead(leaf);
        }
    }

    /// Metered 1000 of 1500: 500 are missing, and 400 of them can be excused.
    function test_what_is_excused_costs_neither_cover_nor_credit() public {
        Leaf memory leaf = pleaded(1000);
        rule(leaf, 1000, 400);
        assertAccount(seller, FUNDS - COLLATERAL, COLLATERAL, "the bond is back");
        guarantee.payOut(leaf);
        // 1400 of 1500 are still less than 95 %: silver owes all that it put up, whatever is excused.
        assertAccount(seller, FUNDS + 2_000_000 - COLLATERAL, 0, "seller");
        assertAccount(buyer, FUNDS - 2_020_000 + COLLATERAL, 0, "nobody is at fault: no penalty");
        IGuarantee.State memory state = guarantee.stateOf(leaf.leafHash());
        assertEq(state.excused, 400, "excused");
        assertTrue(state.outcome == Outcome.Compensated, "outcome");
        assertNothingLocked();
    }

    function test_an_excuse_lifts_the_seller_up_the_ladder() public {
        // Metered 1460: 40 missing, 32 excused; 1492 of 1500 is a credit of 10 %, above the cover of the 8 others.
        Leaf memory leaf = pleaded(1460);
        rule(leaf, 1460, 32);
        guarantee.payOut(leaf);
        assertAccount(seller, FUNDS + 2_920_000 - 300_000, 0, "seller");
        assertNothingLocked();
    }

    function test_the_excuse_is_bounded_by_the_rules() public {
        Leaf memory leaf = pleaded(1000);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ExcusedOutOfBounds.selector, 401, 400));
        rule(leaf, 1000, 401);
    }

    function test_nothing_is_excused_without_a_plea() public {
        Leaf memory leaf = aShortTrade(1000);
        challenge(leaf, buyer, 900);
        endChallengeWindow(leaf);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ExcusedOutOfBounds.selector, 1, 0));
        rule(leaf, 1000, 1);
    }

    function test_a_plea_says_nothing_about_the_quantity() public {
        Leaf memory leaf = pleaded(1000);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.DeliveredOutOfBounds.selector, 999, 1000, 1000));
        rule(leaf, 999, 0);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.DeliveredOutOfBounds.selector, 1001, 1000, 1000));
        rule(leaf, 1001, 0);
    }

    function test_a_plea_that_is_refused_gives_its_bond_to_the_buyer() public {
        Leaf memory leaf = pleaded(1000);
        rule(leaf, 1000, 0);
        assertAccount(buyer, FUNDS - PAYMENT - FEE + BOND, PAYMENT + FEE, "buyer");
        guarantee.payOut(leaf);
        assertAccount(seller, FUNDS + 2_000_000 - COLLATERAL - BOND, 0, "seller");
    }

    function test_a_plea_answers_a_challenge() public {
        Leaf memory leaf = aShortTrade(1000);
        challenge(leaf, buyer, 500);
        plead(leaf);
        endChallengeWindow(leaf);
        // 1000 would be missing if the buyer were right: the excuse is of what the ruling leaves.
        rule(leaf, 500, 800);
        guarantee.payOut(leaf);
        // Both were upheld: the seller answers for its meter, and nobody for what is excused.
        assertAccount(seller, FUNDS + 1_000_000 - COLLATERAL - BOND, 0, "seller");
        assertNothingLocked();
    }

    function test_a_plea_on_which_nobody_ruled_lapses() public {
        Leaf memory leaf = pleaded(1000);
        endRulingWindow(leaf);
        guarantee.payOut(leaf);
        assertAccount(seller, FUNDS + 2_000_000 - COLLATERAL, 0, "seller");
        assertEq(guarantee.stateOf(leaf.leafHash()).excused, 0, "nothing excused");
        assertNothingLocked();
    }

    function testFuzz_an_excuse_never_costs_the_seller(uint64 metered, uint64 excused) public {
        metered = uint64(bound(metered, 0, QUANTITY - 1));
        uint64 most = (QUANTITY - metered) * EXCUSE_MOST / 1_000_000;
        excused = uint64(bound(excused, 0, most));
        Leaf memory leaf = pleaded(metered);
        rule(leaf, metered, excused);
        uint256 without = guarantee.payoutOf(leaf, metered, 0, 0, 0).compensation;
        assertTrue(guarantee.payoutOf(leaf, metered, excused, 0, 0).compensation <= without, "compensation");
        guarantee.payOut(leaf);
        assertNothingLocked();
    }
}
