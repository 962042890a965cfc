// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Amounts, Leaf} from "../src/types/Leaf.sol";
import {Order} from "../src/types/Order.sol";
import {Market} from "./support/Market.sol";
import {Fill, Packing} from "./support/Packing.sol";
import {Vm} from "./support/Vm.sol";

/// An operator, or whoever delivers, who hands in bytes that lie: about lengths, places, people, meters or numbers.
///
/// Whatever the bytes, either nothing happens, or what happens was signed: money is conserved, each lock belongs to a leaf,
/// and no leaf is outside of what its two orders allow.
contract MaliciousBytes is Market {
    uint256 private constant HEADER = 19;
    address private other = withKey(0x52);
    address private otherMeter = withKey(0x3F);

    function setUp() public override {
        super.setUp();
        fund(other, FUNDS);
        registerMeter(other, anInstrument(2), otherMeter);
    }

    // --- a batch that lies ----------------------------------------------------------------------------------------

    function orders() private view returns (Order[] memory all) {
        all = new Order[](4);
        (all[0], all[1], all[2], all[3]) = (aBid(), anOffer(), anOffer(), anOffer());
        all[2].clientOrderId = 2;
        all[2].price = 1_950_000;
        all[3].participant = other;
    }

    function honest() private view returns (bytes memory) {
        Fill[] memory fills = new Fill[](3);
        (fills[0], fills[1], fills[2]) = (aFill(), aFill(), aFill());
        (fills[1].sell, fills[1].tradeNumber, fills[1].quantity) = (2, 8, 300);
        (fills[2].sell, fills[2].tradeNumber, fills[2].quantity) = (3, 9, 200);
        return Packing.batch(orders(), signed(orders()), fills);
    }

    /// Submit any bytes; return what was locked, nothing if they were refused.
    function submit(bytes memory packed) private returns (Leaf[] memory leaves) {
        vm.recordLogs();
        vm.prank(operator);
        try settlement.settleBatch(nextBatch, RECORD_HASH, FEE_BPS, packed) {
            ++nextBatch;
            (leaves,) = outcomeOf(vm.getRecordedLogs());
        } catch {}
    }

    function assertSigned(Leaf[] memory leaves) private view {
        uint256 bought;
        uint256 payments;
        uint256 collateral;
        uint256 otherCollateral;
        for (uint256 i = 0; i < leaves.length; ++i) {
            Leaf memory leaf = leaves[i];
            Amounts memory amounts = settlement.amountsOf(leaf);
            assertEq(leaf.buyer, buyer, "the buyer");
            assertTrue(leaf.seller == seller || leaf.seller == other, "a seller");
            assertEq(leaf.instrument, anInstrument(2), "instrument");
            assertEq(leaf.referencePrice, 2_500_000, "reference price");
            assertTrue(leaf.price >= 1_900_000 && leaf.price <= 2_100_000, "price within the limits");
            bought += leaf.quantity;
            payments += amounts.payment + amounts.fee;
            if (leaf.seller == seller) collateral += amounts.collateral;
            else otherCollateral += amounts.collateral;
        }
        assertTrue(bought <= 2000, "quantity within the bid");
        assertAccount(buyer, FUNDS - payments, payments, "buyer");
        assertAccount(seller, FUNDS - collateral, collateral, "seller");
        assertAccount(other, FUNDS - otherCollateral, otherCollateral, "other");
    }

    function test_the_honest_bytes_lock() public {
        Leaf[] memory leaves = submit(honest());
        assertEq(leaves.length, 3, "locked");
        assertSigned(leaves);
    }

    function testFuzz_a_batch_with_changed_bytes_locks_what_was_signed_or_nothing(
        uint256 place,
        bytes32 with,
        uint8 length
    ) public {
        bytes memory packed = honest();
        length = uint8(bound(length, 1, 32));
        place = bound(place, 0, packed.length - length);
        for (uint256 i = 0; i < length; ++i) {
            packed[place + i] = with[i];
        }
        assertSigned(submit(packed));
    }

    /// Most changes above fall on a signature; these fall on lengths and places.
    function testFuzz_a_batch_whose_lengths_and_places_lie_locks_what_was_signed_or_nothing(uint256 seed) public {
        bytes memory packed = honest();
        uint256 first = HEADER + 3 * 20 + 40 + 2 * 18;
        for (uint256 i = 0; i < 1 + seed % 3; ++i) {
            uint256 drawn = uint256(keccak256(abi.encode(seed, i)));
            uint256 place = drawn % 2 == 0 ? 9 + (drawn >> 8) % 10 : first + (drawn >> 8) % (4 * 28 + 3 * 22);
            packed[place] = bytes1(uint8(drawn >> 64) % (drawn >> 72 & 3 == 0 ? 0xFF : 6));
        }
        assertSigned(submit(packed));
    }

    function testFuzz_any_bytes_at_all_lock_nothing(bytes calldata packed) public {
        assertEq(submit(packed).length, 0, "locked");
        assertEq(submit(bytes.concat(hex"01", packed)).length, 0, "locked");
        assertSigned(new Leaf[](0));
    }

    function test_every_length_at_its_highest_is_refused() public {
        for (uint256 i = 0; i < 5; ++i) {
            bytes memory packed = honest();
            (packed[9 + 2 * i], packed[10 + 2 * i]) = (0xFF, 0xFF);
            assertEq(submit(packed).length, 0, "locked");
            assertEq(settlement.lastBatch(), 0, "refused whole");
        }
    }

    function test_a_signature_that_reaches_beyond_the_batch_is_refused() public {
        bytes memory packed = honest();
        uint256 last = packed.length - 67;
        packed[last + 1] = 0x42; // 66 bytes announced, 65 there
        assertEq(submit(packed).length + settlement.lastBatch(), 0, "refused whole");
        packed[last] = 0xFF;
        assertEq(submit(packed).length + settlement.lastBatch(), 0, "refused whole");
    }

    /// 65,535 people who trade nothing cost the operator its own gas, and make no place ambiguous.
    function test_a_table_longer_than_a_place_can_name_does_no_harm() public {
        bytes memory packed = honest();
        bytes memory crowd;
        uint160 highest = uint160(other) > uint160(seller) ? uint160(other) : uint160(seller);
        if (uint160(buyer) > highest) highest = uint160(buyer);
        for (uint160 i = 1; i <= 300; ++i) {
            crowd = bytes.concat(crowd, bytes20(highest + i));
        }
        bytes memory head = new bytes(HEADER + 60);
        bytes memory rest = new bytes(packed.length - HEADER - 60);
        for (uint256 i = 0; i < packed.length; ++i) {
            if (i < head.length) head[i] = packed[i];
            else rest[i - head.length] = packed[i];
        }
        (head[9], head[10]) = (0x01, 0x2F); // 303 participants
        Leaf[] memory leaves = submit(bytes.concat(head, crowd, rest));
        assertEq(leaves.length, 3, "locked");
        assertSigned(leaves);
    }

    /// 255 sellers and a buyer: the highest place of every table, the last bit of the bitmap.
    function test_the_largest_batch_of_distinct_sellers_settles_and_delivers() public {
        uint256 count = 255;
        Order[] memory all = new Order[](count + 1);
        Fill[] memory fills = new Fill[](count + 1);
        all[count] = aBid();
        all[count].quantity = type(uint64).max;
        for (uint256 i = 0; i < count; ++i) {
            all[i] = anOffer();
            all[i].participant = withKey(0x70000 + i);
            fund(all[i].participant, 1e6);
            registerMeter(all[i].participant, anInstrument(2), withKey(0x80000 + i));
            fills[i] = Fill(uint32(count), uint32(i), uint64(i), 2_000_000, 2);
        }
        fills[count] = Fill(uint32(count), 0, uint64(count), 2_000_000, 3);
        (Leaf[] memory leaves,) = settle(all, fills);
        assertEq(leaves.length, 256, "locked");
        assertEq(leaves[255].seller, all[0].participant, "the first seller again");
        assertEq(leaves[255].soldBefore, 2, "sold before");
        vm.warp(SLOT_END);
        for (uint256 i = 0; i < count; ++i) {
            settlement.report(list(aReading(vm.addr(0x80000 + i), HOUR, 5)));
        }
        settlement.deliverBatch(1, Packing.leaves(leaves), type(uint256).max, noReadings());
        assertEq(settlement.markedOf(1), type(uint256).max, "all released");
        assertEq(settlement.accountOf(buyer).locked, 0, "nothing stays locked");
    }

    function test_one_seller_of_two_resources_has_a_slot_for_each() public {
        uint256 energy = instrumentOf(3, HOUR, 1, 2);
        address energyMeter = withKey(0x40);
        registerMeter(seller, energy, energyMeter);
        Order[] memory all = new Order[](4);
        (all[0], all[1], all[2], all[3]) = (aBid(), anOffer(), aBid(), anOffer());
        all[2].instrument = all[3].instrument = energy;
        all[2].clientOrderId = all[3].clientOrderId = 2;
        Fill[] memory fills = list(aFill(), Fill(2, 3, 8, 2_000_000, 500));
        (Leaf[] memory leaves,) = settle(all, fills);
        assertEq(leaves[1].soldBefore, 0, "counted by itself");
        assertEq(settlement.slotOf(energyMeter, HOUR).sold, 500, "sold");
        assertEq(slot().sold, 1500, "sold");
    }

    // --- leaves that lie ------------------------------------------------------------------------------------------

    function testFuzz_leaves_with_changed_bytes_release_what_was_locked_or_nothing(
        uint256 place,
        bytes32 with,
        uint8 length
    ) public {
        Leaf[] memory leaves = submit(honest());
        vm.warp(SLOT_END);
        settlement.report(list(aReading(meter, HOUR, 1800)));
        bytes memory packed = Packing.leaves(leaves);
        length = uint8(bound(length, 1, 32));
        place = bound(place, 0, packed.length - length);
        for (uint256 i = 0; i < length; ++i) {
            packed[place + i] = with[i];
        }
        try settlement.deliverBatch(1, packed, type(uint256).max, noReadings()) {
            // Whatever was changed changed no leaf: so exactly those are released that would have been.
            assertEq(settlement.markedOf(1), 3, "released");
            assertAccount(seller, FUNDS + PAYMENT + 600_000, 0, "seller");
        } catch {
            assertSigned(leaves);
        }
    }

    /// A number counted from 2^64 - 1 wraps around: the same leaf written in another way, released once all the same.
    function test_a_leaf_written_in_two_ways_is_one_leaf() public {
        Leaf[] memory leaves = submit(honest());
        report(1800);
        bytes memory packed = Packing.leaves(leaves);
        for (uint256 i = 3; i < 11; ++i) {
            packed[i] = 0xFF;
        }
        for (uint256 i = 0; i < 3; ++i) {
            packed[packed.length - 96 + 32 * i + 7] = bytes1(uint8(leaves[i].tradeNumber + 1));
        }
        settlement.deliverBatch(1, packed, 1, noReadings());
        assertEq(settlement.markedOf(1), 1, "released");
        settlement.deliverBatch(1, Packing.leaves(leaves), 1, noReadings());
        assertEq(settlement.accountOf(seller).free, FUNDS + PAYMENT - 150_000, "paid once");
    }

    function test_a_position_beyond_the_bitmap_cannot_be_opened() public {
        Leaf[] memory leaves = submit(honest());
        report(0);
        bytes32[] memory proof = proofOf(leaves, 0);
        leaves[0].position = 256; // its bit would be no bit, and it could be opened again and again
        vm.expectRevert();
        guarantee.open(1, leaves[0], proof);
    }

    /// An inner node cannot pass for a leaf, nor a batch that nobody settled for one.
    function test_no_proof_leads_from_nothing_to_nothing() public {
        Leaf memory leaf;
        leaf.instrument = anInstrument(2);
        bytes32 found = leaf.leafHash();
        for (uint64 number = 0; number < 2; ++number) {
            vm.expectRevert(abi.encodeWithSelector(ISettlement.NotTheBatch.selector, number, 0, found));
            guarantee.open(number, leaf, new bytes32[](0));
            vm.expectRevert(abi.encodeWithSelector(ISettlement.NotTheBatch.selector, number, 0, 0));
            settlement.deliverBatch(number, Packing.leaves(new Leaf[](0)), 1, noReadings());
        }
    }
}
