// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IPayAsYouGo} from "../src/interfaces/IPayAsYouGo.sol";
import {Stage} from "../src/types/Stage.sol";
import {PayAsYouGoMarket} from "./support/PayAsYouGoMarket.sol";

/// Opens, draws, tops up, stops and closes agreements of two buyers and two sellers, some of whom cheat, and keeps its
/// own account of what each was owed. What must be taken and is refused fails the campaign, and so does the reverse.
contract PayAsYouGoCrowd is PayAsYouGoMarket {
    struct Agreement {
        IPayAsYouGo.Terms terms;
        uint256 units;
        uint256 through;
        uint256 endsAt;
        uint256 exhaustedAt;
        uint256 paidIn;
        uint256 toSeller;
        uint256 toVenue;
        uint256 unpaid;
        bool closed;
    }

    uint256 private constant MOST = 6;

    address[] public people;
    Agreement[] private agreements;
    mapping(string what => uint256) public times;

    constructor() {
        setUp();
        for (uint256 i = 0; i < 4; ++i) {
            people.push(withKey(0x9000 + i));
            fund(people[i], FUNDS);
            if (i >= 2) registerMeter(people[i], anInstrument(2), withKey(0xA000 + i));
        }
    }

    // --- what may happen ------------------------------------------------------------------------------------------

    function start(uint256 seed, uint64 price, uint16 feeBps, uint128 deposit) external {
        if (agreements.length == MOST) return;
        IPayAsYouGo.Terms memory terms = someTerms();
        terms.buyer = people[seed % 2];
        terms.seller = people[2 + (seed >> 8) % 2];
        terms.meter = withKey(0xA002 + (seed >> 8) % 2);
        terms.price = uint64(bound(price, 1, 5e6));
        terms.feeBps = uint16(bound(feeBps, 0, 10_000));
        terms.deposit = uint128(bound(deposit, 1, FUNDS / 4));
        terms.notice = uint32(bound(seed >> 16, 0, 12 hours));
        terms.readingWindow = uint32(bound(seed >> 32, 0, 3 hours));
        terms.openUntil = type(uint64).max;
        terms.salt = bytes32(agreements.length);
        if (settlement.accountOf(terms.buyer).free < terms.deposit) return;
        open(terms);
        Agreement storage one = agreements.push();
        one.terms = terms;
        one.through = block.timestamp;
        one.paidIn = terms.deposit;
        ++times["opened"];
    }

    /// Bring a reading of some time ago, true or not: what counts is whose key signed it.
    function drawSome(uint256 seed, uint256 ago, uint64 units) external {
        if (agreements.length == 0) return;
        Agreement storage one = agreements[seed % agreements.length];
        uint256 through = block.timestamp - bound(ago, 0, 2 hours);
        uint256 counted = uint256(units) % 7 == 0 ? units : one.units + units % 3000;
        if (counted > type(uint64).max) counted = type(uint64).max;
        bool forged = (seed >> 8) % 8 == 0;
        bool late = one.endsAt != 0 && (through > one.endsAt || block.timestamp > closesAt(one));
        bool due = !one.closed && !forged && !late && through > one.through && counted >= one.units;
        take(one, readingBy(forged ? one.terms.seller : one.terms.meter, one.terms, through, counted), due);
    }

    function take(Agreement storage one, IPayAsYouGo.CumulativeReading memory reading, bool due) private {
        (uint256 seller_, uint256 venue) = (freeOf(one.terms.seller), freeOf(feeRecipient));
        try payAsYouGo.draw(one.terms, reading) {
            assertTrue(due, "a reading was taken that does not count");
        } catch {
            assertTrue(!due, "a good reading was refused");
            return;
        }
        (uint256 worth, uint256 fee) = costOf(one.terms, reading.units);
        (uint256 worthBefore, uint256 feeBefore) = costOf(one.terms, one.units);
        (worth, fee) = (worth - worthBefore, fee - feeBefore);
        (seller_, venue) = (freeOf(one.terms.seller) - seller_, freeOf(feeRecipient) - venue);
        uint256 held = heldBy(one);
        if (worth + fee <= held) {
            assertTrue(seller_ == worth && venue == fee, "paid what it costs");
        } else {
            assertEq(seller_ + venue, held, "paid what there is");
            assertTrue(venue * 10_000 <= seller_ * one.terms.feeBps, "no more fee than on what was paid");
            one.unpaid += worth - seller_;
            ++times["unpaid"];
        }
        if (seller_ + venue == held && one.exhaustedAt == 0) one.exhaustedAt = block.timestamp;
        (one.units, one.through) = (reading.units, reading.through);
        one.toSeller += seller_;
        one.toVenue += venue;
        ++times["drawn"];
    }

    function payIn(uint256 seed, uint256 amount) external {
        if (agreements.length == 0) return;
        Agreement storage one = agreements[seed % agreements.length];
        uint256 free = freeOf(one.terms.buyer);
        if (one.closed || free == 0) return;
        amount = bound(amount, 1, free < 5e6 ? free : 5e6);
        topUp(one.terms, amount);
        one.paidIn += amount;
        one.exhaustedAt = 0;
        ++times["topped up"];
    }

    function end(uint256 seed) external {
        if (agreements.length == 0) return;
        Agreement storage one = agreements[seed % agreements.length];
        address by = (seed >> 8) % 3 == 0 ? one.terms.buyer : (seed >> 8) % 3 == 1 ? one.terms.seller : one.terms.meter;
        bool may = !one.closed && by != one.terms.meter;
        vm.prank(by);
        try payAsYouGo.stop(one.terms) {
            assertTrue(may, "somebody else stopped it");
        } catch {
            assertTrue(!may, "a party could not stop");
            return;
        }
        if (one.endsAt != 0) return;
        bool unpaid = one.exhaustedAt != 0 && block.timestamp >= one.exhaustedAt + one.terms.notice;
        bool atOnce = unpaid && by == one.terms.seller;
        one.endsAt = block.timestamp + (atOnce ? 0 : one.terms.notice);
        ++times[atOnce ? "stopped at once" : "stopped"];
    }

    function finish(uint256 seed) external {
        if (agreements.length == 0) return;
        Agreement storage one = agreements[seed % agreements.length];
        bool due = !one.closed && one.endsAt != 0 && (one.through == one.endsAt || block.timestamp > closesAt(one));
        uint256 free = freeOf(one.terms.buyer);
        try payAsYouGo.close(one.terms) {
            assertTrue(due, "closed too early, or twice");
        } catch {
            assertTrue(!due, "could not be closed");
            return;
        }
        assertEq(freeOf(one.terms.buyer) - free, heldBy(one), "the rest is the buyer's");
        one.closed = true;
        ++times["closed"];
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 6 hours));
    }

    // --- what must hold -------------------------------------------------------------------------------------------

    /// Nobody's money comes from nowhere, and what is locked is what the open agreements hold.
    function checkMoney() external view {
        uint256 all = freeOf(feeRecipient) + freeOf(buyer) + freeOf(seller);
        for (uint256 i = 0; i < 4; ++i) {
            uint256 locked = settlement.accountOf(people[i]).locked;
            all += freeOf(people[i]) + locked;
            for (uint256 j = 0; j < agreements.length; ++j) {
                if (agreements[j].terms.buyer == people[i]) locked -= left(agreements[j].terms);
            }
            assertEq(locked, 0, "locked is held for agreements");
        }
        assertEq(token.balanceOf(address(settlement)), all, "custody");
    }

    /// Every unit was paid once, or went unpaid because nothing was left.
    function checkPayments() external view {
        for (uint256 i = 0; i < agreements.length; ++i) {
            Agreement memory one = agreements[i];
            (uint256 worth, uint256 fee) = costOf(one.terms, one.units);
            assertEq(one.toSeller + one.unpaid, worth, "paid and unpaid are what was metered");
            assertTrue(one.toVenue <= fee && (one.unpaid != 0 || one.toVenue == fee), "the fee is that of it");
            assertEq(left(one.terms), one.closed ? 0 : heldBy(one), "what was paid in and not paid out is held");
        }
    }

    /// The end is fixed once, and a deposit is exhausted exactly while nothing is left of it.
    function checkStates() external view {
        for (uint256 i = 0; i < agreements.length; ++i) {
            Agreement memory one = agreements[i];
            IPayAsYouGo.State memory state = stateOf(one.terms);
            assertEq(state.endsAt, one.endsAt, "ends");
            assertEq(state.units, one.units, "units");
            assertEq(state.through, one.through, "through");
            assertEq(state.exhaustedAt, one.exhaustedAt, "exhausted since");
            assertTrue((state.stage == Stage.Closed) == one.closed, "stage");
            if (!one.closed) assertTrue((state.exhaustedAt != 0) == (left(one.terms) == 0), "exhausted");
        }
    }

    function heldBy(Agreement memory one) private pure returns (uint256) {
        return one.paidIn - one.toSeller - one.toVenue;
    }

    function closesAt(Agreement memory one) private pure returns (uint256) {
        return one.endsAt + one.terms.readingWindow;
    }

    function costOf(IPayAsYouGo.Terms memory terms, uint256 units) private pure returns (uint256 worth, uint256 fee) {
        worth = units * terms.price / 1000;
        fee = worth * terms.feeBps / 10_000;
    }

    function freeOf(address participant) private view returns (uint256) {
        return settlement.accountOf(participant).free;
    }
}

