// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMetering} from "../src/interfaces/IMetering.sol";
import {IStandby} from "../src/interfaces/IStandby.sol";
import {Outcome, Stage} from "../src/types/Stage.sol";
import {Order} from "../src/types/Order.sol";
import {Fill} from "./support/Packing.sol";
import {StandbyMarket} from "./support/StandbyMarket.sol";

/// Holders, suppliers, the guarantee, meters, buyers and strangers, each doing what it likes in any sequence.
contract StandbyCrowd is StandbyMarket {
    uint256 private constant OPTIONS_MOST = 12;

    struct Asked {
        uint256 option;
        bytes32 callId;
        bool direct;
        bool done;
    }

    address[] private people;
    IStandby.Terms[] private options;
    Asked[] private asked;
    mapping(bytes32 id => bool) private failed;
    mapping(bytes32 id => uint256) private premiumsPaid;
    mapping(address participant => uint256) public fundsOf;
    mapping(bytes32 slot => uint256) private deliveredOf;
    mapping(string what => uint256) public times;

    constructor() {
        setUp();
        people.push(holder);
        people.push(supplier);
        people.push(buyer);
        for (uint256 i = 0; i < people.length; ++i) {
            fundsOf[people[i]] = FUNDS;
        }
    }

    // --- what may happen ------------------------------------------------------------------------------------------

    function openOption(uint256 seed, uint64 lots, uint64 strike, uint128 premium, bool badly) external {
        if (options.length == OPTIONS_MOST) return;
        IStandby.Terms memory terms = salted(options.length);
        uint32 now_ = uint32(vm.getBlockTimestamp() / 1 hours);
        terms.firstHour = now_ + 1 + uint32(seed % 3);
        terms.lastHour = terms.firstHour + uint32((seed >> 8) % 4);
        terms.openUntil = ANYTIME;
        terms.answerWindow = uint32(1 + (seed >> 16) % 90 minutes);
        (terms.lots, terms.strike) = (uint64(bound(lots, 1, 2000)), uint64(bound(strike, 0, 5e6)));
        terms.premium = uint128(bound(premium, 0, 5e6));
        bytes32 id = idOf(terms);
        bytes memory byHolder = signDigest(badly ? stranger : holder, id);
        bytes memory bySupplier = signDigest(supplier, id);
        try standby.open(terms, byHolder, bySupplier) {
            assertTrue(!badly, "opened without the holder's signature");
            options.push(terms);
            ++times["opened"];
        } catch {}
    }

    function joinPlan(uint256 seed) external {
        if (options.length == 0) return;
        IStandby.Terms memory terms = options[seed % options.length];
        vm.prank(holder);
        try standby.joinPlan(list(terms)) {
            ++times["planned"];
        } catch {}
    }

    /// The holder or a hostile stranger calls directly, the guarantee or a stranger for a trade.
    function callSomething(uint256 seed, uint64 lots, bool direct, bool hostile) external {
        if (options.length == 0) return;
        uint256 option = seed % options.length;
        IStandby.Terms memory terms = options[option];
        lots = uint64(bound(lots, 1, 2500));
        bool planned = standby.isPlanned(idOf(terms));
        vm.prank(hostile ? stranger : direct ? holder : address(guarantee));
        if (direct) {
            try standby.call(terms, lots, ANYTIME) returns (bytes32 callId) {
                assertTrue(!planned, "what trades rely on was used up");
                noteCall(option, callId, true, hostile);
            } catch {}
        } else {
            try standby.callFor("", terms, lots) returns (bytes32 callId) {
                noteCall(option, callId, false, hostile);
            } catch {}
        }
    }

    function answer(uint256 seed, uint32 hour, bool accepts, bool hostile) external {
        if (asked.length == 0) return;
        Asked memory one = asked[seed % asked.length];
        IStandby.Terms memory terms = options[one.option];
        uint64 answerBy = standby.callOf(one.callId).answerBy;
        hour = uint32(bound(hour, terms.firstHour, terms.lastHour + 1));
        uint64 sold = supplied(hour).sold;
        vm.prank(hostile ? stranger : supplier);
        if (accepts) {
            try standby.accept(one.callId, terms, hour) {
                assertTrue(!hostile, "a stranger answered");
                assertTrue(block.timestamp <= answerBy, "answered too late");
                assertTrue(hour <= terms.lastHour, "an hour of another option");
                assertEq(standby.callOf(one.callId).soldBefore, sold, "after what was sold before");
                assertTrue(block.timestamp < uint256(hour) * 1 hours, "an hour that has begun");
                ++times["accepted"];
            } catch {}
        } else {
            try standby.decline(one.callId, terms) {
                assertTrue(!hostile, "a stranger answered");
                noteEnd(one.callId, terms, seed % asked.length);
                ++times["declined"];
            } catch {}
        }
    }

    function conclude(uint256 seed) external {
        if (asked.length == 0) return;
        uint256 which = seed % asked.length;
        Asked memory one = asked[which];
        IStandby.Terms memory terms = options[one.option];
        try standby.conclude(one.callId, terms) {
            noteEnd(one.callId, terms, which);
        } catch {}
    }

    function closeOption(uint256 seed) external {
        if (options.length == 0) return;
        IStandby.Terms memory terms = options[seed % options.length];
        try standby.close(terms) {
            assertTrue(!failed[idOf(terms)], "a failure earned the premium");
            assertTrue(block.timestamp >= (uint256(terms.lastHour) + 1) * 1 hours, "closed too early");
            payPremium(terms, supplier);
            ++times["closed"];
        } catch {}
    }

    /// The supplier sells of its hours elsewhere, too.
    function tradeElsewhere(uint256 seed, uint64 quantity) external {
        uint256 hour = vm.getBlockTimestamp() / 1 hours + 1 + seed % 3;
        (Order memory bid, Order memory offer) = (aBid(), anOffer());
        bid.instrument = offer.instrument = instrumentOf(1, hour, 1, 2);
        bid.settleUntil = offer.settleUntil = ANYTIME;
        (bid.price, bid.clientOrderId, offer.clientOrderId) = (1900, nextBatch, nextBatch);
        (offer.price, bid.referencePrice, offer.referencePrice) = (0, 1000, 1000);
        offer.participant = supplier;
        Fill memory fill = aFill();
        (fill.price, fill.quantity) = (1000, uint64(bound(quantity, 1, 2000)));
        settle(pair(bid, offer), list(fill));
    }

    function measure(uint256 seed, uint64 units) external {
        uint32 hour = uint32(vm.getBlockTimestamp() / 1 hours - 1 - seed % 3);
        settlement.report(list(aReading(supplierMeter, hour, uint64(bound(units, 0, 4000)))));
    }

    /// The meter tells of an hour that a call was given and of which it told nothing, in time or late.
    function measureCalled(uint256 seed, uint64 units) external {
        for (uint256 i = 0; i < asked.length; ++i) {
            uint32 hour = standby.callOf(asked[(seed % asked.length + i) % asked.length].callId).startHour;
            uint256 endsAt = (uint256(hour) + 1) * 1 hours;
            if (hour == 0 || block.timestamp < endsAt || supplied(hour).reportedAt != 0) continue;
            settlement.report(list(aReading(supplierMeter, hour, uint64(bound(units, 0, 4000)))));
            ++times[block.timestamp > endsAt + READING_WINDOW ? "late" : "in time"];
            return;
        }
    }

    function wait(uint256 time) external {
        vm.warp(vm.getBlockTimestamp() + bound(time, 1, 2 hours));
    }

    /// Everything comes to its end, whoever is silent, and nothing stays locked.
    function finish() external {
        vm.warp(vm.getBlockTimestamp() + 60 days);
        for (uint256 i = 0; i < asked.length; ++i) {
            this.conclude(i);
        }
        for (uint256 i = 0; i < options.length; ++i) {
            this.closeOption(i);
            assertEq(uint256(standby.stageOf(idOf(options[i]))), uint256(Stage.Closed), "every option ends");
        }
        assertAccount(holder, fundsOf[holder], 0, "holder");
    }

    // --- what must hold -------------------------------------------------------------------------------------------

    /// Premiums and strikes are locked exactly as long as they are owed, and everybody has what it earned.
    function checkMoney() external view {
        uint256 locked = 0;
        for (uint256 i = 0; i < options.length; ++i) {
            bytes32 id = idOf(options[i]);
            uint256 held = settlement.escrowOf(address(standby), id, holder);
            assertEq(held, premiumsPaid[id] == 0 ? options[i].premium : 0, "a premium is locked until it is paid, once");
            locked += held;
        }
        for (uint256 i = 0; i < asked.length; ++i) {
            uint256 held = settlement.escrowOf(address(standby), asked[i].callId, holder);
            uint256 owed = 0;
            if (asked[i].direct && !asked[i].done) {
                owed = (uint256(options[asked[i].option].strike) * standby.callOf(asked[i].callId).lots + 999) / 1000;
            }
            assertEq(held, owed, "a strike is locked until the call is over, once");
            locked += held;
        }
        assertAccount(holder, fundsOf[holder] - locked, locked, "holder");
        uint256 suppliers = settlement.accountOf(supplier).free + settlement.accountOf(supplier).locked;
        assertEq(suppliers, fundsOf[supplier], "the supplier has what it earned");
    }

    /// No more is called than was offered, and a failure ends an option.
    function checkLots() external view {
        for (uint256 i = 0; i < options.length; ++i) {
            bytes32 id = idOf(options[i]);
            uint256 called = 0;
            for (uint256 k = 0; k < asked.length; ++k) {
                if (asked[k].option == i) called += standby.callOf(asked[k].callId).lots;
            }
            assertTrue(called + standby.lotsLeft(id) <= options[i].lots, "called and left are at most what was offered");
            if (failed[id]) {
                assertEq(standby.lotsLeft(id), 0, "nothing is called after a failure");
                assertEq(uint256(standby.outcomeOf(id)), uint256(Outcome.Compensated), "compensated");
            }
        }
    }

    /// An option is delivering while a call is not over, closed when it was ended and none is left.
    function checkStages() external view {
        for (uint256 i = 0; i < options.length; ++i) {
            bytes32 id = idOf(options[i]);
            bool pending = false;
            for (uint256 k = 0; k < asked.length; ++k) {
                if (asked[k].option == i && !asked[k].done) pending = true;
            }
            Stage expected = pending ? Stage.Delivering : premiumsPaid[id] == 0 ? Stage.Active : Stage.Closed;
            assertEq(uint256(standby.stageOf(id)), uint256(expected), "stage");
        }
    }

    /// What calls were given of an hour is what was allotted of it, and never more than was measured and sold.
    function checkHours() external view {
        uint32 last = uint32(vm.getBlockTimestamp() / 1 hours);
        for (uint32 hour = HOUR; hour <= last; ++hour) {
            IMetering.Slot memory slot = supplied(hour);
            assertEq(slot.allotted, deliveredOf[bytes32(uint256(hour))], "allotted once");
            assertTrue(slot.allotted <= slot.units, "allotted at most what was measured");
            uint256 accepted = 0;
            for (uint256 k = 0; k < asked.length; ++k) {
                IStandby.Call memory one = standby.callOf(asked[k].callId);
                if (one.startHour == hour) accepted += one.lots;
            }
            assertTrue(accepted <= slot.sold, "what was accepted was sold");
        }
    }

    // --- its own account ------------------------------------------------------------------------------------------

    function noteCall(uint256 option, bytes32 callId, bool direct, bool hostile) private {
        assertTrue(!hostile, "a stranger called");
        asked.push(Asked(option, callId, direct, false));
        ++times[direct ? "called" : "called for"];
    }

    function noteEnd(bytes32 callId, IStandby.Terms memory terms, uint256 which) private {
        if (asked[which].done) return;
        asked[which].done = true;
        IStandby.Call memory one = standby.callOf(callId);
        assertTrue(one.delivered <= one.lots, "no more than was called");
        if (one.status == IStandby.CallStatus.Over) {
            checkDelivered(one);
            deliveredOf[bytes32(uint256(one.startHour))] += one.delivered;
            ++times["over"];
            if (asked[which].direct) {
                uint256 paid = uint256(terms.strike) * one.delivered / 1000;
                fundsOf[holder] -= paid;
                fundsOf[supplier] += paid;
            }
        } else if (block.timestamp > one.answerBy) {
            ++times["lapsed"];
        }
        if (one.delivered < one.lots && !failed[idOf(terms)]) {
            failed[idOf(terms)] = true;
            ++times["failed"];
            payPremium(terms, holder);
        }
    }

    /// The reading's share, cumulatively rounded; nothing without a reading in time.
    function checkDelivered(IStandby.Call memory one) private view {
        IMetering.Slot memory slot = supplied(one.startHour);
        uint256 deadline = (uint256(one.startHour) + 1) * 1 hours + READING_WINDOW;
        uint256 share = 0;
        if (slot.reportedAt != 0 && slot.reportedAt <= deadline) {
            uint256 units = slot.units < slot.sold ? slot.units : slot.sold;
            uint256 reach = uint256(one.soldBefore) + one.lots;
            share = (units * reach + slot.sold - 1) / slot.sold - (units * one.soldBefore + slot.sold - 1) / slot.sold;
        } else {
            assertTrue(block.timestamp > deadline, "over before its reading");
        }
        assertEq(one.delivered, share, "the reading's share");
    }

    function payPremium(IStandby.Terms memory terms, address to) private {
        bytes32 id = idOf(terms);
        ++premiumsPaid[id];
        fundsOf[holder] -= terms.premium;
        fundsOf[to] += terms.premium;
    }
}

