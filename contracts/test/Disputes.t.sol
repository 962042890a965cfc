// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Guarantee} from "../src/Guarantee.sol";
import {ICustody} from "../src/interfaces/ICustody.sol";
import {IDisputes} from "../src/interfaces/IDisputes.sol";
import {IGuarantee} from "../src/interfaces/IGuarantee.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {IStandby} from "../src/interfaces/IStandby.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Order} from "../src/types/Order.sol";
import {Payout} from "../src/types/Payout.sol";
import {Outcome, Stage} from "../src/types/Stage.sol";
import {Fill} from "./support/Packing.sol";
import {ShortTrades} from "./support/ShortTrades.sol";
import {StandbyStandIn} from "./support/StandbyStandIn.sol";

/// The meter is contradicted: claims, bonds, and an arbiter who is bounded.
contract Disputes is ShortTrades {
    function verdictOn(Leaf memory leaf, address party) private view returns (IDisputes.Verdict) {
        return guarantee.claimOf(leaf.leafHash(), party).verdict;
    }

    function assertVerdict(Leaf memory leaf, address party, IDisputes.Verdict expected) private view {
        assertEq(uint256(verdictOn(leaf, party)), uint256(expected), "verdict");
    }

    /// Metered 1400; let a party claim, and the arbiter rule.
    function ruled(address party, uint64 claimed, uint64 delivered) private returns (Leaf memory leaf) {
        leaf = aShortTrade(1400);
        challenge(leaf, party, claimed);
        endChallengeWindow(leaf);
        rule(leaf, delivered, 0);
    }

    function tryToChallenge(Leaf memory leaf, address party, uint64 claimed) private {
        vm.prank(party);
        try guarantee.challenge(leaf, claimed) {} catch {}
    }

    // --- claims -------------------------------------------------------------------------------------------------

    function test_a_challenge_locks_a_bond_and_opens_a_dispute() public {
        Leaf memory leaf = aShortTrade(1400);
        bytes32 hash = leaf.leafHash();
        vm.expectEmit();
        emit IDisputes.Challenged(hash, buyer, 1400, 1000, BOND);
        challenge(leaf, buyer, 1000);
        assertStage(leaf, Stage.InDispute);
        assertAccount(buyer, FUNDS - PAYMENT - FEE - BOND, PAYMENT + FEE + BOND, "buyer");
        assertEq(settlement.escrowOf(address(guarantee), guarantee.bondKeyOf(hash), buyer), BOND, "behind its key");
        IDisputes.Claim memory claim = guarantee.claimOf(hash, buyer);
        assertEq(claim.delivered, 1000, "claimed");
        assertEq(claim.bond, BOND, "bond");
        assertTrue(!claim.plea && claim.verdict == IDisputes.Verdict.Pending, "pending");
        assertVerdict(leaf, seller, IDisputes.Verdict.None);
    }

    function test_only_the_parties_challenge() public {
        Leaf memory leaf = aShortTrade(1400);
        address[3] memory others = [operator, arbiter, stranger];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IDisputes.NotParty.selector, others[i]));
            challenge(leaf, others[i], 1000);
        }
    }

    function test_a_claim_is_another_quantity_that_was_promised() public {
        Leaf memory leaf = aShortTrade(1400);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ClaimOutOfRange.selector, 1400, 1400, 1500));
        challenge(leaf, buyer, 1400);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ClaimOutOfRange.selector, 1501, 1400, 1500));
        challenge(leaf, seller, 1501);
    }

    function test_each_party_claims_once_and_cannot_use_up_the_others_claim() public {
        Leaf memory leaf = aShortTrade(1400);
        challenge(leaf, seller, 1401);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.AlreadyClaimed.selector, leaf.leafHash(), seller));
        challenge(leaf, seller, 1500);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.AlreadyClaimed.selector, leaf.leafHash(), seller));
        plead(leaf);
        challenge(leaf, buyer, 900);
        endChallengeWindow(leaf);
        rule(leaf, 900, 0);
        assertVerdict(leaf, buyer, IDisputes.Verdict.Upheld);
        assertVerdict(leaf, seller, IDisputes.Verdict.Dismissed);
    }

    function test_claims_end_with_the_challenge_window() public {
        Leaf memory leaf = aShortTrade(1400);
        endChallengeWindow(leaf);
        bytes memory closed = abi.encodeWithSelector(IDisputes.ClaimsClosed.selector, closesAt(leaf));
        vm.expectRevert(closed);
        challenge(leaf, buyer, 1000);
        vm.expectRevert(closed);
        plead(leaf);
        vm.warp(closesAt(leaf) - 1);
        challenge(leaf, buyer, 1000);
    }

    function test_a_bond_comes_out_of_free_money() public {
        Leaf memory leaf = aShortTrade(1400);
        vm.prank(buyer);
        settlement.requestExit(FUNDS);
        vm.warp(block.timestamp + NOTICE);
        uint256 opened = guarantee.stateOf(leaf.leafHash()).openedAt;
        vm.prank(buyer);
        settlement.executeExit(buyer);
        vm.warp(opened);
        vm.expectRevert(abi.encodeWithSelector(ICustody.InsufficientFree.selector, buyer, 0, BOND));
        challenge(leaf, buyer, 1000);
    }

    function test_a_bond_is_at_least_a_micro() public {
        (Order memory bid, Order memory offer, Fill memory fill) = (aBid(), anOffer(), aFill());
        (bid.price, offer.price, fill.price, fill.quantity) = (1, 1, 1, 1);
        Leaf memory leaf = settleOne(bid, offer, fill);
        report(0);
        guarantee.open(1, leaf, new bytes32[](0));
        challenge(leaf, seller, 1);
        assertEq(guarantee.claimOf(leaf.leafHash(), seller).bond, 1, "bond");
    }

    function test_a_leaf_that_is_not_open_cannot_be_disputed() public {
        Leaf memory leaf = settleOne(aBid(), anOffer(), aFill());
        bytes memory notOpen = abi.encodeWithSelector(IGuarantee.GuaranteeNotOpen.selector, leaf.leafHash());
        vm.expectRevert(notOpen);
        challenge(leaf, buyer, 1000);
        vm.expectRevert(notOpen);
        plead(leaf);
        vm.expectRevert(notOpen);
        rule(leaf, 0, 0);
        vm.expectRevert(notOpen);
        guarantee.payableFrom(leaf);
    }

    // --- the ruling ---------------------------------------------------------------------------------------------

    function test_a_challenge_upheld_costs_the_opponent_a_bond() public {
        Leaf memory leaf = aShortTrade(1400);
        challenge(leaf, buyer, 1000);
        endChallengeWindow(leaf);
        bytes32 hash = leaf.leafHash();
        vm.expectEmit();
        emit IDisputes.Ruled(hash, 1000, 0);
        vm.expectEmit();
        emit IDisputes.ClaimDecided(hash, buyer, IDisputes.Verdict.Upheld, BOND);
        rule(leaf, 1000, 0);
        assertAccount(buyer, FUNDS - PAYMENT - FEE, PAYMENT + FEE, "the bond is back");

        assertStage(leaf, Stage.Rescue);
        vm.expectEmit();
        emit IGuarantee.PenaltyPaid(hash, seller, buyer, BOND);
        guarantee.payOut(leaf);
        // 2.00 for 1000 lots, 0.02 fee; two thirds of silver are worth the whole collateral.
        assertAccount(seller, FUNDS + 2_000_000 - COLLATERAL - BOND, 0, "seller");
        assertAccount(buyer, FUNDS - 2_020_000 + COLLATERAL + BOND, 0, "buyer");
        assertEq(slot().allotted, 1000, "allotted");
        assertNothingLocked();
    }

    function test_a_challenge_dismissed_gives_its_bond_to_the_opponent() public {
        Leaf memory leaf = ruled(buyer, 1000, 1400);
        assertAccount(seller, FUNDS - COLLATERAL + BOND, COLLATERAL, "the bond is the seller's");
        assertVerdict(leaf, buyer, IDisputes.Verdict.Dismissed);
        guarantee.payOut(leaf);
        assertAccount(seller, FUNDS + 2_800_000 - COLLATERAL + BOND, 0, "seller");
        assertNothingLocked();
    }

    function test_half_way_is_not_nearer_to_the_claim() public {
        assertVerdict(ruled(buyer, 1000, 1200), buyer, IDisputes.Verdict.Dismissed);
        setUp();
        assertVerdict(ruled(buyer, 1000, 1199), buyer, IDisputes.Verdict.Upheld);
        setUp();
        assertVerdict(ruled(seller, 1500, 1450), seller, IDisputes.Verdict.Dismissed);
        setUp();
        assertVerdict(ruled(seller, 1500, 1451), seller, IDisputes.Verdict.Upheld);
    }

    function test_what_is_ruled_beyond_the_reading_is_paid_and_not_allotted() public {
        Leaf memory leaf = ruled(seller, 1500, 1500);
        guarantee.payOut(leaf);
        IGuarantee.State memory state = guarantee.stateOf(leaf.leafHash());
        assertEq(state.delivered, 1500, "delivered");
        assertEq(state.allotted, 1400, "allotted");
        assertEq(slot().allotted, 1400, "no more than was read");
        assertTrue(state.outcome == Outcome.Fulfilled, "fulfilled");
        // Nothing is left of the buyer's money out of which it could pay for having lost.
        assertAccount(seller, FUNDS + PAYMENT, 0, "seller");
        assertAccount(buyer, FUNDS - PAYMENT - FEE, 0, "buyer");
    }

    function test_the_loser_pays_as_far_as_what_it_receives_goes() public {
        // Ruled 1499 as the seller claims: one lot comes back, with its fee, and silver pays nothing for 0.07 %.
        Leaf memory leaf = aShortTrade(1400);
        challenge(leaf, seller, 1499);
        challenge(leaf, buyer, 1000);
        endChallengeWindow(leaf);
        rule(leaf, 1499, 0);
        vm.expectEmit();
        emit IGuarantee.PenaltyPaid(leaf.leafHash(), buyer, seller, 2520);
        guarantee.payOut(leaf);
        assertAccount(buyer, FUNDS - PAYMENT - FEE - BOND, 0, "buyer");
        assertNothingLocked();
    }

    /// Nothing is paid for nothing delivered, and the compensation takes all the collateral.
    function test_a_seller_who_receives_nothing_pays_nothing_more() public {
        Leaf memory leaf = ruled(buyer, 0, 0);
        assertVerdict(leaf, buyer, IDisputes.Verdict.Upheld);
        guarantee.payOut(leaf);
        assertAccount(seller, FUNDS - COLLATERAL, 0, "seller");
        assertAccount(buyer, FUNDS + COLLATERAL, 0, "buyer");
        assertNothingLocked();
    }

    /// A seller could otherwise keep the reading back, claim what it says, and earn the bond's amount.
    function test_a_buyer_who_claims_nothing_loses_nothing() public {
        Leaf memory leaf = anUnmeteredTrade();
        challenge(leaf, seller, 1000);
        endChallengeWindow(leaf);
        rule(leaf, 1000, 0);
        assertVerdict(leaf, seller, IDisputes.Verdict.Upheld);
        Payout memory payout = guarantee.payoutOf(leaf, 1000, 0, 0, 0);
        guarantee.payOut(leaf);
        uint256 cost = payout.paidToSeller + payout.fee - payout.compensation;
        assertAccount(buyer, FUNDS - cost, 0, "buyer");
        assertEq(slot().allotted, 0, "nothing was read");
        assertNothingLocked();
    }

    function test_a_claim_with_which_a_later_reading_agrees_costs_nobody() public {
        Leaf memory leaf = anUnmeteredTrade();
        challenge(leaf, seller, 1000);
        report(1000);
        endChallengeWindow(leaf);
        rule(leaf, 1000, 0);
        assertVerdict(leaf, seller, IDisputes.Verdict.Lapsed);
        assertAccount(seller, FUNDS - COLLATERAL, COLLATERAL, "the bond is back");
        Payout memory payout = guarantee.payoutOf(leaf, 1000, 0, 0, 0);
        guarantee.payOut(leaf);
        assertAccount(seller, FUNDS + payout.paidToSeller - payout.compensation, 0, "seller");
        assertNothingLocked();
    }

    function test_a_reading_kept_back_to_the_last_can_be_contradicted() public {
        Leaf memory leaf = anUnmeteredTrade();
        vm.warp(readingsUntil(leaf) - 1);
        report(1400);
        vm.warp(closesAt(leaf) - 1);
        challenge(leaf, buyer, 1000);
        endChallengeWindow(leaf);
        rule(leaf, 1000, 0);
        assertVerdict(leaf, buyer, IDisputes.Verdict.Upheld);
    }

    function judgesItself(address party) private {
        arbiter = party;
        setUp();
        Leaf memory leaf = aShortTrade(1400);
        challenge(leaf, party, 0);
        endChallengeWindow(leaf);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ArbiterIsParty.selector, party));
        rule(leaf, 0, 0);
        endRulingWindow(leaf);
        guarantee.payOut(leaf);
        assertEq(guarantee.stateOf(leaf.leafHash()).delivered, 1400, "the reading stands");
        assertNothingLocked();
    }

    function test_an_arbiter_does_not_judge_its_own_case() public {
        judgesItself(buyer);
        judgesItself(seller);
    }

    function test_claims_on_both_sides_stand_each_for_itself() public {
        Leaf memory leaf = aShortTrade(1400);
        challenge(leaf, buyer, 1000);
        challenge(leaf, seller, 1500);
        endChallengeWindow(leaf);
        rule(leaf, 1400, 0);
        assertVerdict(leaf, buyer, IDisputes.Verdict.Dismissed);
        assertVerdict(leaf, seller, IDisputes.Verdict.Dismissed);
        assertAccount(buyer, FUNDS - PAYMENT - FEE, PAYMENT + FEE, "bonds were exchanged");
        assertAccount(seller, FUNDS - COLLATERAL, COLLATERAL, "bonds were exchanged");
    }

    function test_two_claims_upheld_cancel_out() public {
        Leaf memory leaf = aShortTrade(1400);
        challenge(leaf, buyer, 1000);
        challenge(leaf, seller, 1100);
        endChallengeWindow(leaf);
        rule(leaf, 1050, 0);
        guarantee.payOut(leaf);
        assertAccount(seller, FUNDS + 2_100_000 - COLLATERAL, 0, "seller");
        assertNothingLocked();
    }

    function test_the_ruling_is_between_the_reading_and_the_claims() public {
        Leaf memory leaf = aShortTrade(1400);
        challenge(leaf, buyer, 1000);
        endChallengeWindow(leaf);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.DeliveredOutOfBounds.selector, 999, 1000, 1400));
        rule(leaf, 999, 0);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.DeliveredOutOfBounds.selector, 1401, 1000, 1400));
        rule(leaf, 1401, 0);
    }

    function test_a_reading_inside_the_window_bounds_the_ruling() public {
        Leaf memory leaf = anUnmeteredTrade();
        challenge(leaf, seller, 1000);
        report(1200);
        endChallengeWindow(leaf);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.DeliveredOutOfBounds.selector, 999, 1000, 1200));
        rule(leaf, 999, 0);
        rule(leaf, 1200, 0);
        assertVerdict(leaf, seller, IDisputes.Verdict.Dismissed);
    }

    /// Whoever holds a reading back until the other side has claimed what it says wins no bond by it.
    function test_a_claim_that_a_reading_confirms_costs_nobody_a_bond() public {
        Leaf memory leaf = anUnmeteredTrade();
        challenge(leaf, seller, 1200);
        uint256 buyers = freeOf(buyer);
        uint256 sellers = freeOf(seller);
        report(1200);
        endChallengeWindow(leaf);
        rule(leaf, 1200, 0);
        assertVerdict(leaf, seller, IDisputes.Verdict.Lapsed);
        assertEq(freeOf(buyer), buyers, "buyer");
        assertEq(freeOf(seller), sellers + BOND, "seller");
    }

    function test_the_arbiter_rules_after_the_challenge_window_and_before_its_own_ends() public {
        Leaf memory leaf = aShortTrade(1400);
        challenge(leaf, buyer, 1000);
        uint256 from = closesAt(leaf);
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.RulingTooEarly.selector, from));
        rule(leaf, 1000, 0);
        vm.warp(from + RULING_WINDOW);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.RulingTooLate.selector, from + RULING_WINDOW));
        rule(leaf, 1000, 0);
        vm.warp(from + RULING_WINDOW - 1);
        rule(leaf, 1000, 0);
    }

    function test_nobody_else_rules() public {
        Leaf memory leaf = aShortTrade(1400);
        challenge(leaf, buyer, 1000);
        endChallengeWindow(leaf);
        address[3] memory others = [operator, buyer, stranger];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IDisputes.NotArbiter.selector, others[i]));
            vm.prank(others[i]);
            guarantee.rule(leaf, 1000, 0);
        }
    }

    function test_the_arbiter_rules_once_and_only_on_claims() public {
        Leaf memory leaf = aShortTrade(1400);
        bytes memory nothing = abi.encodeWithSelector(IDisputes.NothingInDispute.selector, leaf.leafHash());
        endChallengeWindow(leaf);
        vm.expectRevert(nothing);
        rule(leaf, 1400, 0);
        setUp();
        leaf = ruled(buyer, 1000, 1200);
        vm.expectRevert(nothing);
        rule(leaf, 1000, 0);
    }

    function test_if_the_arbiter_is_silent_the_reading_stands_and_the_bonds_go_back() public {
        Leaf memory leaf = aShortTrade(1400);
        challenge(leaf, buyer, 1000);
        challenge(leaf, seller, 1500);
        uint256 until = closesAt(leaf) + RULING_WINDOW;
        assertEq(guarantee.payableFrom(leaf), until, "payable");
        vm.warp(until - 1);
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.NotPayableYet.selector, until));
        guarantee.payOut(leaf);
        vm.warp(until);
        vm.expectEmit();
        emit IDisputes.ClaimDecided(leaf.leafHash(), buyer, IDisputes.Verdict.Lapsed, BOND);
        guarantee.payOut(leaf);
        assertAccount(seller, FUNDS + 2_800_000 - COLLATERAL, 0, "seller");
        assertVerdict(leaf, seller, IDisputes.Verdict.Lapsed);
        assertNothingLocked();
    }

    // --- deployment ---------------------------------------------------------------------------------------------

    function assertRefused(IGuarantee.Rules memory rules, bytes memory reason) private {
        vm.expectRevert(reason);
        new Guarantee(settlement, IStandby(address(standIn)), rules);
    }

    function test_rules_are_within_bounds() public {
        IGuarantee.Rules memory rules = someRules();
        rules.arbiter = address(0);
        assertRefused(rules, abi.encodeWithSelector(IGuarantee.ArbiterMissing.selector));
        for (uint64 i = 0; i < 6; ++i) {
            uint64 wrong = i % 2 == 0 ? 0 : 30 days + 1;
            rules = someRules();
            if (i / 2 == 0) rules.challengeWindow = wrong;
            if (i / 2 == 1) rules.rulingWindow = wrong;
            if (i / 2 == 2) rules.rescueWindow = wrong;
            assertRefused(rules, abi.encodeWithSelector(IGuarantee.WindowOutOfRange.selector, wrong));
        }
        rules = someRules();
        rules.bondRate = 1_000_001;
        assertRefused(rules, abi.encodeWithSelector(IGuarantee.RateOutOfRange.selector, 1_000_001));
        rules = someRules();
        rules.excuseMost = 1_000_001;
        assertRefused(rules, abi.encodeWithSelector(IGuarantee.RateOutOfRange.selector, 1_000_001));
    }

    function test_the_standby_contract_serves_the_same_settlement() public {
        StandbyStandIn other = new StandbyStandIn();
        other.serve(stranger);
        vm.expectRevert(abi.encodeWithSelector(IGuarantee.StandbyOfAnother.selector, address(other), stranger));
        new Guarantee(settlement, IStandby(address(other)), someRules());
    }

    function test_the_rules_are_told() public {
        assertEq(keccak256(abi.encode(guarantee.rules())), keccak256(abi.encode(someRules())), "rules");
        assertEq(guarantee.standby(), address(standIn), "standby");
        Guarantee alone = new Guarantee(ISettlement(address(settlement)), IStandby(address(0)), someRules());
        assertEq(alone.standby(), address(0), "no standby");
    }

    // --- fuzz ---------------------------------------------------------------------------------------------------

    /// Whatever is claimed and ruled, nothing stays locked, the arbiter gains nothing, and neither side loses more than
    /// what the leaf locks of it and two bonds.
    function testFuzz_a_dispute_shares_out_the_lock_and_the_bonds(
        uint64 metered,
        uint64 ofBuyer,
        uint64 ofSeller,
        uint64 delivered,
        uint64 excused,
        uint8 who
    ) public {
        metered = uint64(bound(metered, 0, QUANTITY - 1));
        Leaf memory leaf = aShortTrade(metered);
        if (who & 1 != 0) tryToChallenge(leaf, buyer, ofBuyer % (QUANTITY + 1));
        if (who & 4 != 0) plead(leaf);
        else if (who & 2 != 0) tryToChallenge(leaf, seller, ofSeller % (QUANTITY + 1));
        endChallengeWindow(leaf);
        delivered = delivered % (QUANTITY + 1);
        vm.prank(arbiter);
        try guarantee.rule(leaf, delivered, excused % (QUANTITY + 1)) {
            assertEq(guarantee.stateOf(leaf.leafHash()).delivered, delivered, "as ruled");
        } catch {}
        vm.warp(guarantee.payableFrom(leaf));
        guarantee.payOut(leaf);
        assertNothingLocked();
        assertEq(freeOf(arbiter), 0, "arbiter");
        assertTrue(freeOf(buyer) + PAYMENT + FEE + 2 * BOND >= FUNDS, "buyer");
        assertTrue(freeOf(seller) + COLLATERAL + 2 * BOND >= FUNDS, "seller");
        assertTrue(slot().allotted <= metered, "allotted");
    }
}
