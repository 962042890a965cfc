// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMetering} from "../src/interfaces/IMetering.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Bundle, Part} from "../src/types/Bundle.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Order} from "../src/types/Order.sol";
import {Reading} from "../src/types/Reading.sol";
import {PlainBundles} from "./reference/PlainBundles.sol";
import {Bundling} from "./support/Bundling.sol";
import {Packing} from "./support/Packing.sol";
import {Vm} from "./support/Vm.sol";

/// The settlement and its plain reference are given the same random bundles, good and bad, and must do the same.
contract BundlesDifferential is Bundling {
    uint256 private constant PEOPLE = 5;
    uint256 private constant BATCHES = 3;
    uint256 private constant BUNDLES = 6;
    uint256 private constant IDS = 9;

    PlainBundles private plain;
    address[] private people;
    address[] private meters;
    uint256 private drawn;
    uint64 private lastNumber;
    Leaf[][] private settled;
    /// How often each code was met, and code 0 for a locked trade.
    uint256[27] private met;

    function begin(uint256 seed) private {
        drawn = seed;
        delete people;
        delete meters;
        delete settled;
        setUp();
        plain = new PlainBundles(domainSeparator(), NOTICE, feeRecipient);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            people.push(withKey(0x6000 + i));
            uint256 amount = draw(3) == 0 ? 1 + draw(6e5) : 200e6;
            fund(people[i], amount);
            plain.deposit(people[i], amount);
            for (uint256 commodity = 1; commodity < 4; ++commodity) {
                if (i == 4 && commodity == 2) continue; // one resource without a meter
                register(i, commodity);
            }
        }
    }

    /// Give somebody a meter, in the place of the one that was there.
    function register(uint256 i, uint256 commodity) private {
        uint256 instrument = instrumentOf(commodity, HOUR, 1, 0);
        meters.push(withKey(0x6100 + meters.length));
        registerMeter(people[i], instrument, meters[meters.length - 1]);
        plain.registerMeter(people[i], instrument >> 48, meters[meters.length - 1]);
    }

    function draw(uint256 below) private returns (uint256) {
        drawn = uint256(keccak256(abi.encode(drawn)));
        return drawn % below;
    }

    // --- random bundles -------------------------------------------------------------------------------------------

    /// A bundle that is mostly good: few people, few ids, so that lanes, purses and slots are shared.
    function randomBundle() private returns (Bundle memory bundle) {
        bundle.bid = aBid();
        bundle.bid.participant = people[draw(PEOPLE)];
        bundle.bid.clientOrderId = uint64(draw(IDS));
        bundle.bid.quantity = uint64(1500 + draw(4000));
        bundle.bid.settleUntil = someTime();
        if (draw(2) == 0) makeLegs(bundle);
        else makeSet(bundle);
        if (draw(3) == 0) spoil(bundle);
        if (draw(20) == 0) bundle.bid.price = bundle.bid.price / 2;
        for (uint256 i = 0; i < bundle.parts.length; ++i) {
            Part memory part = bundle.parts[i];
            part.signature = someSignature(part.offer);
            part.tradeNumber = lastNumber += draw(40) == 0 ? 0 : 1 + uint64(draw(3));
        }
        bundle.signature = someSignature(bundle.bid);
    }

    /// One to three legs of a bundle, at prices whose total is near the limit, in whole quarters of it.
    function makeLegs(Bundle memory bundle) private {
        Leg[] memory legs = new Leg[](1 + draw(3));
        bundle.quantity = uint64(250 * (1 + draw(6)));
        bundle.parts = new Part[](legs.length);
        uint256 total = 0;
        for (uint256 i = 0; i < legs.length; ++i) {
            legs[i] = someLegs()[draw(3)];
            if (draw(60) == 0) legs[i].instrument = instrumentOf(1, HOUR, 2, 0); // for two hours: no settlement by the hour
            bundle.parts[i] = somePart(legs[i].instrument, legs[i].referenceLeast);
            bundle.parts[i].quantity = uint64(uint256(legs[i].lotsPerBundle) * bundle.quantity / 1000);
            (bundle.parts[i].lotsPerBundle, bundle.parts[i].referenceLeast) =
            (legs[i].lotsPerBundle, legs[i].referenceLeast);
            uint256 perUnit = legs[i].instrument >> 240 & 0xFF == 2 ? 1 : 1000;
            total += uint256(bundle.parts[i].price) * bundle.parts[i].quantity / perUnit;
        }
        // the least price that allows it, or at times a little less or more
        uint256 limit = (total * 1000 + bundle.quantity - 1) / bundle.quantity + draw(3);
        (bundle.bid.instrument, bundle.bid.price) = (commitmentOf(legs), uint64(limit - (draw(6) == 0 ? 1 : 0)));
    }

    /// One to four parts of a set; more than one may be of the same instrument.
    function makeSet(Bundle memory bundle) private {
        Eligible[] memory set = someSet();
        if (draw(40) == 0) set[0].instrument = instrumentOf(7, HOUR, 1, 0); // a commodity that nobody knows
        bundle.parts = new Part[](1 + draw(4));
        for (uint256 i = 0; i < bundle.parts.length; ++i) {
            uint256 place = draw(set.length);
            bundle.parts[i] = somePart(set[place].instrument, 2_000_000);
            bundle.parts[i].quantity = uint64(1 + draw(1500));
            (bundle.parts[i].adjustment, bundle.parts[i].proof) = (set[place].adjustment, proofIn(set, place));
            bundle.quantity += bundle.parts[i].quantity;
        }
        (bundle.bid.instrument, bundle.bid.referencePrice) = (commitmentOf(set), 2_000_000);
    }

    function somePart(uint256 instrument, uint64 reference_) private returns (Part memory part) {
        uint64 price = uint64(uint256(reference_) * 4 / 5 + draw(reference_ / 5));
        part.offer = offerOf(people[draw(PEOPLE)], instrument, price, reference_);
        part.offer.clientOrderId = uint64(draw(IDS));
        part.offer.quantity = uint64(500 + draw(8000));
        part.offer.settleUntil = someTime();
        part.price = price + uint64(draw(3));
    }

    function someTime() private returns (uint64) {
        return uint64(draw(25) == 0 ? block.timestamp - draw(2) : SLOT_END);
    }

    function someSignature(Order memory order) private returns (bytes memory) {
        if (draw(60) == 0) return "";
        return signDigest(draw(60) == 0 ? stranger : order.participant, orderDigest(order));
    }

    /// One fault, signed for: in the bid, in the bundle, or in one of its parts.
    function spoil(Bundle memory bundle) private {
        Part memory part = bundle.parts[draw(bundle.parts.length)];
        uint256 fault = draw(18);
        if (fault == 0) bundle.bid.side = uint8(1 + draw(2));
        if (fault == 1) bundle.bid.feeCapBps = FEE_BPS - 1;
        if (fault == 2) bundle.quantity = 0;
        if (fault == 3) bundle.bid.quantity = bundle.quantity - 1;
        if (fault == 4) bundle.bid.instrument = draw(2) == 0 ? anInstrument(2) : bundle.bid.instrument ^ 1;
        if (fault == 5) bundle.quantity += uint64(1 + draw(2));
        if (fault == 6) bundle.bid.referencePrice += uint64(draw(2e6));
        if (fault == 7) part.offer.side = uint8(2 * draw(2));
        if (fault == 8) part.offer.participant = bundle.bid.participant;
        if (fault == 9) part.price = part.offer.price - 1;
        if (fault == 10) part.quantity = 0;
        if (fault == 11) part.offer.quantity = part.quantity - (part.quantity == 0 ? 0 : 1);
        if (fault == 12) part.adjustment = int128(uint128(draw(2))) * type(int128).min;
        if (fault == 13) part.lotsPerBundle += 1;
        if (fault == 14) part.referenceLeast = type(uint64).max;
        if (fault == 15) part.offer.referencePrice -= 1;
        if (fault == 16) part.price = part.offer.price = type(uint64).max - uint64(draw(2));
        if (fault == 17) (part.quantity, bundle.quantity) = (type(uint64).max, type(uint64).max);
        if (fault == 10 && draw(2) == 0) bundle.quantity = sumOf(bundle.parts);
    }

    function sumOf(Part[] memory parts) private pure returns (uint64 lots) {
        for (uint256 i = 0; i < parts.length; ++i) {
            lots += parts[i].quantity;
        }
    }

    // --- the comparison -------------------------------------------------------------------------------------------

    /// forge-config: default.fuzz.runs = 64
    /// forge-config: deployed.fuzz.runs = 2000
    function testFuzz_random_bundles_do_what_the_plain_rules_say(uint256 seed) public {
        this.run(seed);
    }

    /// Enough bundles from a fixed seed to meet every code that random bundles can: the comparison is of something.
    function test_random_bundles_meet_every_code() public {
        for (uint256 i = 0; i < 26; ++i) {
            this.run(uint256(keccak256(abi.encode("bundles", i))));
        }
        for (uint256 code = 0; code < met.length; ++code) {
            // These two concern orders that a batch carries apart from its fills. A slot is filled up by hand in `Bundles`.
            if (code == uint256(ISettlement.SkipCode.OrderMissing)) continue;
            if (code == uint256(ISettlement.SkipCode.InstrumentDiffers)) continue;
            if (code == uint256(ISettlement.SkipCode.SlotFull)) continue;
            assertTrue(met[code] != 0, string.concat("met code ", vm.toString(code)));
        }
    }

    /// A call of its own, so that the memory it needs is free again.
    function run(uint256 seed) external {
        begin(seed);
        for (uint256 i = 0; i < BATCHES; ++i) {
            letThingsHappen();
            step();
        }
        finish();
    }

    function step() private {
        lastNumber = uint64(draw(1000));
        if (draw(3) == 0) register(draw(PEOPLE), 1 + 2 * draw(2));
        Bundle[] memory bundles = new Bundle[](BUNDLES);
        for (uint256 i = 0; i < BUNDLES; ++i) {
            bundles[i] = draw(12) == 0 && i > 0 ? bundles[i - 1] : randomBundle();
        }
        (Leaf[] memory expected, uint64[] memory numbers, ISettlement.SkipCode[] memory codes) =
            plain.settleBundles(FEE_BPS, bundles);
        vm.recordLogs();
        vm.prank(operator);
        settlement.settleBundles(nextBatch++, RECORD_HASH, FEE_BPS, abi.encode(bundles));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        (Leaf[] memory leaves, ISettlement.SkipCode[] memory found) = outcomeOf(logs);

        assertEq(keccak256(abi.encode(leaves)), keccak256(abi.encode(expected)), "leaves");
        assertEq(keccak256(abi.encode(found)), keccak256(abi.encode(codes)), "codes");
        assertEq(keccak256(abi.encode(skippedIn(logs))), keccak256(abi.encode(numbers)), "skipped numbers");
        assertEq(settlement.batchRoot(nextBatch - 1), rootOf(expected), "root");
        settled.push();
        for (uint256 i = 0; i < expected.length; ++i) {
            settled[settled.length - 1].push(expected[i]);
        }
        met[0] += leaves.length;
        for (uint256 i = 0; i < codes.length; ++i) {
            ++met[uint256(codes[i])];
        }
        compare();
    }

    function skippedIn(Vm.Log[] memory logs) private pure returns (uint64[] memory numbers) {
        numbers = new uint64[](count(logs, ISettlement.TradeSkipped.selector));
        uint256 next = 0;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == ISettlement.TradeSkipped.selector) {
                numbers[next++] = uint64(uint256(logs[i].topics[2]));
            }
        }
    }

    /// Somebody cancels, or time passes, up to the end of the hour and its readings.
    function letThingsHappen() private {
        uint256 what = draw(6);
        if (what < 2) cancel(people[draw(PEOPLE)], uint64(draw(IDS)));
        if (what == 2) vm.warp(vm.getBlockTimestamp() + draw(NOTICE) + 1);
        if (what == 3) vm.warp(SLOT_END);
        if (what == 3) measure();
    }

    function cancel(address participant, uint64 id) private {
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

    /// Let the hour end, measure it, and deliver what came.
    function finish() private {
        if (vm.getBlockTimestamp() < SLOT_END) vm.warp(SLOT_END);
        measure();
        for (uint64 number = 1; number <= settled.length; ++number) {
            Leaf[] memory leaves = settled[number - 1];
            if (leaves.length == 0) continue;
            settlement.deliverBatch(number, Packing.leaves(leaves), type(uint256).max, noReadings());
            uint256 released = plain.deliver(number, leaves, type(uint256).max);
            assertEq(settlement.markedOf(number), released, "released");
        }
        compare();
    }

    function compare() private view {
        for (uint256 i = 0; i < PEOPLE; ++i) {
            assertAccount(people[i], plain.freeOf(people[i]), plain.lockedOf(people[i]), "person");
            for (uint64 id = 0; id < IDS; ++id) {
                assertEq(settlement.filledOf(people[i], id), plain.filledOf(people[i], id), "filled");
            }
        }
        assertEq(settlement.accountOf(feeRecipient).free, plain.freeOf(feeRecipient), "fees");
        for (uint256 i = 0; i < meters.length; ++i) {
            IMetering.Slot memory slot_ = settlement.slotOf(meters[i], HOUR);
            (uint256 sold, uint256 units, uint256 allotted,) = plain.slotOf(meters[i], HOUR);
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
                (bytes32 a, bytes32 b) = (level[2 * i], 2 * i + 1 == level.length ? bytes32(0) : level[2 * i + 1]);
                if (b == 0) above[i] = a;
                else above[i] = a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
            }
            level = above;
        }
        return level[0];
    }
}