contract StandbyInvariants is StandbyMarket {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    StandbyCrowd private crowd;

    function setUp() public override {
        crowd = new StandbyCrowd();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(crowd);
    }

    /// Fuzz what may happen, and not what the crowd inherits from the market.
    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](14);
        selectors[0] = StandbyCrowd.openOption.selector;
        selectors[1] = StandbyCrowd.joinPlan.selector;
        selectors[2] = StandbyCrowd.callSomething.selector;
        selectors[3] = StandbyCrowd.callSomething.selector;
        selectors[4] = StandbyCrowd.answer.selector;
        selectors[5] = StandbyCrowd.answer.selector;
        selectors[6] = StandbyCrowd.conclude.selector;
        selectors[7] = StandbyCrowd.conclude.selector;
        selectors[8] = StandbyCrowd.closeOption.selector;
        selectors[9] = StandbyCrowd.tradeElsewhere.selector;
        selectors[10] = StandbyCrowd.measure.selector;
        selectors[11] = StandbyCrowd.wait.selector;
        selectors[12] = StandbyCrowd.wait.selector;
        selectors[13] = StandbyCrowd.measureCalled.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(crowd), selectors);
    }

    function invariant_options_are_called_delivered_and_paid_once() public view {
        check();
    }

    /// However a campaign went, everything comes to its end.
    function afterInvariant() public {
        crowd.finish();
        check();
    }

    function check() private view {
        crowd.checkMoney();
        crowd.checkLots();
        crowd.checkStages();
        crowd.checkHours();
    }

    /// A day that leads everywhere: the invariants would hold as well if nothing ever happened.
    function test_the_crowd_gets_everywhere() public {
        for (uint256 i = 0; i < 4; ++i) {
            crowd.openOption(2 | 1 << 8 | 30 minutes << 16, 1000, 2e6, 1e6, i == 3);
        }
        crowd.joinPlan(2);
        crowd.callSomething(0, 400, true, false);
        crowd.callSomething(1, 500, true, false);
        crowd.callSomething(2, 600, false, false);
        crowd.callSomething(2, 600, false, true);
        crowd.callSomething(2, 600, true, true);
        crowd.tradeElsewhere(0, 1000);
        crowd.answer(0, HOUR, true, true);
        crowd.answer(0, HOUR, true, false);
        crowd.answer(1, 0, false, false);
        check();
        crowd.wait(1 hours);
        crowd.conclude(2);
        check();
        crowd.openOption(2 | 1 << 8 | 30 minutes << 16, 1000, 2e6, 1e6, false);
        crowd.wait(1 hours);
        crowd.measure(0, 700);
        crowd.conclude(0);
        crowd.wait(2 hours);
        crowd.wait(2 hours);
        crowd.closeOption(3);
        string[9] memory all =
            ["opened", "planned", "called", "called for", "accepted", "declined", "lapsed", "over", "closed"];
        for (uint256 i = 0; i < all.length; ++i) {
            assertTrue(crowd.times(all[i]) != 0, all[i]);
        }
        assertEq(crowd.times("failed"), 3, "declined, lapsed, short");
        check();
    }
}