contract PayAsYouGoInvariants is PayAsYouGoMarket {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    PayAsYouGoCrowd private crowd;

    function setUp() public override {
        crowd = new PayAsYouGoCrowd();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(crowd);
    }

    /// Fuzz what may happen, and not what the crowd inherits from the market.
    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](6);
        selectors[0] = PayAsYouGoCrowd.start.selector;
        selectors[1] = PayAsYouGoCrowd.drawSome.selector;
        selectors[2] = PayAsYouGoCrowd.payIn.selector;
        selectors[3] = PayAsYouGoCrowd.end.selector;
        selectors[4] = PayAsYouGoCrowd.finish.selector;
        selectors[5] = PayAsYouGoCrowd.wait.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(crowd), selectors);
    }

    function invariant_units_are_paid_once_and_never_beyond_what_was_paid_in() public view {
        crowd.checkMoney();
        crowd.checkPayments();
        crowd.checkStates();
    }

    /// A day that leads everywhere: the invariants would hold as well if nothing ever happened.
    function test_the_crowd_gets_everywhere() public {
        crowd.start(0, 2e6, 100, 3e6);
        crowd.start(1, 2e6, 100, 3e6);
        crowd.wait(1 hours);
        crowd.drawSome(1 << 8, 0, 1000);
        crowd.wait(1 hours);
        crowd.drawSome(1 << 8, 0, 1000);
        crowd.wait(1 hours);
        crowd.end(1 << 8);
        crowd.end(1);
        crowd.payIn(1, 1e6);
        crowd.wait(3 hours);
        crowd.finish(0);
        string[7] memory all = ["opened", "drawn", "unpaid", "topped up", "stopped", "stopped at once", "closed"];
        for (uint256 i = 0; i < 7; ++i) {
            assertTrue(crowd.times(all[i]) != 0, all[i]);
        }
        crowd.checkMoney();
        crowd.checkPayments();
        crowd.checkStates();
    }
}
