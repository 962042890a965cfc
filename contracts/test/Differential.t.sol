// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICustody} from "../src/interfaces/ICustody.sol";
import {IMetering} from "../src/interfaces/IMetering.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Order} from "../src/types/Order.sol";
import {Reading} from "../src/types/Reading.sol";
import {PlainSettlement} from "./reference/PlainSettlement.sol";
import {Market} from "./support/Market.sol";
import {Fill, Packing} from "./support/Packing.sol";

/// The settlement and its plain reference are given the same random batches, good and bad, and must do the same.
contract Differential is Market {
    uint256 private constant PEOPLE = 5;
    uint256 private constant BATCHES = 3;
    uint256 private constant ORDERS = 10;
    uint256 private constant FILLS = 14;

    PlainSettlement private plain;
    address[] private people;
    /// All meters ever registered, and whose each is.
    address[] private meters;
    mapping(address meter => uint256) private person;
    mapping(address meter => uint256) private resourceOf;
    uint256 private drawn;
    uint256 private tier;
    Leaf[][] private settled;
    /// How often each code was met, and code 0 for a locked trade.
    uint256[24] private met;

    function begin(uint256 seed) private {
        drawn = seed;
        delete people;
        delete meters;
        delete settled;
        setUp();
        plain = new PlainSettlement(domainSeparator(), NOTICE, feeRecipient);
        plain.deposit(buyer, FUNDS);
        plain.deposit(seller, FUNDS);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            people.push(withKey(0x6000 + i));
            uint256 amount = draw(4) == 0 ? 1 + draw(5e6) : 200e6;
            fund(people[i], amount);
            plain.deposit(people[i], amount);
            for (uint256 resource = 1; resource < 3; ++resource) {
                if (i == 4 && resource == 2) continue; // one resource without a meter
                register(i, resource);
            }
        }
    }

    function register(uint256 i, uint256 resource) private {
        address added = withKey(0x6100 + meters.length);
        uint256 instrument = instrumentOf(resource, HOUR, 1, 0);
        meters.push(added);
        (person[added], resourceOf[added]) = (i, instrument >> 48);
        registerMeter(people[i], instrument, added);
        plain.registerMeter(people[i], instrument >> 48, added);
    }

    /// Give somebody a new meter, or the first one again.
    function replace() private {
        address one = meters[draw(meters.length)];
        if (draw(2) == 0) return register(person[one], resourceOf[one] == instrumentOf(1, HOUR, 1, 0) >> 48 ? 1 : 2);
        registerMeter(people[person[one]], resourceOf[one] << 48, one);
        plain.registerMeter(people[person[one]], resourceOf[one], one);
    }

    function draw(uint256 below) private returns (uint256) {
        drawn = uint256(keccak256(abi.encode(drawn)));
        return drawn % below;
    }

    // --- random batches -------------------------------------------------------------------------------------------

    /// An order that is mostly good: few people, few ids, so that lanes, purses and slots are shared.
    function randomOrder(uint256 side) private returns (Order memory order) {
        order = side == 0 ? aBid() : anOffer();
        order.participant = people[draw(PEOPLE)];
        order.instrument = instrumentOf(1 + (draw(4) == 0 ? 1 : 0), HOUR + draw(2), 1, draw(8) == 0 ? draw(6) : tier);
        order.quantity = uint64(500 + draw(4000));
        order.clientOrderId = uint64(draw(9));
        order.settleUntil = uint64(draw(12) == 0 ? block.timestamp - draw(2) : SLOT_END);
        if (draw(12) == 0) order.price = uint64(1_990_000 + draw(20_001));
        if (draw(20) == 0) order.side = uint8(draw(3));
        if (draw(20) == 0) order.referencePrice = uint64(2_500_000 - draw(2));
        if (draw(20) == 0) order.feeCapBps = uint16(draw(200));
        if (draw(30) == 0) order.quantity = type(uint64).max;
    }

    function randomOrders() private returns (Order[] memory orders, bytes[] memory signatures) {
        orders = new Order[](ORDERS);
        for (uint256 i = 0; i < ORDERS; ++i) {
            orders[i] = randomOrder(i % 2);
        }
        if (draw(3) == 0) orders[2] = orders[0]; // one order carried twice
        signatures = signed(orders);
        for (uint256 i = 0; i < ORDERS; ++i) {
            if (draw(25) == 0) signatures[i] = signDigest(stranger, orderDigest(orders[i]));
            if (draw(40) == 0) signatures[i] = "";
        }
    }

    /// Fills that mostly name orders of one instrument, whose number mostly grows.
    function randomFills(Order[] memory orders) private returns (Fill[] memory fills) {
        fills = new Fill[](FILLS);
        uint64 number = uint64(draw(1000));
        for (uint256 i = 0; i < FILLS; ++i) {
            uint32 buy = uint32(2 * draw(ORDERS / 2));
            uint32 sell = uint32(2 * draw(ORDERS / 2) + 1);
            for (uint256 tries = 0; tries < 6 && orders[buy].instrument != orders[sell].instrument; ++tries) {
                sell = uint32(2 * draw(ORDERS / 2) + 1);
            }
            if (draw(40) == 0) buy = uint32(ORDERS + draw(100));
            number = draw(25) == 0 ? number : number + 1 + uint64(draw(3));
            uint64 quantity = uint64(draw(30) == 0 ? 0 : 1 + draw(1500));
            if (draw(40) == 0) quantity = type(uint64).max / 2;
            fills[i] = Fill(buy, sell, number, uint64(2_000_000 + draw(3) - 1), quantity);
        }
    }

    // --- the comparison -------------------------------------------------------------------------------------------

    /// forge-config: default.fuzz.runs = 64
    /// forge-config: deployed.fuzz.runs = 2000
    function testFuzz_random_batches_do_what_the_plain_rules_say(uint256 seed) public {
        begin(seed);
        for (uint256 i = 0; i < BATCHES; ++i) {
            step();
        }
        finish();
    }

    /// Enough batches from a fixed seed to meet every code that random batches can: the comparison is of something.
    function test_random_batches_meet_every_code() public {
        for (uint256 i = 0; i < 36; ++i) {
            begin(uint256(keccak256(abi.encode("codes", i))));
            for (uint256 j = 0; j < BATCHES; ++j) {
                step();
            }
            finish();
        }
        for (uint256 code = 0; code < met.length; ++code) {
            // A slot is filled up by hand in `SkipCodes`: lots by the 2^63 are too dear for random people.
            if (code == uint256(ISettlement.SkipCode.SlotFull)) continue;
            assertTrue(met[code] != 0, string.concat("met code ", vm.toString(code)));
        }
    }

    function step() private {
        uint256 what = draw(6);
        if (draw(3) == 0) replace();
        if (what == 0 || what == 4) cancel();
        if (what == 1) vm.warp(vm.getBlockTimestamp() + draw(NOTICE) + 1);
        if (what == 2) vm.warp(SLOT_END + 1 - draw(3));
        if (what == 3) vm.warp(SLOT_END);
        if (what == 3) measure();
        tier = draw(6) == 0 ? 5 : 2; // no instrument has the sixth tier
        (Order[] memory orders, bytes[] memory signatures) = randomOrders();
        Fill[] memory fills = randomFills(orders);
        (Leaf[] memory expected, ISettlement.SkipCode[] memory expectedCodes) =
            plain.settle(FEE_BPS, orders, signatures, fills);
        (Leaf[] memory leaves, ISettlement.SkipCode[] memory codes) = settleSigned(orders, signatures, fills);

        assertEq(keccak256(abi.encode(leaves)), keccak256(abi.encode(expected)), "leaves");
        assertEq(keccak256(abi.encode(codes)), keccak256(abi.encode(expectedCodes)), "codes");
        assertEq(settlement.batchRoot(nextBatch - 1), rootOf(expected), "root");
        settled.push();
        for (uint256 i = 0; i < expected.length; ++i) {
            settled[settled.length - 1].push(expected[i]);
        }
        met[0] += leaves.length;
        for (uint256 i = 0; i < codes.length; ++i) {
            ++met[uint256(codes[i])];
        }
        compare(orders);
    }

    function cancel() private {
        address participant = people[draw(PEOPLE)];
        uint64 id = uint64(draw(9));
        bool one = draw(2) == 0 || settlement.cancelledBelow(participant).pendingFrom != 0;
        vm.prank(participant);
        if (one) {
            settlement.cancelOrder(id);
            plain.cancelOrder(participant, id);
        } else {
            settlement.cancelBelow(id);
            if (id != 0) plain.cancelBelow(participant, id);
        }
        if (draw(2) == 0) vm.warp(vm.getBlockTimestamp() + NOTICE);
    }

    /// Mostly all that was sold came, or a lot less; one meter stays silent.
    function measure() private {
        for (uint256 i = 1; i < meters.length; ++i) {
            (uint256 sold,,, bool reported) = plain.slotOf(meters[i], HOUR);
            if (reported) continue;
            uint64 units = uint64(draw(3) == 0 ? draw(sold + 1) : sold + draw(2));
            bool counts = plain.counts(meters[i], HOUR);
            Reading[] memory readings = list(aReading(meters[i], HOUR, units));
            if (!counts) {
                vm.expectRevert(abi.encodeWithSelector(IMetering.MeterOfAnotherHour.selector, meters[i], HOUR));
            }
            settlement.report(readings);
            if (counts) plain.report(meters[i], HOUR, units);
        }
    }

    /// Let the hour end, measure it, and deliver what came, in two goes.
    function finish() private {
        if (vm.getBlockTimestamp() < SLOT_END) vm.warp(SLOT_END);
        measure();
        for (uint64 number = 1; number <= settled.length; ++number) {
            Leaf[] memory leaves = settled[number - 1];
            if (leaves.length == 0) continue;
            for (uint256 go = 0; go < 2; ++go) {
                uint256 which = go == 0 ? draw(type(uint256).max) : type(uint256).max;
                uint256 before = settlement.markedOf(number);
                settlement.deliverBatch(number, Packing.leaves(leaves), which, noReadings());
                uint256 released = plain.deliver(number, leaves, which);
                assertEq(settlement.markedOf(number) ^ before, released, "released");
            }
        }
        compare(new Order[](0));
    }

    function compare(Order[] memory orders) private view {
        for (uint256 i = 0; i < PEOPLE; ++i) {
            assertAccount(people[i], plain.freeOf(people[i]), plain.lockedOf(people[i]), "person");
        }
        assertEq(settlement.accountOf(feeRecipient).free, plain.freeOf(feeRecipient), "fees");
        for (uint256 i = 0; i < orders.length; ++i) {
            (address participant, uint64 id) = (orders[i].participant, orders[i].clientOrderId);
            assertEq(settlement.filledOf(participant, id), plain.filledOf(participant, id), "filled");
        }
        for (uint256 i = 0; i < 2 * meters.length; ++i) {
            uint32 hour = uint32(HOUR + i % 2);
            IMetering.Slot memory slot_ = settlement.slotOf(meters[i / 2], hour);
            (uint256 sold, uint256 units, uint256 allotted,) = plain.slotOf(meters[i / 2], hour);
            assertEq(slot_.sold, sold, "sold");
            assertEq(slot_.units, units, "units");
            assertEq(slot_.allotted, allotted, "allotted");
        }
    }

    /// The root as its definition says: pair by pair, the odd one moves up.
    function rootOf(Leaf[] memory leaves) private pure returns (bytes32) {
        if (leaves.length == 0) return 0;
        bytes32[] memory level = new bytes32[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            level[i] = keccak256(abi.encode(leaves[i]));
        }
        while (level.length > 1) {
            bytes32[] memory above = new bytes32[]((level.length + 1) / 2);
            for (uint256 i = 0; i < above.length; ++i) {
                if (2 * i + 1 == level.length) {
                    above[i] = level[2 * i];
                } else {
                    (bytes32 a, bytes32 b) = (level[2 * i], level[2 * i + 1]);
                    above[i] = a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
                }
            }
            level = above;
        }
        return level[0];
    }
}
