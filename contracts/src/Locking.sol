// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Metering} from "./Metering.sol";
import {Orders} from "./Orders.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Column, newColumn} from "./libraries/Columns.sol";
import {Lanes} from "./libraries/Lanes.sol";
import {LeavesLog, newLeavesLog} from "./libraries/LeavesLog.sol";
import {Money} from "./libraries/Money.sol";
import {PackedBatch, PackedFill, PackedOrder} from "./libraries/PackedBatch.sol";
import {PackedLeaves} from "./libraries/PackedLeaves.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Slots} from "./libraries/Slots.sol";
import {Leaf} from "./types/Leaf.sol";
import {BUY, ORDER_TYPEHASH, SELL, TypedOrder} from "./types/Order.sol";
import {Purse} from "./types/Purse.sol";
import {PackedSlot} from "./types/PackedSlot.sol";
import {Terms, termsOf} from "./types/Terms.sol";
import {Word, placeOf, wordAt} from "./types/Word.sol";

/// Lock a batch: check every order once, then fill by fill check what the two say of each other and lock what they agreed.
///
/// Purses are read once, worked on in memory and written back once; fill counters and slots are found once and worked on
/// where they are stored. Nothing can come between reading and writing a purse: the only foreign code that runs is a
/// wallet's signature check, which is a static call. That each purse stands in memory only once is what keeps its running
/// value true: participants must ascend.
///
/// Arithmetic on what is summed over trades (money, lots) is checked or guarded by the comparison before it. `unchecked`
/// covers the rest: places, which are counted here or compared with their table when the orders are read, and products of
/// 64-bit numbers.
abstract contract Locking is ISettlement, Orders, Metering {
    using PackedBatch for PackedBatch.Tables;

    /// A batch's leaves are marked in one word.
    uint256 private constant FILLS_MAX = 256;

    /// What may be wrong with an order.
    uint256 private constant UNSIGNED = 1;
    uint256 private constant EXPIRED = 2;
    uint256 private constant CANCELLED = 4;
    uint256 private constant FEE_ABOVE_CAP = 8; // no fault of an offer, which pays none

    /// A batch while it is being locked.
    struct Batch {
        PackedBatch.Tables tables;
        uint256 feeBps;
        /// The trade offset of the fill before, plus one.
        uint256 offsetMin;
        Terms[] terms;
        /// Each participant's purse as the batch goes on.
        Column purses;
        /// Per order: what is wrong with it, where its fill counters are stored, and where the slot is that an offer sells
        /// from, 0 before that is asked.
        Column faults;
        Column lanes;
        Column slots;
        /// What is being decided.
        Candidate candidate;
        /// The trades that are locked: their terms being written out, their hashes, and what is told of them.
        Leaf leaf;
        Column leafHashes;
        LeavesLog told;
        uint256 locked;
    }

    /// A fill while it is being decided: its orders and their places, and the fill counters of both as they are stored.
    struct Candidate {
        PackedOrder bid;
        PackedOrder offer;
        uint256 bidIndex;
        uint256 offerIndex;
        uint256 buyer;
        uint256 seller;
        uint256 price;
        uint256 quantity;
        uint256 offset;
        Terms terms;
        uint256 bidLanes;
        uint256 offerLanes;
    }

    /// Lock the fills of a batch, and tell of each that is left out.
    function _lockBatch(uint64 batchNumber, uint16 feeBps, bytes calldata packed)
        internal
        returns (Batch memory batch)
    {
        batch.tables = PackedBatch.tablesOf(packed);
        uint256 fillCount = batch.tables.fillCount;
        if (fillCount > FILLS_MAX) revert TooManyFills(fillCount, FILLS_MAX);
        batch.feeBps = batch.leaf.feeBps = feeBps;
        _readPurses(batch);
        _readTerms(batch);
        _readOrders(batch);

        batch.leafHashes = newColumn(fillCount);
        batch.told = newLeavesLog(batch.tables, feeBps);
        for (uint256 i = 0; i < fillCount; ++i) {
            PackedFill fill = batch.tables.fillAt(i);
            SkipCode code = _lockFill(batch, fill);
            if (code != SkipCode.None) emit TradeSkipped(batchNumber, _tradeNumber(batch, fill.tradeOffset()), code);
        }
        _writePurses(batch);
    }

    // --- purses and terms ---------------------------------------------------------------------------------------

    function _readPurses(Batch memory batch) private view {
        uint256 count = batch.tables.participantCount;
        batch.purses = newColumn(count);
        address before = address(0);
        for (uint256 i = 0; i < count; ++i) {
            address participant = batch.tables.participantAt(i);
            if (i != 0 && participant <= before) revert ParticipantsNotAscending(i);
            batch.purses.put(i, Purse.unwrap(_purseOf(participant)));
            before = participant;
        }
    }

    /// Write every purse back. Where nothing changed, the chain charges little and nothing happens.
    function _writePurses(Batch memory batch) private {
        for (uint256 i = 0; i < batch.tables.participantCount; ++i) {
            _setPurse(batch.tables.participantAt(i), Purse.wrap(batch.purses.get(i)));
        }
    }

    function _readTerms(Batch memory batch) private pure {
        uint256 count = batch.tables.termsCount;
        batch.terms = new Terms[](count);
        for (uint256 i = 0; i < count; ++i) {
            (uint256 instrument, uint256 referencePrice) = batch.tables.termsAt(i);
            batch.terms[i] = termsOf(instrument, referencePrice);
        }
    }

    // --- orders -------------------------------------------------------------------------------------------------

    /// Check each order by itself, once for all its fills: places, signature, times and cancellations. Find its counters.
    function _readOrders(Batch memory batch) private view {
        uint256 count = batch.tables.orderCount;
        batch.faults = newColumn(count);
        batch.lanes = newColumn(count);
        batch.slots = newColumn(count);
        TypedOrder memory typed;
        typed.typeHash = ORDER_TYPEHASH;
        bytes32 domain = _domainSeparator();
        uint256 signatureAt = batch.tables.signatures;
        uint256 sharedBefore = type(uint256).max;
        for (uint256 i = 0; i < count; ++i) {
            PackedOrder order = PackedBatch.orderAt(batch.tables.orders, i);
            if (order.shared() != sharedBefore) _unpackShared(batch, order, typed);
            sharedBefore = order.shared();
            _unpack(batch, order, typed);
            uint256 faults;
            (faults, signatureAt) = _check(batch, typed, domain, signatureAt);
            uint256 lanes = placeOf(_allBooks().lanes[Lanes.keyOf(typed.participant, order.clientOrderId())]);
            if (_isCancelled(batch, order, lanes)) faults |= CANCELLED;
            batch.faults.put(i, faults);
            batch.lanes.put(i, lanes);
        }
        if (signatureAt != batch.tables.end) revert PackedBatch.BatchMalformed();
    }

    /// Check an order's signature and conditions; return what is wrong, and where the next signature is.
    function _check(Batch memory batch, TypedOrder memory typed, bytes32 domain, uint256 signatureAt)
        private
        view
        returns (uint256 faults, uint256 next)
    {
        bytes calldata signature;
        (signature, next) = batch.tables.signatureAt(signatureAt);
        if (!Signatures.isSignedBy(typed.digest(domain), typed.participant, signature)) faults = UNSIGNED;
        if (block.timestamp > typed.settleUntil) faults |= EXPIRED;
        if (batch.feeBps > typed.feeCapBps) faults |= FEE_ABOVE_CAP;
    }

    /// Write out what an order has in common with others, often the one before. From here on its places are known to lie
    /// within their tables.
    function _unpackShared(Batch memory batch, PackedOrder order, TypedOrder memory typed) private pure {
        PackedBatch.Tables memory tables = batch.tables;
        if (order.conditionsIndex() >= tables.conditionsCount) revert PackedBatch.BatchMalformed();
        if (order.termsIndex() >= tables.termsCount) revert PackedBatch.BatchMalformed();
        Terms memory terms = batch.terms[order.termsIndex()];
        typed.instrument = terms.instrument;
        typed.referencePrice = terms.referencePrice;
        (typed.goodUntil, typed.settleUntil, typed.feeCapBps) = tables.conditionsAt(order.conditionsIndex());
    }

    /// Write out the rest of an order as it was signed.
    function _unpack(Batch memory batch, PackedOrder order, TypedOrder memory typed) private pure {
        if (order.participantIndex() >= batch.tables.participantCount) revert PackedBatch.BatchMalformed();
        typed.participant = batch.tables.participantAt(order.participantIndex());
        typed.side = order.side();
        typed.price = order.orderPrice();
        typed.quantity = order.orderQuantity();
        typed.clientOrderId = order.clientOrderId();
    }

    /// Return whether what was cancelled of an order, or of all below some id, is in force. Most ask no more storage.
    function _isCancelled(Batch memory batch, PackedOrder order, uint256 lanes) private view returns (bool) {
        uint64 id = order.clientOrderId();
        address participant = batch.tables.participantAt(order.participantIndex());
        if (Lanes.cancelAsked(wordAt(lanes).value, Lanes.shiftOf(id))) {
            if (_allBooks().isCancelledNow(Lanes.keyOf(participant, id), id)) return true;
        }
        if (!Purse.wrap(batch.purses.get(order.participantIndex())).hasCancelledBelow()) return false;
        return id < _allBooks().cancelledBelowNow(participant);
    }

    // --- fills --------------------------------------------------------------------------------------------------

    /// Lock one fill, or say why not. Everything is checked before anything is changed.
    function _lockFill(Batch memory batch, PackedFill fill) private returns (SkipCode) {
        Candidate memory it = batch.candidate;
        it.bidIndex = fill.bidIndex();
        it.offerIndex = fill.offerIndex();
        it.offset = fill.tradeOffset();
        uint256 orders = batch.tables.orderCount;
        if (it.bidIndex >= orders || it.offerIndex >= orders) return SkipCode.OrderMissing;
        if (it.offset < batch.offsetMin) return SkipCode.TradeNumberNotIncreasing;
        unchecked {
            batch.offsetMin = it.offset + 1;
        }
        it.bid = PackedBatch.orderAt(batch.tables.orders, it.bidIndex);
        it.offer = PackedBatch.orderAt(batch.tables.orders, it.offerIndex);
        it.buyer = it.bid.participantIndex();
        it.seller = it.offer.participantIndex();
        it.price = fill.fillPrice();
        it.quantity = fill.fillQuantity();

        return _lockAgreeing(batch, it);
    }

    /// Check what the two orders say of each other and of the fill; go on if they agree.
    function _lockAgreeing(Batch memory batch, Candidate memory it) private returns (SkipCode) {
        if (it.bid.side() != BUY || it.offer.side() != SELL) return SkipCode.WrongSide;
        Terms memory terms = batch.terms[it.offer.termsIndex()];
        if (it.bid.termsIndex() == it.offer.termsIndex()) {
            if (terms.lotsPerUnit == 0) return SkipCode.InstrumentNotSettleable;
        } else {
            Terms memory wanted = batch.terms[it.bid.termsIndex()];
            if (wanted.instrument != terms.instrument) return SkipCode.InstrumentDiffers;
            if (terms.lotsPerUnit == 0) return SkipCode.InstrumentNotSettleable;
            if (wanted.referencePrice != terms.referencePrice) return SkipCode.ReferencePriceDiffers;
        }
        it.terms = terms;
        if (it.buyer == it.seller) return SkipCode.SelfTrade;
        if (it.price > it.bid.orderPrice() || it.price < it.offer.orderPrice()) return SkipCode.PriceOutsideLimits;
        if (batch.faults.get(it.bidIndex) & FEE_ABOVE_CAP != 0) return SkipCode.FeeAboveCap;
        if (it.quantity == 0) return SkipCode.QuantityZero;
        return _lockStanding(batch, it);
    }

    /// Check what was found of both orders, and what remains of them; go on if both stand.
    function _lockStanding(Batch memory batch, Candidate memory it) private returns (SkipCode) {
        uint256 ofBid = batch.faults.get(it.bidIndex);
        uint256 ofOffer = batch.faults.get(it.offerIndex);
        uint256 faults = (ofBid | ofOffer) & (UNSIGNED | EXPIRED | CANCELLED);
        if (faults != 0) {
            if (faults & UNSIGNED != 0) {
                return ofBid & UNSIGNED != 0 ? SkipCode.BuySignatureInvalid : SkipCode.SellSignatureInvalid;
            }
            if (faults & EXPIRED != 0) return ofBid & EXPIRED != 0 ? SkipCode.BuyExpired : SkipCode.SellExpired;
            return ofBid & CANCELLED != 0 ? SkipCode.BuyCancelled : SkipCode.SellCancelled;
        }
        it.bidLanes = wordAt(batch.lanes.get(it.bidIndex)).value;
        it.offerLanes = wordAt(batch.lanes.get(it.offerIndex)).value;
        if (_isTooMuch(it.bid, it.bidLanes, it.quantity)) return SkipCode.BuyOverfilled;
        if (_isTooMuch(it.offer, it.offerLanes, it.quantity)) return SkipCode.SellOverfilled;
        return _lockCovered(batch, it);
    }

    /// Return whether lots are more than what remains of an order, whichever orders shared the id before.
    function _isTooMuch(PackedOrder order, uint256 lanes, uint256 quantity) private pure returns (bool) {
        unchecked {
            uint256 filled = Lanes.filled(lanes, Lanes.shiftOf(order.clientOrderId())) + quantity;
            return filled > order.orderQuantity() || filled > Lanes.FILLED_MAX;
        }
    }

    /// Check that the slot can take the sale and that both sides can pay for it; then lock it.
    function _lockCovered(Batch memory batch, Candidate memory it) private returns (SkipCode code) {
        Word storage word = _slotOf(batch, it);
        PackedSlot slot = PackedSlot.wrap(word.value);
        PackedSlot after_;
        address seller = batch.tables.participantAt(it.seller);
        (after_, code) = Slots.sell(_allBooks(), slot, seller, it.terms.instrument, it.quantity);
        if (code == SkipCode.None) code = _lockMoney(batch, it);
        if (code != SkipCode.None) return code;

        word.value = PackedSlot.unwrap(after_);
        wordAt(batch.lanes.get(it.bidIndex)).value = _counted(it.bid, it.bidLanes, it.quantity);
        wordAt(batch.lanes.get(it.offerIndex)).value = _counted(it.offer, it.offerLanes, it.quantity);
        _addLeaf(batch, it, seller, slot.sold());
    }

    /// Find the slot that an offer sells from.
    function _slotOf(Batch memory batch, Candidate memory it) private view returns (Word storage) {
        uint256 place = batch.slots.get(it.offerIndex);
        if (place == 0) {
            place = placeOf(_allBooks().slotOf(batch.tables.participantAt(it.seller), it.terms.instrument));
            batch.slots.put(it.offerIndex, place);
        }
        return wordAt(place);
    }

    /// Lock the money of both sides, if they have it.
    function _lockMoney(Batch memory batch, Candidate memory it) private pure returns (SkipCode) {
        unchecked {
            (uint256 payment, uint256 fee, uint256 collateral) =
                Money.amounts(it.terms, it.price, it.quantity, batch.feeBps);
            Purse buyer = Purse.wrap(batch.purses.get(it.buyer));
            Purse seller = Purse.wrap(batch.purses.get(it.seller));
            if (payment + fee > buyer.free()) return SkipCode.BuyerFundsInsufficient;
            if (collateral > seller.free()) return SkipCode.SellerCollateralInsufficient;
            batch.purses.put(it.buyer, Purse.unwrap(buyer.lock(payment + fee)));
            batch.purses.put(it.seller, Purse.unwrap(seller.lock(collateral)));
        }
        return SkipCode.None;
    }

    /// Return the word with lots counted as filled. They fit the lane, or they were too much.
    function _counted(PackedOrder order, uint256 lanes, uint256 quantity) private pure returns (uint256) {
        unchecked {
            return lanes + (quantity << Lanes.shiftOf(order.clientOrderId()));
        }
    }

    /// Write the leaf out, hash it, and tell of it.
    function _addLeaf(Batch memory batch, Candidate memory it, address seller, uint64 soldBefore) private pure {
        Leaf memory leaf = batch.leaf;
        uint256 place = batch.locked;
        leaf.position = uint32(place);
        leaf.tradeNumber = _tradeNumber(batch, it.offset);
        leaf.instrument = it.terms.instrument;
        leaf.buyer = batch.tables.participantAt(it.buyer);
        leaf.seller = seller;
        leaf.price = uint64(it.price);
        leaf.quantity = uint64(it.quantity);
        leaf.referencePrice = uint64(it.terms.referencePrice);
        leaf.soldBefore = soldBefore;
        batch.leafHashes.put(place, uint256(leaf.leafHash()));
        uint256 places = it.buyer << 16 | it.seller << 8 | it.offer.termsIndex();
        batch.told.leaves.put(place, PackedLeaves.wordOf(places, it.offset, it.price, it.quantity, soldBefore));
        unchecked {
            batch.locked = place + 1;
        }
    }

    function _tradeNumber(Batch memory batch, uint256 offset) private pure returns (uint64) {
        unchecked {
            return uint64(batch.tables.firstTradeNumber + offset);
        }
    }
}
