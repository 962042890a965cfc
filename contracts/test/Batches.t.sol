// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOperated} from "../src/interfaces/IOperated.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Merkle} from "../src/libraries/Merkle.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Fill, Order} from "../src/types/Order.sol";
import {Market} from "./support/Market.sol";

contract Batches is Market {
    function submit(uint64 number, uint16 feeBps, uint256 orders, uint256 signatures, uint256 fills) private {
        vm.prank(operator);
        settlement.settleBatch(
            number, RECORD_HASH, feeBps, new Order[](orders), new bytes[](signatures), new Fill[](fills)
        );
    }

    function test_a_trade_locks_payment_fee_and_collateral() public {
        Leaf memory leaf = settleOne(aBid(), anOffer(), aFill());
        assertAccount(buyer, FUNDS - PAYMENT - FEE, PAYMENT + FEE, "buyer");
        assertAccount(seller, FUNDS - COLLATERAL, COLLATERAL, "seller");
        assertAccount(feeRecipient, 0, 0, "fee recipient");
        assertEq(settlement.filledOf(orderDigest(aBid())), 1500, "bid filled");
        assertEq(settlement.filledOf(orderDigest(anOffer())), 1500, "offer filled");
        assertEq(slot().sold, 1500, "sold");
        assertEq(
            keccak256(abi.encode(leaf)),
            keccak256(abi.encode(0, 7, anInstrument(2), buyer, seller, meter, 2_000_000, 1500, 2_500_000, FEE_BPS, 0)),
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
        bytes[] memory signatures = new bytes[](2);
        signatures[0] = signDigest(buyer, orderDigest(orders[0]));
        signatures[1] = signDigest(seller, orderDigest(orders[1]));
        vm.expectEmit();
        emit ISettlement.TradeLocked(2, 7, second);
        vm.expectEmit();
        emit ISettlement.BatchSettled(2, RECORD_HASH, second.leafHash(), 1, FEE_BPS);
        vm.prank(operator);
        settlement.settleBatch(2, RECORD_HASH, FEE_BPS, orders, signatures, list(fill));
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
        submit(0, FEE_BPS, 0, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.BatchOutOfSequence.selector, 1, 2));
        submit(2, FEE_BPS, 0, 0, 0);
        submit(1, FEE_BPS, 0, 0, 0);
        assertEq(settlement.lastBatch(), 1, "last batch");
        assertEq(settlement.batchRoot(1), 0, "root of no leaves");
    }

    function test_only_the_operator_submits() public {
        vm.expectRevert(abi.encodeWithSelector(IOperated.NotOperator.selector, address(this)));
        settlement.settleBatch(1, RECORD_HASH, 0, new Order[](0), new bytes[](0), new Fill[](0));
    }

    function test_a_malformed_batch_is_refused_whole() public {
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TooManyFills.selector, 257, 256));
        submit(1, FEE_BPS, 0, 0, 257);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.SignatureCountDiffers.selector, 2, 1));
        submit(1, FEE_BPS, 2, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.FeeTooHigh.selector, 10_001, 10_000));
        submit(1, 10_001, 0, 0, 0);
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
        fund(buyer, type(uint120).max);
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
        assertEq(settlement.filledOf(orderDigest(bid)), expected, "bid filled");
        assertEq(settlement.filledOf(orderDigest(offer)), expected, "offer filled");
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
        fund(buyer, type(uint120).max);
        fund(seller, type(uint120).max);
        uint256 before = total(buyer) + total(seller);
        settle(pair(bid, offer), list(fill));
        assertEq(total(buyer) + total(seller), before, "money");
    }

    function total(address participant) private view returns (uint256) {
        return uint256(settlement.accountOf(participant).free) + settlement.accountOf(participant).locked;
    }
}
