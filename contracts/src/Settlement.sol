// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Custody} from "./Custody.sol";
import {Guarantee} from "./Guarantee.sol";
import {Metering} from "./Metering.sol";
import {Operated} from "./Operated.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Instruments} from "./libraries/Instruments.sol";
import {Merkle} from "./libraries/Merkle.sol";
import {Money} from "./libraries/Money.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Amounts, Leaf} from "./types/Leaf.sol";
import {BUY, Fill, Order, SELL} from "./types/Order.sol";
import {Reading} from "./types/Reading.sol";

/// Lock trades in batches, release what was delivered, and let the guarantee share out what was not.
contract Settlement is ISettlement, Custody, Metering {
    using Instruments for uint256;
    using Money for Leaf;

    /// A batch's leaves are marked in one word.
    uint256 private constant FILLS_MAX = 256;

    /// What is remembered of an order: lots locked, and the time from which no more may be.
    struct OrderState {
        uint64 filled;
        uint64 cancelledFrom;
    }

    /// A batch while it is being locked.
    struct Batch {
        uint64 number;
        uint16 feeBps;
        bytes32[] orderHashes;
        bool[] signed;
        bytes32[] leafHashes;
        uint256 locked;
        uint256 tradeNumberMin;
    }

    /// @inheritdoc ISettlement
    address public immutable feeRecipient;
    /// @inheritdoc ISettlement
    uint64 public immutable readingWindow;
    /// @inheritdoc ISettlement
    address public immutable guarantee;

    uint64 private _lastBatch;
    mapping(bytes32 orderHash => OrderState) private _orders;
    mapping(uint64 batchNumber => bytes32) private _roots;
    mapping(uint64 batchNumber => uint256 bitmap) private _marked;
    mapping(bytes32 leafHash => bool) private _open;

    modifier onlyGuarantee() {
        if (msg.sender != guarantee) revert NotGuarantee(msg.sender);
        _;
    }

    /// Deploy the settlement and, with it, its guarantee. Nothing here can be changed afterwards; times are seconds.
    constructor(
        address token_,
        address operator_,
        address feeRecipient_,
        uint64 noticePeriod_,
        uint64 readingWindow_,
        uint64 challengeWindow_
    ) Operated(operator_) Custody(token_, noticePeriod_) {
        if (feeRecipient_ == address(0)) revert ZeroAddress();
        feeRecipient = feeRecipient_;
        readingWindow = readingWindow_;
        guarantee = address(new Guarantee(this, challengeWindow_));
    }

    /// @inheritdoc ISettlement
    function cancelOrder(Order calldata order) external {
        if (msg.sender != order.participant) revert NotYourOrder(msg.sender, order.participant);
        bytes32 hash = _hashTypedData(order.structHash());
        OrderState storage state = _orders[hash];
        if (state.cancelledFrom != 0) return;
        state.cancelledFrom = uint64(block.timestamp) + noticePeriod;
        emit CancelRequested(hash, msg.sender, state.cancelledFrom);
    }

    /// @inheritdoc ISettlement
    function settleBatch(
        uint64 batchNumber,
        bytes32 recordHash,
        uint16 feeBps,
        Order[] calldata orders,
        bytes[] calldata signatures,
        Fill[] calldata fills
    ) external onlyOperator {
        if (batchNumber != 0 && batchNumber <= _lastBatch) {
            emit BatchRepeated(batchNumber);
            return;
        }
        if (batchNumber != _lastBatch + 1) revert BatchOutOfSequence(_lastBatch + 1, batchNumber);
        if (fills.length > FILLS_MAX) revert TooManyFills(fills.length, FILLS_MAX);
        if (signatures.length != orders.length) revert SignatureCountDiffers(orders.length, signatures.length);
        if (feeBps > Money.BPS_ONE) revert FeeTooHigh(feeBps, uint16(Money.BPS_ONE));

        Batch memory batch;
        batch.number = batchNumber;
        batch.feeBps = feeBps;
        (batch.orderHashes, batch.signed) = _verify(orders, signatures);
        batch.leafHashes = new bytes32[](fills.length);
        for (uint256 i = 0; i < fills.length; ++i) {
            SkipCode code = _lockFill(batch, orders, fills[i]);
            if (code != SkipCode.None) emit TradeSkipped(batchNumber, fills[i].tradeNumber, code);
        }

        bytes32 root = Merkle.root(batch.leafHashes, batch.locked);
        _lastBatch = batchNumber;
        _roots[batchNumber] = root;
        emit BatchSettled(batchNumber, recordHash, root, batch.locked, feeBps);
    }

    /// @inheritdoc ISettlement
    function deliverBatch(uint64 batchNumber, Leaf[] calldata leaves, uint256 which, Reading[] calldata readings)
        external
    {
        _report(readings);
        _requireWholeBatch(batchNumber, leaves);

        uint256 candidates = which & ~_marked[batchNumber];
        uint256 released = 0;
        uint256 fees = 0;
        for (uint256 i = 0; i < leaves.length; ++i) {
            if (candidates >> i & 1 == 0) continue;
            (bool inFull, uint256 fee) = _releaseIfDelivered(leaves[i]);
            if (!inFull) continue;
            released |= 1 << i;
            fees += fee;
        }
        _marked[batchNumber] |= released;
        _unlock(feeRecipient, 0, fees);
        emit BatchDelivered(batchNumber, released);
    }

    /// @inheritdoc ISettlement
    function openLeaf(uint64 batchNumber, Leaf calldata leaf, bytes32[] calldata proof)
        external
        onlyGuarantee
        returns (uint64 delivered, bool hadReading)
    {
        bytes32 hash = leaf.leafHash();
        bytes32 root = Merkle.rootFromProof(hash, proof);
        if (root != _roots[batchNumber]) revert NotTheBatch(batchNumber, _roots[batchNumber], root);
        uint256 bit = 1 << leaf.position;
        if (_marked[batchNumber] & bit != 0) revert LeafAlreadyMarked(batchNumber, leaf.position);

        uint64 reportedAt;
        (delivered, reportedAt) = _deliveredOf(leaf);
        hadReading = reportedAt != 0;
        uint256 deadline = _endOf(leaf.instrument.startHour()) + readingWindow;
        bool short = hadReading ? delivered < leaf.quantity : block.timestamp > deadline;
        if (!short) revert LeafNotShort(hash, deadline);

        _marked[batchNumber] |= bit;
        _open[hash] = true;
        emit LeafOpened(batchNumber, leaf.position, hash);
    }

    /// @inheritdoc ISettlement
    function redistribute(Leaf calldata leaf, Payout calldata payout) external onlyGuarantee {
        bytes32 hash = leaf.leafHash();
        if (!_open[hash]) revert LeafNotOpen(hash);
        Amounts memory locked = leaf.amounts();
        uint256 fromBuyer = locked.payment + locked.fee;
        uint256 spent = payout.toSeller + payout.fee;
        if (spent > fromBuyer || payout.compensation > locked.collateral) revert PayoutBeyondLock(hash);

        delete _open[hash];
        _allot(leaf, payout.delivered);
        uint256 toBuyer = fromBuyer - spent + payout.compensation;
        _unlock(leaf.buyer, fromBuyer, toBuyer);
        _unlock(leaf.seller, locked.collateral, payout.toSeller + locked.collateral - payout.compensation);
        _unlock(feeRecipient, 0, payout.fee);
        emit LeafRedistributed(hash, payout.toSeller, payout.fee, toBuyer);
    }

    /// @inheritdoc ISettlement
    function amountsOf(Leaf calldata leaf) external pure returns (Amounts memory) {
        return leaf.amounts();
    }

    /// @inheritdoc ISettlement
    function deliveredOf(Leaf calldata leaf) external view returns (uint64 delivered, uint64 reportedAt) {
        return _deliveredOf(leaf);
    }

    /// @inheritdoc ISettlement
    function orderHash(Order calldata order) external view returns (bytes32) {
        return _hashTypedData(order.structHash());
    }

    /// @inheritdoc ISettlement
    function filledOf(bytes32 orderHash_) external view returns (uint64) {
        return _orders[orderHash_].filled;
    }

    /// @inheritdoc ISettlement
    function cancelledFrom(bytes32 orderHash_) external view returns (uint64) {
        return _orders[orderHash_].cancelledFrom;
    }

    /// @inheritdoc ISettlement
    function lastBatch() external view returns (uint64) {
        return _lastBatch;
    }

    /// @inheritdoc ISettlement
    function batchRoot(uint64 batchNumber) external view returns (bytes32) {
        return _roots[batchNumber];
    }

    /// @inheritdoc ISettlement
    function markedOf(uint64 batchNumber) external view returns (uint256) {
        return _marked[batchNumber];
    }

    /// Hash each order and check its signature, once for all its fills and before any state changes.
    function _verify(Order[] calldata orders, bytes[] calldata signatures)
        private
        view
        returns (bytes32[] memory hashes, bool[] memory signed)
    {
        hashes = new bytes32[](orders.length);
        signed = new bool[](orders.length);
        for (uint256 i = 0; i < orders.length; ++i) {
            hashes[i] = _hashTypedData(orders[i].structHash());
            signed[i] = Signatures.isSignedBy(hashes[i], orders[i].participant, signatures[i]);
        }
    }

    /// Lock one fill, or say why not. Everything is checked before anything is written.
    function _lockFill(Batch memory batch, Order[] calldata orders, Fill calldata fill) private returns (SkipCode) {
        if (fill.buy >= orders.length || fill.sell >= orders.length) return SkipCode.OrderMissing;
        if (fill.tradeNumber < batch.tradeNumberMin) return SkipCode.TradeNumberNotIncreasing;
        batch.tradeNumberMin = uint256(fill.tradeNumber) + 1;

        Order calldata buy = orders[fill.buy];
        Order calldata sell = orders[fill.sell];
        SkipCode code = _termsFault(buy, sell, fill, batch.feeBps);
        if (code == SkipCode.None) code = _ordersFault(batch, buy, sell, fill);
        if (code != SkipCode.None) return code;

        Leaf memory leaf = _leafOf(batch, buy, sell, fill);
        Slot storage slot = _slotOf(leaf);
        leaf.soldBefore = slot.sold;
        Amounts memory amounts = leaf.amounts();
        code = _coverFault(leaf, slot, amounts);
        if (code != SkipCode.None) return code;

        _orders[batch.orderHashes[fill.buy]].filled += fill.quantity;
        _orders[batch.orderHashes[fill.sell]].filled += fill.quantity;
        slot.sold += fill.quantity;
        _lock(leaf.buyer, amounts.payment + amounts.fee);
        _lock(leaf.seller, amounts.collateral);
        batch.leafHashes[batch.locked++] = leaf.leafHash();
        emit TradeLocked(batch.number, leaf.tradeNumber, leaf);
        return SkipCode.None;
    }

    /// Release a leaf and return its fee, if the reading covers all of it.
    function _releaseIfDelivered(Leaf memory leaf) private returns (bool inFull, uint256 fee) {
        (uint64 delivered, uint64 reportedAt) = _deliveredOf(leaf);
        if (reportedAt == 0 || delivered < leaf.quantity) return (false, 0);
        _allot(leaf, delivered);
        Amounts memory locked = leaf.amounts();
        _unlock(leaf.buyer, locked.payment + locked.fee, 0);
        _unlock(leaf.seller, locked.collateral, locked.collateral + locked.payment);
        return (true, locked.fee);
    }

    /// Check the limits that were signed and the state that is remembered of both orders.
    function _ordersFault(Batch memory batch, Order calldata buy, Order calldata sell, Fill calldata fill)
        private
        view
        returns (SkipCode)
    {
        if (!batch.signed[fill.buy]) return SkipCode.BuySignatureInvalid;
        if (!batch.signed[fill.sell]) return SkipCode.SellSignatureInvalid;
        if (block.timestamp > buy.settleUntil) return SkipCode.BuyExpired;
        if (block.timestamp > sell.settleUntil) return SkipCode.SellExpired;
        OrderState memory bought = _orders[batch.orderHashes[fill.buy]];
        OrderState memory sold = _orders[batch.orderHashes[fill.sell]];
        if (_isCancelled(bought)) return SkipCode.BuyCancelled;
        if (_isCancelled(sold)) return SkipCode.SellCancelled;
        if (fill.quantity > buy.quantity - bought.filled) return SkipCode.BuyOverfilled;
        if (fill.quantity > sell.quantity - sold.filled) return SkipCode.SellOverfilled;
        return SkipCode.None;
    }

    /// Check that the slot can take the sale and that both sides can pay for it.
    function _coverFault(Leaf memory leaf, Slot storage slot, Amounts memory amounts) private view returns (SkipCode) {
        if (leaf.meter == address(0)) return SkipCode.MeterNotRegistered;
        if (slot.reportedAt != 0) return SkipCode.SlotAlreadyMetered;
        if (leaf.quantity > type(uint64).max - leaf.soldBefore) return SkipCode.SlotFull;
        if (amounts.payment + amounts.fee > _free(leaf.buyer)) return SkipCode.BuyerFundsInsufficient;
        if (amounts.collateral > _free(leaf.seller)) return SkipCode.SellerCollateralInsufficient;
        return SkipCode.None;
    }

    /// Return the leaf of a fill, all but what was sold before it.
    function _leafOf(Batch memory batch, Order calldata buy, Order calldata sell, Fill calldata fill)
        private
        view
        returns (Leaf memory leaf)
    {
        leaf.position = uint32(batch.locked);
        leaf.tradeNumber = fill.tradeNumber;
        leaf.instrument = sell.instrument;
        leaf.buyer = buy.participant;
        leaf.seller = sell.participant;
        leaf.meter = _meterOf(sell.participant, sell.instrument.resource());
        leaf.price = fill.price;
        leaf.quantity = fill.quantity;
        leaf.referencePrice = sell.referencePrice;
        leaf.feeBps = batch.feeBps;
    }

    function _isCancelled(OrderState memory state) private view returns (bool) {
        return state.cancelledFrom != 0 && block.timestamp >= state.cancelledFrom;
    }

    function _requireWholeBatch(uint64 batchNumber, Leaf[] calldata leaves) private view {
        bytes32[] memory hashes = new bytes32[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            // The root alone would let neighbours swap places, and with them the bits that mark them.
            if (leaves[i].position != i) revert LeafOutOfPlace(i, leaves[i].position);
            hashes[i] = leaves[i].encodedHash();
        }
        bytes32 root = Merkle.root(hashes, leaves.length);
        if (root == 0 || root != _roots[batchNumber]) revert NotTheBatch(batchNumber, _roots[batchNumber], root);
    }

    /// Check what the two orders say of each other and of the fill.
    function _termsFault(Order calldata buy, Order calldata sell, Fill calldata fill, uint16 feeBps)
        private
        pure
        returns (SkipCode)
    {
        if (buy.side != BUY || sell.side != SELL) return SkipCode.WrongSide;
        if (buy.instrument != sell.instrument) return SkipCode.InstrumentDiffers;
        if (!buy.instrument.isSettleable()) return SkipCode.InstrumentNotSettleable;
        if (buy.referencePrice != sell.referencePrice) return SkipCode.ReferencePriceDiffers;
        if (buy.participant == sell.participant) return SkipCode.SelfTrade;
        if (fill.price > buy.price || fill.price < sell.price) return SkipCode.PriceOutsideLimits;
        if (feeBps > buy.feeCapBps) return SkipCode.FeeAboveCap;
        if (fill.quantity == 0) return SkipCode.QuantityZero;
        return SkipCode.None;
    }
}
