// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMetering} from "../src/interfaces/IMetering.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {PackedLeaves} from "../src/libraries/PackedLeaves.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Reading} from "../src/types/Reading.sol";
import {Market} from "./support/Market.sol";
import {Packing} from "./support/Packing.sol";

contract Delivery is Market {
    uint256 private constant ALL = type(uint256).max;

    function test_full_delivery_pays_the_seller_and_the_fee() public {
        Leaf[] memory leaves = list(settleOne(aBid(), anOffer(), aFill()));
        vm.warp(SLOT_END);
        Reading[] memory readings = list(aReading(meter, HOUR, 1500));
        vm.expectEmit();
        emit IMetering.ReadingReported(meter, HOUR, 1500);
        vm.expectEmit();
        emit ISettlement.BatchDelivered(1, 1);
        vm.prank(stranger);
        settlement.deliverBatch(1, Packing.leaves(leaves), ALL, readings);
        assertAccount(buyer, FUNDS - PAYMENT - FEE, 0, "buyer");
        assertAccount(seller, FUNDS + PAYMENT, 0, "seller");
        assertAccount(feeRecipient, FEE, 0, "fee recipient");
        assertEq(slot().allotted, 1500, "allotted");
        assertEq(settlement.markedOf(1), 1, "marked");
    }

    function test_nothing_is_released_twice() public {
        Leaf[] memory leaves = list(settleOne(aBid(), anOffer(), aFill()));
        report(1500);
        settlement.deliverBatch(1, Packing.leaves(leaves), ALL, noReadings());
        vm.expectEmit();
        emit ISettlement.BatchDelivered(1, 0);
        settlement.deliverBatch(1, Packing.leaves(leaves), ALL, noReadings());
        assertAccount(seller, FUNDS + PAYMENT, 0, "seller");
    }

    function test_only_the_leaves_asked_for_are_released() public {
        Leaf[] memory leaves = settleQuantities(list(300, 500, 700));
        report(1500);
        vm.expectEmit();
        emit ISettlement.BatchDelivered(1, 5);
        settlement.deliverBatch(1, Packing.leaves(leaves), 5, noReadings());
        vm.expectEmit();
        emit ISettlement.BatchDelivered(1, 2);
        settlement.deliverBatch(1, Packing.leaves(leaves), ALL, noReadings());
        assertAccount(buyer, FUNDS - PAYMENT - FEE, 0, "buyer");
        assertAccount(seller, FUNDS + PAYMENT, 0, "seller");
    }

    function test_more_than_was_sold_is_delivery_in_full() public {
        Leaf[] memory leaves = settleQuantities(list(300, 500, 700));
        report(9000);
        settlement.deliverBatch(1, Packing.leaves(leaves), ALL, noReadings());
        assertEq(settlement.markedOf(1), 7, "marked");
        assertEq(slot().allotted, 1500, "allotted");
    }

    function test_short_leaves_stay_locked() public {
        Leaf[] memory leaves = settleQuantities(list(1, 500, 999));
        report(1499);
        settlement.deliverBatch(1, Packing.leaves(leaves), ALL, noReadings());
        // ceil(1499 / 1500) = 1 and ceil(1499 x 501 / 1500) - 1 = 500: one lot short, and the last trade bears it.
        assertEq(settlement.markedOf(1), 3, "marked");
        (uint64 delivered,) = settlement.deliveredOf(leaves[2]);
        assertEq(delivered, 998, "delivered");
    }

    function test_without_a_reading_nothing_is_released() public {
        Leaf[] memory leaves = list(settleOne(aBid(), anOffer(), aFill()));
        vm.warp(SLOT_END);
        settlement.deliverBatch(1, Packing.leaves(leaves), ALL, noReadings());
        assertEq(settlement.markedOf(1), 0, "marked");
        (uint64 delivered, uint64 reportedAt) = settlement.deliveredOf(leaves[0]);
        assertEq(delivered, 0, "delivered");
        assertEq(reportedAt, 0, "reported at");
    }

    function test_leaves_must_be_those_of_the_batch() public {
        Leaf[] memory leaves = settleQuantities(list(300, 500, 700));
        report(1500);
        bytes32 root = settlement.batchRoot(1);
        Leaf[] memory part = list(leaves[0]);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotTheBatch.selector, 1, root, leaves[0].leafHash()));
        settlement.deliverBatch(1, Packing.leaves(part), ALL, noReadings());

        leaves[1].quantity = 501;
        vm.expectRevert();
        settlement.deliverBatch(1, Packing.leaves(leaves), ALL, noReadings());
    }

    function test_neighbours_cannot_swap_places() public {
        Leaf[] memory leaves = settleQuantities(list(300, 500, 700));
        report(1500);
        (leaves[0], leaves[1]) = (leaves[1], leaves[0]);
        vm.expectRevert();
        settlement.deliverBatch(1, Packing.leaves(leaves), ALL, noReadings());
    }

    function test_a_batch_that_was_never_settled_has_no_leaves() public {
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotTheBatch.selector, 1, 0, 0));
        settlement.deliverBatch(1, Packing.leaves(new Leaf[](0)), ALL, noReadings());
    }

    function test_a_fee_recipient_may_trade_too() public {
        feeRecipient = buyer;
        super.setUp();
        Leaf[] memory leaves = list(settleOne(aBid(), anOffer(), aFill()));
        report(1500);
        settlement.deliverBatch(1, Packing.leaves(leaves), ALL, noReadings());
        assertAccount(buyer, FUNDS - PAYMENT, 0, "buyer");
    }

    /// The tables are the caller's to lay out: somebody named twice gets both sums.
    function test_tables_that_name_somebody_twice_release_the_same() public {
        Leaf[] memory leaves = settleQuantities(list(300, 500, 700));
        report(1500);
        bytes memory packed = bytes.concat(
            abi.encodePacked(uint8(1), FEE_BPS, uint64(0), uint16(5), uint16(1), uint16(3)),
            abi.encodePacked(buyer, seller, buyer, seller, buyer),
            abi.encodePacked(leaves[0].instrument, leaves[0].referencePrice),
            word(0, 1, leaves[0]),
            word(2, 3, leaves[1]),
            word(4, 1, leaves[2])
        );
        settlement.deliverBatch(1, packed, ALL, noReadings());
        assertAccount(buyer, FUNDS - PAYMENT - FEE, 0, "buyer");
        assertAccount(seller, FUNDS + PAYMENT, 0, "seller");
        assertEq(slot().allotted, 1500, "allotted");
    }

    function test_bytes_that_are_no_leaves_are_refused() public {
        bytes memory good = Packing.leaves(list(settleOne(aBid(), anOffer(), aFill())));
        report(1500);
        bytes4 malformed = PackedLeaves.LeavesMalformed.selector;
        vm.expectRevert(abi.encodePacked(malformed));
        settlement.deliverBatch(1, "", ALL, noReadings());
        vm.expectRevert(abi.encodePacked(malformed));
        settlement.deliverBatch(1, bytes.concat(good, hex"00"), ALL, noReadings());
        bytes memory other = bytes.concat(good);
        other[0] = 0x02;
        vm.expectRevert(abi.encodePacked(malformed));
        settlement.deliverBatch(1, other, ALL, noReadings());
        settlement.deliverBatch(1, good, ALL, noReadings());
    }

    /// A packed leaf of the batch whose first trade number is that of its first leaf.
    function word(uint8 buyer_, uint8 seller_, Leaf memory leaf) private pure returns (bytes memory) {
        return
            abi.encodePacked(
                buyer_, seller_, uint8(0), uint40(leaf.position), leaf.price, leaf.quantity, leaf.soldBefore
            );
    }
}
