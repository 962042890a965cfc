// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../src/interfaces/IDisputes.sol";
import {IGuarantee} from "../src/interfaces/IGuarantee.sol";
import {IMetering} from "../src/interfaces/IMetering.sol";
import {IStandby} from "../src/interfaces/IStandby.sol";
import {Amounts, Leaf} from "../src/types/Leaf.sol";
import {Order} from "../src/types/Order.sol";
import {Payout} from "../src/types/Payout.sol";
import {Outcome, Stage} from "../src/types/Stage.sol";
import {Fill, Packing} from "./support/Packing.sol";
import {ShortTrades} from "./support/ShortTrades.sol";

/// Trades hours that fall short, claims, rules, calls fallbacks and pays out, in any sequence, by anybody.
contract GuaranteeCrowd is ShortTrades {
    struct Trade {
        uint64 batchNumber;
        Leaf leaf;
        IStandby.Terms called;
    }

    /// What a ruling may be.
    struct Bounds {
        uint64 metered;
        uint64 least;
        uint64 most;
        bool plea;
    }

    /// What the parties have, and what they claimed, before something happens.
    struct Before {
        uint256 ofBuyer;
        uint256 ofSeller;
        IDisputes.Claim byBuyer;
        IDisputes.Claim bySeller;
    }

    uint256 private constant TRADES_MOST = 6;

    Trade[] private trades;
    mapping(uint64 batchNumber => Leaf[]) private leavesOf;
    IStandby.Terms[] private plan;
    uint64 private serial;
    uint256 private deposited;
    mapping(string what => uint256) public times;

    constructor() {
        setUp();
        fund(buyer, 1e12);
        fund(seller, 1e12);
        fund(fallbackSupplier, 1e9); // no party, though it could pay a bond
        deposited = 2 * (uint256(FUNDS) + 1e12) + 1e9;
    }

    // --- what may happen ------------------------------------------------------------------------------------------

    function trade(uint64 first, uint64 second, uint256 tier) external {
        if (trades.length == TRADES_MOST) return;
        uint256 hour = block.timestamp / 1 hours + 1;
        (Order memory bid, Order memory offer) = (aBid(), anOffer());
        bid.instrument = offer.instrument = instrumentOf(1, hour, 1, tier % 5);
        bid.quantity = offer.quantity = 1e9;
        bid.goodUntil = offer.goodUntil = uint64(block.timestamp);
        bid.settleUntil = offer.settleUntil = uint64(block.timestamp);
        bid.clientOrderId = offer.clientOrderId = ++serial;
        (Fill memory one, Fill memory other) = (aFill(), aFill());
        one.quantity = uint64(bound(first, 1, 3000));
        (other.tradeNumber, other.quantity) = (one.tradeNumber + 1, uint64(bound(second, 1, 3000)));
        (Leaf[] memory leaves,) = settle(pair(bid, offer), list(one, other));
        for (uint256 i = 0; i < leaves.length; ++i) {
            trades.push();
            (trades[trades.length - 1].batchNumber, trades[trades.length - 1].leaf) = (nextBatch - 1, leaves[i]);
            leavesOf[nextBatch - 1].push(leaves[i]);
        }
    }

    /// The seller names a fallback: dear or cheap, with many lots or few.
    function name(uint64 strike, uint64 lots, bool closed) external {
        if (plan.length == 4) return;
        IStandby.Terms memory terms = termsOf(uint64(bound(strike, 0, 4_000_000)), bytes32(plan.length));
        terms.lots = uint64(bound(lots, 1, 6000));
        standIn.name(terms);
        if (closed) standIn.close(terms);
        plan.push(terms);
    }

    function measure(uint256 seed, uint64 units) external {
        if (trades.length == 0) return;
        uint32 hour = hourOf(trades[seed % trades.length].leaf);
        if (block.timestamp < (uint256(hour) + 1) * 1 hours) return;
        settlement.report(list(aReading(meter, hour, uint64(bound(units, 0, 6500)))));
    }

    /// A reading is kept back until somebody has claimed just what it says.
    function keepBack(uint256 seed, uint64 claimed) external {
        for (uint256 i = 0; i < trades.length; ++i) {
            Trade storage one = trades[(seed % trades.length + i) % trades.length];
            uint32 hour = hourOf(one.leaf);
            if (settlement.slotOf(meter, hour).reportedAt != 0) continue;
            uint256 due = (uint256(hour) + 1) * 1 hours + READING_WINDOW + 1;
            if (block.timestamp < due) vm.warp(due);
            tryToOpen(one);
            claimed = uint64(bound(claimed, 1, one.leaf.quantity));
            vm.prank(seed >> 8 & 1 == 0 ? buyer : seller);
            try guarantee.challenge(one.leaf, claimed) {} catch {}
            uint64 units = uint64(uint256(claimed) * settlement.slotOf(meter, hour).sold / one.leaf.quantity);
            settlement.report(list(aReading(meter, hour, units)));
            return;
        }
    }

    function deliver(uint256 seed) external {
        if (nextBatch == 1) return;
        uint64 number = uint64(1 + seed % (nextBatch - 1));
        settlement.deliverBatch(number, Packing.leaves(leavesOf[number]), type(uint256).max, noReadings());
    }

    function open(uint256 seed) external {
        if (trades.length == 0) return;
        tryToOpen(trades[seed % trades.length]);
    }

    function challenge(uint256 seed, uint64 claimed) external {
        if (trades.length == 0) return;
        Leaf memory leaf = openOr(seed);
        address who = anybody(seed);
        claimed = uint64(bound(claimed, 0, leaf.quantity + 1));
        vm.prank(who);
        try guarantee.challenge(leaf, claimed) {
            assertTrue(who == buyer || who == seller, "a party challenged");
            assertTrue(block.timestamp < closesAt(leaf), "in the window");
            ++times["challenged"];
        } catch {}
    }

    function plead(uint256 seed) external {
        if (trades.length == 0) return;
        Leaf memory leaf = openOr(seed);
        address who = anybody(seed);
        vm.prank(who);
        try guarantee.plead(leaf) {
            assertEq(who, seller, "the seller pleaded");
            ++times["pleaded"];
        } catch {}
    }

    /// Rule by a whim: 0 as one may, 1 any quantity, 2 any excuse, 3 anybody. One at a time, or one refusal hides another.
    function rule(uint256 seed, uint64 delivered, uint64 excused, uint256 whim) external {
        if (trades.length == 0) return;
        whim %= 4;
        Leaf memory leaf = disputedOr(seed);
        Bounds memory bounds = boundsOf(leaf);
        delivered = uint64(bound(delivered, whim == 1 ? 0 : bounds.least, whim == 1 ? leaf.quantity : bounds.most));
        uint64 missing = leaf.quantity - delivered;
        uint64 excusable = bounds.plea ? uint64(uint256(missing) * EXCUSE_MOST / 1e6) : 0;
        excused = uint64(bound(excused, 0, whim == 2 ? missing : excusable));
        address who = whim == 3 ? anybody(seed) : arbiter;
        Before memory before = beforeOf(leaf);
        vm.prank(who);
        try guarantee.rule(leaf, delivered, excused) {
            assertEq(who, arbiter, "the arbiter ruled");
            assertTrue(block.timestamp >= closesAt(leaf), "ruled after the claims");
            assertTrue(block.timestamp < closesAt(leaf) + RULING_WINDOW, "ruled in time");
            assertTrue(delivered >= bounds.least && delivered <= bounds.most, "ruled within bounds");
            assertTrue(excused <= excusable, "excused within bounds");
            checkBonds(leaf, before, bounds.metered, delivered, excused);
            ++times["ruled"];
        } catch {}
    }

    function callFallback(uint256 seed, bool hostile) external {
        if (trades.length == 0 || plan.length == 0) return;
        Trade storage chosen = trades[seed % trades.length];
        bytes32 hash = chosen.leaf.leafHash();
        uint8 rank = guarantee.stateOf(hash).rank;
        IStandby.Terms memory terms = plan[hostile ? (seed >> 8) % plan.length : rank % plan.length];
        address who = hostile ? anybody(seed >> 16) : buyer;
        vm.prank(who);
        try guarantee.callFallback(chosen.leaf, terms) returns (bytes32 callId) {
            assertEq(who, buyer, "the buyer called");
            assertEq(standIn.idOf(terms), standIn.idOf(plan[rank]), "who was next");
            assertTrue(block.timestamp >= guarantee.stateOf(hash).finalAt, "what was delivered is final");
            if (callId != 0) chosen.called = terms;
            ++times[callId == 0 ? "passed over" : "called"];
        } catch {}
    }

    /// The supplier answers, delivers or lets things lapse.
    function answer(uint256 seed, uint64 lots, bool declined, bool atOnce) external {
        if (trades.length == 0) return;
        bytes32 callId = guarantee.callOf(trades[seed % trades.length].leaf.leafHash());
        if (callId == 0) return;
        IStandby.CallStatus status = declined ? IStandby.CallStatus.Declined : IStandby.CallStatus.Over;
        lots = declined ? 0 : uint64(bound(lots, 0, standIn.callOf(callId).lots));
        if (atOnce) standIn.end(callId, status, lots);
        else standIn.endWith(callId, status, lots);
    }

    function conclude(uint256 seed) external {
        if (trades.length == 0) return;
        tryToConclude(trades[seed % trades.length]);
    }

    function payOut(uint256 seed) external {
        if (trades.length == 0) return;
        tryToPayOut(trades[seed % trades.length].leaf);
    }

    function waitShort(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 20 minutes));
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 3 hours));
    }

    function waitLong(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 30 hours));
    }

    /// Everything comes to its end, without the operator, the arbiter or the meter.
    function finish() external {
        vm.warp(block.timestamp + 60 days);
        for (uint64 number = 1; number < nextBatch; ++number) {
            settlement.deliverBatch(number, Packing.leaves(leavesOf[number]), type(uint256).max, noReadings());
        }
        for (uint256 i = 0; i < trades.length; ++i) {
            tryToOpen(trades[i]);
        }
        vm.warp(block.timestamp + 60 days);
        for (uint256 i = 0; i < trades.length; ++i) {
            Trade storage one = trades[i];
            tryToPayOut(one.leaf); // not while a call runs
            bytes32 callId = guarantee.callOf(one.leaf.leafHash());
            if (callId != 0) standIn.end(callId, IStandby.CallStatus.Declined, 0);
            tryToConclude(one);
            tryToPayOut(one.leaf);
        }
        assertEq(settlement.accountOf(buyer).locked, 0, "everything of the buyer's is free");
        assertEq(settlement.accountOf(seller).locked, 0, "everything of the seller's is free");
        this.checkMoney();
    }

    // --- what must hold -------------------------------------------------------------------------------------------

    /// No money appears, vanishes or reaches somebody whom it does not belong to, and what is locked has its reason.
    function checkMoney() external view {
        uint256 free = freeOf(buyer) + freeOf(seller) + freeOf(feeRecipient) + freeOf(fallbackSupplier);
        uint256 locked = settlement.accountOf(buyer).locked + uint256(settlement.accountOf(seller).locked);
        assertEq(free + locked, deposited, "money is kept");
        assertEq(freeOf(arbiter) + freeOf(stranger) + freeOf(operator), 0, "nobody else gains");
        uint256 due = 0;
        for (uint256 i = 0; i < trades.length; ++i) {
            due += lockedFor(trades[i]);
        }
        assertEq(locked, due, "locked is for trades and bonds");
    }

    /// What a meter read is given out once, and what is closed ended within the bounds.
    function checkLeaves() external view {
        for (uint256 i = 0; i < trades.length; ++i) {
            IMetering.Slot memory metered = settlement.slotOf(meter, hourOf(trades[i].leaf));
            assertTrue(metered.allotted <= metered.units, "no more than was read");
            assertEq(metered.allotted, allottedOf(hourOf(trades[i].leaf)), "each lot once");
            IGuarantee.State memory state = guarantee.stateOf(trades[i].leaf.leafHash());
            assertTrue(
                uint256(state.delivered) + state.excused + state.rescued <= trades[i].leaf.quantity, "lots of the leaf"
            );
            assertTrue((state.stage == Stage.Closed) == (state.outcome != Outcome.None), "an outcome at the end");
        }
    }

    // --- how ------------------------------------------------------------------------------------------------------

    function anybody(uint256 seed) private view returns (address) {
        address[8] memory all = [buyer, seller, arbiter, fallbackSupplier, stranger, operator, buyer, seller];
        return all[(seed >> 8) % 8];
    }

    /// Return a leaf that is open and not ruled on, from the seed's on, or the seed's if none is.
    function openOr(uint256 seed) private view returns (Leaf memory) {
        for (uint256 i = 0; i < trades.length; ++i) {
            Leaf memory leaf = trades[(seed % trades.length + i) % trades.length].leaf;
            Stage stage = guarantee.stateOf(leaf.leafHash()).stage;
            if (stage == Stage.InChallenge || stage == Stage.InDispute) return leaf;
        }
        return trades[seed % trades.length].leaf;
    }

    /// Return a leaf in dispute, from the seed's on, or the seed's if none is.
    function disputedOr(uint256 seed) private view returns (Leaf memory) {
        for (uint256 i = 0; i < trades.length; ++i) {
            Leaf memory leaf = trades[(seed % trades.length + i) % trades.length].leaf;
            if (guarantee.stateOf(leaf.leafHash()).stage == Stage.InDispute) return leaf;
        }
        return trades[seed % trades.length].leaf;
    }

    function hourOf(Leaf memory leaf) private pure returns (uint32) {
        return uint32(leaf.instrument >> 24 & 0xFFFFFF);
    }

    function tryToOpen(Trade storage one) private {
        bytes32[] memory proof = proofOf(leavesOf[one.batchNumber], one.leaf.position);
        try guarantee.open(one.batchNumber, one.leaf, proof) {
            ++times["opened"];
        } catch {}
    }

    /// Pay out: not before everything is over, always from then on, and once.
    function tryToPayOut(Leaf memory leaf) private {
        bytes32 hash = leaf.leafHash();
        IGuarantee.State memory before = guarantee.stateOf(hash);
        if (before.stage == Stage.None || before.stage == Stage.Closed) {
            try guarantee.payOut(leaf) {
                assertTrue(false, "paid what is not open");
            } catch {}
            return;
        }
        uint256 from = guarantee.payableFrom(leaf);
        Before memory had = beforeOf(leaf);
        bool running = guarantee.callOf(hash) != 0;
        try guarantee.payOut(leaf) {
            assertTrue(!running, "no call runs");
            assertTrue(block.timestamp >= from && from >= earliestOf(leaf, before), "everything is over");
            checkClosed(leaf, had);
            checkPaid(leaf, had);
            ++times["paid"];
        } catch {
            assertTrue(running || block.timestamp < from, "payable is paid");
        }
    }

    function tryToConclude(Trade storage one) private {
        bytes32 hash = one.leaf.leafHash();
        bytes32 callId = guarantee.callOf(hash);
        Before memory had = beforeOf(one.leaf);
        uint256 supplierBefore = freeOf(fallbackSupplier);
        try guarantee.concludeFallback(one.leaf, one.called) {
            if (guarantee.stateOf(hash).stage != Stage.Closed) {
                ++times["declined"];
                return;
            }
            uint256 due = uint256(one.called.strike) * standIn.callOf(callId).delivered / 1000;
            assertEq(freeOf(fallbackSupplier) - supplierBefore, due, "the strike");
            checkClosed(one.leaf, had);
            ++times["rescued"];
        } catch {}
    }

    /// Nothing is left behind the leaf, and the seller lost no more than its collateral and a bond.
    function checkClosed(Leaf memory leaf, Before memory had) private view {
        bytes32 hash = leaf.leafHash();
        IGuarantee.State memory state = guarantee.stateOf(hash);
        assertTrue(state.stage == Stage.Closed, "closed");
        assertEq(escrowOf(hash) + escrowOf(guarantee.bondKeyOf(hash)), 0, "nothing is left");
        uint256 earned = uint256(leaf.price) * state.delivered / 1000;
        uint256 bonds = uint256(had.byBuyer.bond) + had.bySeller.bond;
        assertTrue(freeOf(seller) + bonds >= had.ofSeller + earned, "what was delivered is paid");
        Amounts memory locked = settlement.amountsOf(leaf);
        uint256 most = locked.payment + locked.fee + locked.collateral + bonds;
        assertTrue(freeOf(buyer) <= had.ofBuyer + most, "no more than was withheld and the collateral");
        (uint64 metered, uint64 reportedAt) = settlement.deliveredOf(leaf);
        if (reportedAt >= readingsUntil(leaf)) metered = 0;
        assertEq(state.allotted, state.delivered < metered ? state.delivered : metered, "allotted as read");
        if (!state.ruled) assertEq(state.delivered, metered, "the reading stands");
    }

    /// A bond is its claimant's, or the other side's if the arbiter did not follow the claim.
    function checkBonds(Leaf memory leaf, Before memory had, uint64 metered, uint64 delivered, uint64 excused)
        private
        view
    {
        IDisputes.Verdict onBuyer = verdictOn(had.byBuyer, metered, delivered, excused);
        IDisputes.Verdict onSeller = verdictOn(had.bySeller, metered, delivered, excused);
        bytes32 hash = leaf.leafHash();
        assertTrue(guarantee.claimOf(hash, buyer).verdict == onBuyer, "the verdict on the buyer");
        assertTrue(guarantee.claimOf(hash, seller).verdict == onSeller, "the verdict on the seller");
        uint256 toBuyer = onBuyer == IDisputes.Verdict.Dismissed ? 0 : had.byBuyer.bond;
        if (onSeller == IDisputes.Verdict.Dismissed) toBuyer += had.bySeller.bond;
        uint256 bonds = uint256(had.byBuyer.bond) + had.bySeller.bond;
        assertEq(freeOf(buyer), had.ofBuyer + toBuyer, "the buyer's bonds");
        assertEq(freeOf(seller), had.ofSeller + bonds - toBuyer, "the seller's bonds");
    }

    function verdictOn(IDisputes.Claim memory claim, uint64 metered, uint64 delivered, uint64 excused)
        private
        pure
        returns (IDisputes.Verdict)
    {
        if (claim.verdict == IDisputes.Verdict.None) return IDisputes.Verdict.None;
        if (claim.plea) return excused == 0 ? IDisputes.Verdict.Dismissed : IDisputes.Verdict.Upheld;
        if (claim.delivered == metered) return IDisputes.Verdict.Lapsed;
        uint256 half = uint256(claim.delivered) + metered;
        bool above = claim.delivered > metered;
        bool nearer = above ? 2 * uint256(delivered) > half : 2 * uint256(delivered) < half;
        return nearer ? IDisputes.Verdict.Upheld : IDisputes.Verdict.Dismissed;
    }

    /// The buyer has its share, less what it owes for a claim that was upheld against a claim of its own, and what it is owed.
    function checkPaid(Leaf memory leaf, Before memory had) private view {
        IGuarantee.State memory state = guarantee.stateOf(leaf.leafHash());
        Payout memory payout = guarantee.payoutOf(leaf, state.delivered, state.excused, 0, 0);
        (uint256 toBuyer, uint256 toSeller) = (payout.returnedToBuyer + payout.compensation, payout.paidToSeller);
        toSeller += settlement.amountsOf(leaf).collateral - payout.compensation;
        uint256 lapsed = had.byBuyer.verdict == IDisputes.Verdict.Pending ? had.byBuyer.bond : 0;
        bool contested = had.byBuyer.verdict != IDisputes.Verdict.None && !had.bySeller.plea;
        uint256 owes = contested && had.bySeller.verdict == IDisputes.Verdict.Upheld ? had.bySeller.bond : 0;
        uint256 owed = had.byBuyer.verdict == IDisputes.Verdict.Upheld ? had.byBuyer.bond : 0;
        if (owes > toBuyer) owes = toBuyer;
        if (owed > toSeller) owed = toSeller;
        assertEq(freeOf(buyer) + owes, had.ofBuyer + toBuyer + owed + lapsed, "the buyer's share");
    }

    function beforeOf(Leaf memory leaf) private view returns (Before memory) {
        bytes32 hash = leaf.leafHash();
        return Before(freeOf(buyer), freeOf(seller), guarantee.claimOf(hash, buyer), guarantee.claimOf(hash, seller));
    }

    /// The first moment at which windows and rules let it be paid, worked out anew.
    function earliestOf(Leaf memory leaf, IGuarantee.State memory state) private view returns (uint256 from) {
        bool isFinal = state.stage == Stage.Rescue;
        bool claimed = isPending(leaf, buyer) || isPending(leaf, seller);
        (uint64 delivered, uint64 reportedAt) = settlement.deliveredOf(leaf);
        if (reportedAt >= readingsUntil(leaf)) delivered = 0;
        if (isFinal) delivered = state.delivered;
        from = isFinal ? state.finalAt : closesAt(leaf) + (claimed ? RULING_WINDOW : 0);
        bool missing = delivered + state.excused < leaf.quantity;
        if (missing && state.rank < plan.length && block.timestamp < from + RESCUE_WINDOW) from += RESCUE_WINDOW;
    }

    function isPending(Leaf memory leaf, address party) private view returns (bool) {
        return guarantee.claimOf(leaf.leafHash(), party).verdict == IDisputes.Verdict.Pending;
    }

    /// The bounds of a ruling, worked out anew.
    function boundsOf(Leaf memory leaf) private view returns (Bounds memory bounds) {
        bytes32 hash = leaf.leafHash();
        (uint64 metered, uint64 reportedAt) = settlement.deliveredOf(leaf);
        if (reportedAt >= readingsUntil(leaf)) metered = 0;
        (bounds.metered, bounds.least, bounds.most) = (metered, metered, metered);
        address[2] memory parties = [buyer, seller];
        for (uint256 i = 0; i < 2; ++i) {
            IDisputes.Claim memory claim = guarantee.claimOf(hash, parties[i]);
            if (claim.plea) bounds.plea = true;
            if (claim.plea || claim.verdict == IDisputes.Verdict.None) continue;
            if (claim.delivered < bounds.least) bounds.least = claim.delivered;
            if (claim.delivered > bounds.most) bounds.most = claim.delivered;
        }
    }

    function escrowOf(bytes32 key) private view returns (uint256) {
        address module = address(guarantee);
        return settlement.escrowOf(module, key, buyer) + settlement.escrowOf(module, key, seller);
    }

    /// What must be locked for a trade: what its leaf locks until it is over, and the bonds of claims that are pending.
    function lockedFor(Trade storage one) private view returns (uint256 due) {
        Leaf memory leaf = one.leaf;
        IGuarantee.State memory state = guarantee.stateOf(leaf.leafHash());
        bool marked = settlement.markedOf(one.batchNumber) >> leaf.position & 1 == 1;
        Amounts memory locked = settlement.amountsOf(leaf);
        if (!marked || (state.stage != Stage.None && state.stage != Stage.Closed)) {
            due = locked.payment + locked.fee + locked.collateral;
        }
        if (isPending(leaf, buyer)) due += guarantee.claimOf(leaf.leafHash(), buyer).bond;
        if (isPending(leaf, seller)) due += guarantee.claimOf(leaf.leafHash(), seller).bond;
    }

    /// What the hour's trades were given: released in full, or allotted by the guarantee.
    function allottedOf(uint32 hour) private view returns (uint256 lots) {
        for (uint256 i = 0; i < trades.length; ++i) {
            Trade storage one = trades[i];
            if (hourOf(one.leaf) != hour) continue;
            IGuarantee.State memory state = guarantee.stateOf(one.leaf.leafHash());
            bool marked = settlement.markedOf(one.batchNumber) >> one.leaf.position & 1 == 1;
            if (state.stage == Stage.Closed) lots += state.allotted;
            else if (marked && state.stage == Stage.None) lots += one.leaf.quantity;
        }
    }
}

