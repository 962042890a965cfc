// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOperated} from "../src/interfaces/IOperated.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Merkle} from "../src/libraries/Merkle.sol";
import {PackedBatch} from "../src/libraries/PackedBatch.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Order} from "../src/types/Order.sol";
import {Market} from "./support/Market.sol";
import {Fill, Packing} from "./support/Packing.sol";

contract Batches is Market {
    /// Submit a batch without fills.
    function submit(uint64 number, uint16 feeBps) private {
        submit(number, feeBps, nothing());
    }

    function submit(uint64 number, uint16 feeBps, bytes memory packed) private {
        vm.prank(operator);
        settlement.settleBatch(number, RECORD_HASH, feeBps, packed);
    }

    function nothing() private pure returns (bytes memory) {
        return Packing.batch(new Order[](0), new bytes[](0), new Fill[](0));
    }

    function test_a_trade_locks_payment_fee_and_collateral() public {
        Leaf memory leaf = settleOne(aBid(), anOffer(), aFill());
        assertAccount(buyer, FUNDS - PAYMENT - FEE, PAYMENT + FEE, "buyer");
        assertAccount(seller, FUNDS - COLLATERAL, COLLATERAL, "seller");
        assertAccount(feeRecipient, 0, 0, "fee recipient");
        assertEq(settlement.filledOf(buyer, 1), 1500, "bid filled");
        assertEq(settlement.filledOf(seller, 1), 1500, "offer filled");
        assertEq(slot().sold, 1500, "sold");
        assertEq(
            keccak256(abi.encode(leaf)),
            keccak256(abi.encode(0, 7, anInstrument(2), buyer, seller, 2_000_000, 1500, 2_500_000, FEE_BPS, 0)),
            "leaf"
        );
        assertEq(settlement.batchRoot(1), leaf.leafHash(), "root of one leaf");
    }

    function test_the_batch_tells_its_record_and_its_root() public {
        Leaf memory leaf = settleOne(aBid(), anOffer(), aFill());
        Fill memory fill = aFill();
        fill.quantity = 400;
        Leaf memory second = leaf;
        second.quantity = 400;
        second.soldBefore = 1500;
        Order[] memory orders = pair(aBid(), anOffer());
        bytes memory packed = Packing.batch(orders, signed(orders), list(fill));
        vm.expectEmit();
        emit ISettlement.TradesLocked(2, Packing.leaves(list(second)));
        vm.expectEmit();
        emit ISettlement.BatchSettled(2, RECORD_HASH, second.leafHash(), 1, FEE_BPS);
        vm.prank(operator);
        settlement.settleBatch(2, RECORD_HASH, FEE_BPS, packed);
    }

    function test_fills_of_one_order_share_its_quantity_and_follow_each_other() public {
        Leaf[] memory leaves = settleQuantities(list(300, 500, 700));
        assertEq(leaves[2].position, 2, "position");
        assertEq(leaves[1].soldBefore, 300, "sold before the second");
        assertEq(leaves[2].soldBefore, 800, "sold before the third");
        assertEq(slot().sold, 1500, "sold");
        bytes32 root =
            Merkle.pairHash(Merkle.pairHash(leaves[0].leafHash(), leaves[1].leafHash()), leaves[2].leafHash());
        assertEq(settlement.batchRoot(1), root, "root");
    }

    function test_a_failing_fill_does_not_stop_the_others() public {
        Fill memory bad = aFill();
        bad.price = 3_000_000;
        bad.tradeNumber = 6;
        (Leaf[] memory leaves, ISettlement.SkipCode[] memory skipped) =
            settle(pair(aBid(), anOffer()), list(bad, aFill()));
        assertEq(leaves.length, 1, "locked");
        assertEq(leaves[0].tradeNumber, 7, "trade");
        assertEq(leaves[0].position, 0, "position");
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.PriceOutsideLimits), "code");
    }

    function test_repeating_a_batch_changes_nothing() public {
        settleOne(aBid(), anOffer(), aFill());
        bytes32 root = settlement.batchRoot(1);
        nextBatch = 1;
        vm.expectEmit();
        emit ISettlement.BatchRepeated(1);
        (Leaf[] memory leaves,) = settle(pair(aBid(), anOffer()), list(aFill()));
        assertEq(leaves.length, 0, "locked again");
        assertEq(settlement.batchRoot(1), root, "root");
        assertAccount(buyer, FUNDS - PAYMENT - FEE, PAYMENT + FEE, "buyer");
    }

    function test_numbers_follow_each_other_from_one() public {
        vm.expectRevert(abi.encodeWithSelector(ISettlement.BatchOutOfSequence.selector, 1, 0));
        submit(0, FEE_BPS);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.BatchOutOfSequence.selector, 1, 2));
        submit(2, FEE_BPS);
        submit(1, FEE_BPS);
        assertEq(settlement.lastBatch(), 1, "last batch");
        assertEq(settlement.batchRoot(1), 0, "root of no leaves");
    }

    function test_only_the_operator_submits() public {
        vm.expectRevert(abi.encodeWithSelector(IOperated.NotOperator.selector, address(this)));
        settlement.settleBatch(1, RECORD_HASH, 0, nothing());
    }

    function test_a_batch_that_cannot_be_read_is_refused_whole() public {
        Order[] memory orders = pair(aBid(), anOffer());
        bytes memory good = Packing.batch(orders, signed(orders), list(aFill()));
        bytes4 malformed = PackedBatch.BatchMalformed.selector;

        vm.expectRevert(abi.encodeWithSelector(ISettlement.TooManyFills.selector, 257, 256));
        submit(1, FEE_BPS, Packing.batch(new Order[](0), new bytes[](0), new Fill[](257)));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.FeeTooHigh.selector, 10_001, 10_000));
        submit(1, 10_001);
        bytes memory other = bytes.concat(good);
        other[0] = 0x02;
        vm.expectRevert(abi.encodePacked(malformed));
        submit(1, FEE_BPS, other); // another version
        vm.expectRevert(abi.encodePacked(malformed));
        submit(1, FEE_BPS, bytes.concat(good, hex"00")); // more than was announced
        vm.expectRevert(abi.encodePacked(malformed));
        submit(1, FEE_BPS, "");
        for (uint256 length = 18; length < good.length; length += 7) {
            bytes memory cut = bytes.concat(good);
            assembly {
                mstore(cut, length)
            }
            vm.expectRevert(abi.encodePacked(malformed));
            submit(1, FEE_BPS, cut);
        }
        other = bytes.concat(good);
        for (uint256 i = 1; i < 6; ++i) {
            other[i] = 0xFF;
        }
        vm.expectRevert(abi.encodePacked(malformed));
        submit(1, FEE_BPS, other); // trade numbers that would not fit
        submit(1, FEE_BPS, good);
    }

    /// Beyond its table there is only what follows in the call data.
    function test_an_order_names_places_within_the_tables() public {
        Order[] memory orders = pair(aBid(), anOffer());
        bytes memory good = Packing.batch(orders, signed(orders), list(aFill()));
        uint256 second = 19 + 2 * 20 + 40 + 2 * 18 + 28; // begins with participant, terms, conditions, of 2, 1 and 2
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory beyond = bytes.concat(good);
            beyond[second + i] = i == 1 ? bytes1(0x01) : bytes1(0x02);
            vm.expectRevert(abi.encodePacked(PackedBatch.BatchMalformed.selector));
            submit(1, FEE_BPS, beyond);
        }
        submit(1, FEE_BPS, good);
        assertEq(slot().sold, 1500, "sold");
    }

    /// Somebody named twice would have twice the money.
    function test_participants_must_ascend() public {
        Order[] memory orders = pair(aBid(), anOffer());
        bytes memory good = Packing.batch(orders, signed(orders), list(aFill()));
        bytes memory twice = bytes.concat(good);
        bytes memory swapped = bytes.concat(good);
        for (uint256 i = 19; i < 39; ++i) {
            twice[i + 20] = good[i];
            (swapped[i], swapped[i + 20]) = (good[i + 20], good[i]);
        }
        vm.expectRevert(abi.encodeWithSelector(ISettlement.ParticipantsNotAscending.selector, 1));
        submit(1, FEE_BPS, twice);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.ParticipantsNotAscending.selector, 1));
        submit(1, FEE_BPS, swapped);
        submit(1, FEE_BPS, good);
    }

    function test_orders_may_come_in_any_sequence() public {
        Order[] memory orders = pair(aBid(), anOffer());
        bytes memory packed = Packing.batch(orders, signed(orders), list(aFill()));
        uint256 first = 19 + 2 * 20 + 40 + 2 * 18;
        swap(packed, first, 28);
        swap(packed, first + 2 * 28, 1); // the fill's bid and offer
        swap(packed, first + 2 * 28 + 22, 67); // the signatures
        submit(1, FEE_BPS, packed);
        assertEq(settlement.filledOf(buyer, 1), 1500, "bid");
        assertEq(settlement.filledOf(seller, 1), 1500, "offer");
    }

    /// Swap two neighbours of one length.
    function swap(bytes memory packed, uint256 start, uint256 length) private pure {
        for (uint256 i = start; i < start + length; ++i) {
            (packed[i], packed[i + length]) = (packed[i + length], packed[i]);
        }
    }

    /// An order carried twice stands on one lane all the same.
    function test_an_order_carried_twice_fills_once() public {
        Order[] memory orders = new Order[](3);
        (orders[0], orders[1], orders[2]) = (aBid(), aBid(), anOffer());
        orders[2].quantity = 4000;
        Fill memory first = aFill();
        Fill memory second = aFill();
        (first.sell, second.buy, second.sell, second.tradeNumber) = (2, 1, 2, 8);
        (Leaf[] memory leaves, ISettlement.SkipCode[] memory skipped) = settle(orders, list(first, second));
        assertEq(leaves.length, 1, "locked");
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.BuyOverfilled), "code");
        assertEq(settlement.filledOf(buyer, 1), 1500, "filled");
    }

    /// Two orders of one participant with one id, which the exchange refuses: they fill less together, never more.
    function test_orders_that_share_an_id_share_what_fills() public {
        Order[] memory orders = new Order[](3);
        (orders[0], orders[1], orders[2]) = (aBid(), aBid(), anOffer());
        (orders[1].quantity, orders[2].quantity) = (1600, 4000);
        Fill memory first = aFill();
        Fill memory second = aFill();
        Fill memory third = aFill();
        (first.sell, second.sell, third.sell) = (2, 2, 2);
        (second.buy, second.tradeNumber, second.quantity) = (1, 8, 101);
        (third.buy, third.tradeNumber, third.quantity) = (1, 9, 100);
        Fill[] memory fills = new Fill[](3);
        (fills[0], fills[1], fills[2]) = (first, second, third);
        (Leaf[] memory leaves, ISettlement.SkipCode[] memory skipped) = settle(orders, fills);
        assertEq(leaves.length, 2, "locked");
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.BuyOverfilled), "code");
        assertEq(settlement.filledOf(buyer, 1), 1600, "filled");

        orders[1].quantity = 1000; // less than was filled under the id
        (, skipped) = settle(orders, list(third));
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.BuyOverfilled), "code of the smaller");
    }

    /// A lane says what was filled under an id and not that this order was signed: a fill proves no other order.
    function test_a_forged_order_cannot_hide_behind_the_id_of_one_that_filled() public {
        settleOne(aBid(), anOffer(), aFill());
        Order[] memory orders = pair(aBid(), anOffer());
        orders[0].price = 9_000_000;
        bytes[] memory signatures = signed(pair(aBid(), anOffer()));
        Fill memory fill = aFill();
        (fill.quantity, fill.price) = (100, 9_000_000);
        (Leaf[] memory leaves, ISettlement.SkipCode[] memory skipped) = settleSigned(orders, signatures, list(fill));
        assertEq(leaves.length, 0, "locked");
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.BuySignatureInvalid), "code");
    }

    /// Four ids share a word: each counts for itself, up to what a lane holds.
    function test_neighbouring_ids_do_not_touch_each_other() public {
        Order[] memory orders = new Order[](6);
        Fill[] memory fills = new Fill[](5);
        for (uint64 i = 0; i < 5; ++i) {
            orders[i] = aBid();
            orders[i].clientOrderId = 3 + i;
            fills[i] = Fill(uint32(i), 5, i, 2_000_000, 10 + i);
        }
        orders[5] = anOffer();
        settle(orders, fills);
        for (uint64 i = 0; i < 5; ++i) {
            assertEq(settlement.filledOf(buyer, 3 + i), 10 + i, "filled");
        }
        assertEq(settlement.filledOf(buyer, 2) + settlement.filledOf(buyer, 8), 0, "untouched");
    }

    function test_an_order_fills_to_what_a_lane_holds() public {
        (Order memory bid, Order memory offer) = (aBid(), anOffer());
        (bid.quantity, offer.quantity) = (type(uint64).max, type(uint64).max);
        (offer.price, bid.referencePrice, offer.referencePrice) = (0, 0, 0);
        Fill memory first = aFill();
        Fill memory second = aFill();
        (first.price, second.price, second.tradeNumber, second.quantity) = (0, 0, 8, 1);
        first.quantity = type(uint64).max / 2;
        (Leaf[] memory leaves, ISettlement.SkipCode[] memory skipped) = settle(pair(bid, offer), list(first, second));
        assertEq(leaves.length, 1, "locked");
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.BuyOverfilled), "code");
        assertEq(settlement.filledOf(buyer, 1), type(uint64).max / 2, "filled");
        assertEq(settlement.filledOf(buyer, 2) + settlement.cancelledFrom(buyer, 1), 0, "nothing spilled over");
    }

    function test_the_contract_hashes_orders_as_eip712_says() public view {
        assertEq(settlement.domainSeparator(), domainSeparator(), "domain");
        assertEq(settlement.orderHash(aBid()), orderDigest(aBid()), "order");
    }

    function testFuzz_no_price_outside_the_limits_locks(uint64 bidPrice, uint64 askPrice, uint64 price) public {
        Order memory bid = aBid();
        Order memory offer = anOffer();
        Fill memory fill = aFill();
        (bid.price, offer.price, fill.price) = (bidPrice, askPrice, price);
        fund(buyer, type(uint120).max / 4);
        (Leaf[] memory leaves,) = settle(pair(bid, offer), list(fill));
        assertEq(leaves.length, price <= bidPrice && price >= askPrice ? 1 : 0, "locked");
    }

    function testFuzz_no_order_fills_beyond_its_quantity(uint64 bidMost, uint64 askMost, uint64 one, uint64 other)
        public
    {
        Order memory bid = aBid();
        Order memory offer = anOffer();
        (bid.quantity, offer.quantity) = (uint64(bound(bidMost, 0, 1e6)), uint64(bound(askMost, 0, 1e6)));
        (Fill memory first, Fill memory second) = (aFill(), aFill());
        (first.quantity, second.quantity) = (uint64(bound(one, 1, 1e6)), uint64(bound(other, 1, 1e6)));
        second.tradeNumber = 8;
        fund(buyer, type(uint104).max);
        fund(seller, type(uint104).max);
        settle(pair(bid, offer), list(first, second));

        uint256 least = bid.quantity < offer.quantity ? bid.quantity : offer.quantity;
        uint256 expected = first.quantity <= least ? first.quantity : 0;
        if (expected + second.quantity <= least) expected += second.quantity;
        assertEq(settlement.filledOf(buyer, 1), expected, "bid filled");
        assertEq(settlement.filledOf(seller, 1), expected, "offer filled");
        assertEq(slot().sold, expected, "sold");
    }

    function testFuzz_locking_conserves_money(uint64 price, uint64 quantity, uint64 referencePrice, uint8 tier) public {
        Order memory bid = aBid();
        Order memory offer = anOffer();
        Fill memory fill = aFill();
        bid.instrument = offer.instrument = anInstrument(bound(tier, 0, 4));
        bid.referencePrice = offer.referencePrice = referencePrice;
        (bid.price, offer.price, fill.price) = (price, 0, price);
        bid.quantity = offer.quantity = fill.quantity = uint64(bound(quantity, 1, type(uint64).max));
        fund(buyer, type(uint120).max / 4);
        fund(seller, type(uint120).max / 4);
        uint256 before = total(buyer) + total(seller);
        settle(pair(bid, offer), list(fill));
        assertEq(total(buyer) + total(seller), before, "money");
    }

    function total(address participant) private view returns (uint256) {
        return uint256(settlement.accountOf(participant).free) + settlement.accountOf(participant).locked;
    }
}