contract GuaranteeInvariants is ShortTrades {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    GuaranteeCrowd private crowd;

    function setUp() public override {
        crowd = new GuaranteeCrowd();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(crowd);
    }

    /// Fuzz what may happen, and not what the crowd inherits from the market.
    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](18);
        selectors[0] = GuaranteeCrowd.trade.selector;
        selectors[1] = GuaranteeCrowd.name.selector;
        selectors[2] = GuaranteeCrowd.measure.selector;
        selectors[3] = GuaranteeCrowd.deliver.selector;
        selectors[4] = GuaranteeCrowd.open.selector;
        selectors[5] = bytes4(keccak256("challenge(uint256,uint64)"));
        selectors[6] = bytes4(keccak256("plead(uint256)"));
        selectors[7] = bytes4(keccak256("rule(uint256,uint64,uint64,uint256)"));
        selectors[8] = GuaranteeCrowd.callFallback.selector;
        selectors[9] = GuaranteeCrowd.answer.selector;
        selectors[10] = GuaranteeCrowd.conclude.selector;
        selectors[11] = GuaranteeCrowd.payOut.selector;
        selectors[12] = GuaranteeCrowd.wait.selector;
        selectors[13] = GuaranteeCrowd.waitLong.selector;
        selectors[14] = GuaranteeCrowd.waitShort.selector;
        selectors[15] = GuaranteeCrowd.keepBack.selector;
        // Windows are short: again what has to happen within one.
        selectors[16] = selectors[5];
        selectors[17] = selectors[7];
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(crowd), selectors);
    }

    function invariant_guarantees_keep_money_lots_and_bounds() public view {
        crowd.checkMoney();
        crowd.checkLeaves();
    }

    /// However a campaign went, everything comes to its end.
    function afterInvariant() public {
        crowd.finish();
    }

    /// A day that leads everywhere: the invariants would hold as well if nothing ever happened.
    function test_the_crowd_gets_everywhere() public {
        crowd.name(2_200_000, 6000, false);
        crowd.name(2_100_000, 6000, false);
        crowd.name(2_100_000, 6000, true);
        crowd.trade(1000, 500, 2);
        crowd.trade(300, 700, 1);
        crowd.wait(2 hours);
        crowd.wait(1);
        crowd.measure(0, 1500);
        for (uint256 i = 0; i < 4; ++i) {
            crowd.open(i);
        }
        crowd.challenge(0, 100); // by the buyer
        crowd.plead(256); // by the seller
        crowd.challenge(1 + 256, 500); // by the seller
        crowd.wait(30 minutes);
        crowd.rule(0, 100, 700, 0);
        crowd.callFallback(0, false);
        crowd.answer(0, 0, true, false);
        crowd.conclude(0);
        crowd.callFallback(0, false);
        crowd.answer(0, 100, false, true);
        crowd.conclude(0);
        crowd.callFallback(2, false);
        crowd.answer(2, 0, true, false);
        crowd.conclude(2);
        crowd.callFallback(2, false);
        crowd.answer(2, 0, true, false);
        crowd.conclude(2);
        crowd.callFallback(2, false);
        crowd.payOut(2);
        string[9] memory all =
            ["opened", "challenged", "pleaded", "ruled", "called", "declined", "rescued", "passed over", "paid"];
        for (uint256 i = 0; i < 9; ++i) {
            assertTrue(crowd.times(all[i]) != 0, all[i]);
        }
        crowd.checkMoney();
        crowd.checkLeaves();
        crowd.finish();
    }
}
