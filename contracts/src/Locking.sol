// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Metering} from "./Metering.sol";
import {Orders} from "./Orders.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Column, newColumn} from "./libraries/Columns.sol";
import {Instruments} from "./libraries/Instruments.sol";
import {Lanes} from "./libraries/Lanes.sol";
import {Money} from "./libraries/Money.sol";
import {PackedBatch, PackedFill, PackedOrder} from "./libraries/PackedBatch.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Leaf} from "./types/Leaf.sol";
import {BUY, ORDER_TYPEHASH, SELL, TypedOrder} from "./types/Order.sol";
import {Purse} from "./types/Purse.sol";
import {Terms, termsOf} from "./types/Terms.sol";

/// Lock a batch: read all that it touches once, decide fill by fill in memory, write it back once.
///
/// Nothing can come between reading and writing: the only foreign code that runs is a wallet's signature check, which
/// is a static call. That each purse, lane word and slot stands in memory only once is what keeps its running value true:
/// participants must ascend, orders must ascend by participant and id, and supplies are looked up before they are added.
///
/// Arithmetic on what is summed over trades (money, lots) is checked or guarded by the comparison before it. `unchecked`
/// covers the rest: places, which are counted here or compared with their table when the orders are read, and products of
/// 64-bit numbers.
abstract contract Locking is ISettlement, Orders, Metering {
    using Instruments for uint256;
    using PackedBatch for PackedBatch.Tables;

    /// A batch's leaves are marked in one word.
    uint256 private constant FILLS_MAX = 256;

    /// What is found of an order, in one word: supply 16 | lanes 16 | faults 8. `supply` is a place plus one, or 0.
    uint256 private constant UNSIGNED = 1;
    uint256 private constant EXPIRED = 2;
    uint256 private constant CANCELLED = 4;
    uint256 private constant FAULTS = 0x7F;
    uint256 private constant FEE_ABOVE_CAP = 0x80; // no fault of an offer, which pays none
    uint256 private constant LANES_SHIFT = 8;
    uint256 private constant SUPPLY_SHIFT = 24;

    /// A batch while it is being locked. Arrays of one kind (purses, orders, lanes, supplies) have the same places.
    struct Batch {
        PackedBatch.Tables tables;
        uint256 feeBps;
        /// The trade offset of the fill before, plus one.
        uint256 offsetMin;
        Terms[] terms;
        /// Each participant, its purse as the batch goes on, and the place of its last supply plus one.
        Column participants;
        Column purses;
        Column lastSupplies;
        /// What was found of each order.
        Column standings;
        /// Four fill counters each, as the batch goes on, and where they are stored.
        Column laneKeys;
        Column laneWords;
        uint256 laneCount;
        /// A seller's meter and its hour: the hour and meter as `PackedLeaves` has them, the resource and hour by which
        /// they are found, the place of the same seller's supply before plus one, what keeps it from selling, and the
        /// lots sold as the batch goes on.
        Column supplies;
        Column resourceHours;
        Column earlierSupplies;
        Column supplyFaults;
        Column sold;
        uint256 supplyCount;
        /// The trades that are locked: their terms being written out, their hashes, and what is told of them.
        Leaf leaf;
        Column leafHashes;
        Column packedLeaves;
        uint256 locked;
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
        batch.packedLeaves = newColumn(fillCount);
        for (uint256 i = 0; i < fillCount; ++i) {
            PackedFill fill = batch.tables.fillAt(i);
            SkipCode code = _lockFill(batch, fill);
            if (code != SkipCode.None) emit TradeSkipped(batchNumber, _tradeNumber(batch, fill), code);
        }
        _write(batch);
    }

    // --- read ---------------------------------------------------------------------------------------------------

    function _readPurses(Batch memory batch) private view {
        uint256 count = batch.tables.participantCount;
        batch.participants = newColumn(count);
        batch.purses = newColumn(count);
        batch.lastSupplies = newColumn(count);
        address before = address(0);
        for (uint256 i = 0; i < count; ++i) {
            address participant = batch.tables.participantAt(i);
            if (i != 0 && participant <= before) revert ParticipantsNotAscending(i);
            batch.participants.put(i, uint160(participant));
            batch.purses.put(i, Purse.unwrap(_purseOf(participant)));
            before = participant;
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

    /// Check each order by itself, once for all its fills: places, signature, times and cancellations. Find its lanes.
    function _readOrders(Batch memory batch) private view {
        uint256 count = batch.tables.orderCount;
        batch.standings = newColumn(count);
        batch.laneKeys = newColumn(count);
        batch.laneWords = newColumn(count);
        TypedOrder memory typed;
        typed.typeHash = ORDER_TYPEHASH;
        bytes32 domain = _domainSeparator();
        uint256 signatureAt = batch.tables.signatures;
        uint256 rankBefore = 0;
        uint256 sharedBefore = type(uint256).max;
        for (uint256 i = 0; i < count; ++i) {
            PackedOrder order = PackedBatch.orderAt(batch.tables.orders, i);
            if (order.rank() < rankBefore) revert OrdersNotAscending(i);
            rankBefore = order.rank();
            if (order.shared() != sharedBefore) _unpackShared(batch, order, typed);
            sharedBefore = order.shared();
            _unpack(batch, order, typed);
            uint256 standing;
            (standing, signatureAt) = _check(batch, typed, domain, signatureAt);
            uint256 place = _placeOfLanes(batch, typed.participant, order.clientOrderId());
            if (_isCancelled(batch, order, place)) standing |= CANCELLED;
            batch.standings.put(i, standing | place << LANES_SHIFT);
        }
        if (signatureAt != batch.tables.end) revert PackedBatch.BatchMalformed();
    }

    /// Check an order's signature and conditions; return what was found, and where the next signature is.
    function _check(Batch memory batch, TypedOrder memory typed, bytes32 domain, uint256 signatureAt)
        private
        view
        returns (uint256 standing, uint256 next)
    {
        bytes calldata signature;
        (signature, next) = batch.tables.signatureAt(signatureAt);
        if (!Signatures.isSignedBy(typed.digest(domain), typed.participant, signature)) standing = UNSIGNED;
        if (block.timestamp > typed.settleUntil) standing |= EXPIRED;
        if (batch.feeBps > typed.feeCapBps) standing |= FEE_ABOVE_CAP;
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
        typed.participant = _participantAt(batch, order.participantIndex());
        typed.side = order.side();
        typed.price = order.orderPrice();
        typed.quantity = order.orderQuantity();
        typed.clientOrderId = order.clientOrderId();
    }

    /// Find the lanes of an order, which are those of the order before it or have not been read yet.
    function _placeOfLanes(Batch memory batch, address participant, uint64 id) private view returns (uint256 place) {
        uint256 key = Lanes.keyOf(participant, id);
        uint256 count = batch.laneCount;
        unchecked {
            if (count != 0 && batch.laneKeys.get(count - 1) == key) return count - 1;
            batch.laneKeys.put(count, key);
            batch.laneWords.put(count, _lanesAt(key));
            batch.laneCount = count + 1;
        }
        return count;
    }

    /// Return whether what was cancelled of an order, or of all below some id, is in force. Most ask no storage.
    function _isCancelled(Batch memory batch, PackedOrder order, uint256 place) private view returns (bool) {
        uint64 id = order.clientOrderId();
        if (Lanes.cancelAsked(batch.laneWords.get(place), Lanes.shiftOf(id))) {
            if (_allBooks().isCancelledNow(batch.laneKeys.get(place), id)) return true;
        }
        Purse purse = Purse.wrap(batch.purses.get(order.participantIndex()));
        if (!purse.hasCancelledBelow()) return false;
        return id < _allBooks().cancelledBelowNow(_participantAt(batch, order.participantIndex()));
    }

    // --- decide -------------------------------------------------------------------------------------------------

    /// Lock one fill, or say why not. Everything is checked before anything is changed.
    function _lockFill(Batch memory batch, PackedFill fill) private view returns (SkipCode) {
        PackedBatch.Tables memory tables = batch.tables;
        uint256 count = tables.orderCount;
        if (fill.bidIndex() >= count || fill.offerIndex() >= count) return SkipCode.OrderMissing;
        if (fill.tradeOffset() < batch.offsetMin) return SkipCode.TradeNumberNotIncreasing;
        unchecked {
            batch.offsetMin = fill.tradeOffset() + 1;
        }
        PackedOrder bid = PackedBatch.orderAt(tables.orders, fill.bidIndex());
        PackedOrder offer = PackedBatch.orderAt(tables.orders, fill.offerIndex());
        return _lockAgreeing(batch, bid, offer, fill);
    }

    /// Check what the two orders say of each other and of the fill; go on if they agree.
    function _lockAgreeing(Batch memory batch, PackedOrder bid, PackedOrder offer, PackedFill fill)
        private
        view
        returns (SkipCode)
    {
        if (bid.side() != BUY || offer.side() != SELL) return SkipCode.WrongSide;
        Terms memory terms = batch.terms[offer.termsIndex()];
        if (bid.termsIndex() == offer.termsIndex()) {
            if (terms.lotsPerUnit == 0) return SkipCode.InstrumentNotSettleable;
        } else {
            Terms memory wanted = batch.terms[bid.termsIndex()];
            if (wanted.instrument != terms.instrument) return SkipCode.InstrumentDiffers;
            if (terms.lotsPerUnit == 0) return SkipCode.InstrumentNotSettleable;
            if (wanted.referencePrice != terms.referencePrice) return SkipCode.ReferencePriceDiffers;
        }
        if (bid.participantIndex() == offer.participantIndex()) return SkipCode.SelfTrade;
        uint256 price = fill.fillPrice();
        if (price > bid.orderPrice() || price < offer.orderPrice()) return SkipCode.PriceOutsideLimits;
        if (batch.standings.get(fill.bidIndex()) & FEE_ABOVE_CAP != 0) return SkipCode.FeeAboveCap;
        if (fill.fillQuantity() == 0) return SkipCode.QuantityZero;
        return _lockStanding(batch, bid, offer, fill, terms);
    }

    /// Check what was found of both orders, and what remains of them; go on if both stand.
    function _lockStanding(Batch memory batch, PackedOrder bid, PackedOrder offer, PackedFill fill, Terms memory terms)
        private
        view
        returns (SkipCode)
    {
        uint256 bought = batch.standings.get(fill.bidIndex());
        uint256 sold = batch.standings.get(fill.offerIndex());
        uint256 faults = (bought | sold) & FAULTS;
        if (faults != 0) {
            if (faults & UNSIGNED != 0) {
                return bought & UNSIGNED != 0 ? SkipCode.BuySignatureInvalid : SkipCode.SellSignatureInvalid;
            }
            if (faults & EXPIRED != 0) return bought & EXPIRED != 0 ? SkipCode.BuyExpired : SkipCode.SellExpired;
            return bought & CANCELLED != 0 ? SkipCode.BuyCancelled : SkipCode.SellCancelled;
        }
        uint256 quantity = fill.fillQuantity();
        if (quantity > _remaining(batch, bought, bid)) return SkipCode.BuyOverfilled;
        if (quantity > _remaining(batch, sold, offer)) return SkipCode.SellOverfilled;
        return _lockCovered(batch, bid, offer, fill, terms);
    }

    /// Return the lots that may still trade: none if orders that share the id filled more than this one allows.
    function _remaining(Batch memory batch, uint256 standing, PackedOrder order) private pure returns (uint256) {
        uint256 most = order.orderQuantity();
        if (most > Lanes.FILLED_MAX) most = Lanes.FILLED_MAX;
        uint256 filled = Lanes.filled(batch.laneWords.get(_lanesPlace(standing)), Lanes.shiftOf(order.clientOrderId()));
        unchecked {
            return filled < most ? most - filled : 0;
        }
    }

    /// Check that the slot can take the sale and that both sides can pay for it; then lock it.
    function _lockCovered(Batch memory batch, PackedOrder bid, PackedOrder offer, PackedFill fill, Terms memory terms)
        private
        view
        returns (SkipCode)
    {
        uint256 supply = batch.standings.get(fill.offerIndex()) >> SUPPLY_SHIFT;
        if (supply == 0) supply = _findSupply(batch, offer, fill.offerIndex(), terms.instrument);
        unchecked {
            --supply;
        }
        uint256 fault = batch.supplyFaults.get(supply);
        if (fault != 0) return SkipCode(fault);
        return _lockMoney(batch, bid, offer, fill, terms, supply);
    }

    /// Lock the money of both sides and count the trade, if they have it and the slot has room.
    function _lockMoney(
        Batch memory batch,
        PackedOrder bid,
        PackedOrder offer,
        PackedFill fill,
        Terms memory terms,
        uint256 supply
    ) private pure returns (SkipCode) {
        unchecked {
            if (batch.sold.get(supply) + fill.fillQuantity() > type(uint64).max) return SkipCode.SlotFull;
            uint256 amount = fill.fillPrice() * fill.fillQuantity() / terms.lotsPerUnit;
            amount += amount * batch.feeBps / Money.BPS_ONE;
            uint256 collateral = terms.collateralPrice * fill.fillQuantity() / terms.lotsPerUnit;
            Purse buyer = Purse.wrap(batch.purses.get(bid.participantIndex()));
            Purse seller = Purse.wrap(batch.purses.get(offer.participantIndex()));
            if (amount > buyer.free()) return SkipCode.BuyerFundsInsufficient;
            if (collateral > seller.free()) return SkipCode.SellerCollateralInsufficient;
            batch.purses.put(bid.participantIndex(), Purse.unwrap(buyer.lock(amount)));
            batch.purses.put(offer.participantIndex(), Purse.unwrap(seller.lock(collateral)));
        }
        _count(batch, fill.bidIndex(), bid, fill.fillQuantity());
        _count(batch, fill.offerIndex(), offer, fill.fillQuantity());
        _writeLeaf(batch, bid, offer, fill, terms);
        _tell(batch, bid, offer, fill, supply);
        _addLeaf(batch, supply, fill.fillQuantity());
        return SkipCode.None;
    }

    /// Count lots as filled. They fit the lane, since `_remaining` allowed them.
    function _count(Batch memory batch, uint256 index, PackedOrder order, uint256 quantity) private pure {
        uint256 place = _lanesPlace(batch.standings.get(index));
        unchecked {
            uint256 added = quantity << Lanes.shiftOf(order.clientOrderId());
            batch.laneWords.put(place, batch.laneWords.get(place) + added);
        }
    }

    function _lanesPlace(uint256 standing) private pure returns (uint256) {
        return standing >> LANES_SHIFT & 0xFFFF;
    }

    /// Find the supply that an offer sells from, or read it, and return its place plus one. A seller has only few.
    function _findSupply(Batch memory batch, PackedOrder offer, uint256 index, uint256 instrument)
        private
        view
        returns (uint256 found)
    {
        unchecked {
            found = batch.lastSupplies.get(offer.participantIndex());
            while (found != 0 && batch.resourceHours.get(found - 1) != instrument >> 24) {
                found = batch.earlierSupplies.get(found - 1);
            }
            if (found == 0) found = _readSupply(batch, offer.participantIndex(), instrument);
            batch.standings.put(index, batch.standings.get(index) | found << SUPPLY_SHIFT);
        }
    }

    /// Read a supply that no fill before needed. There are at most as many as orders.
    function _readSupply(Batch memory batch, uint256 seller, uint256 instrument) private view returns (uint256 found) {
        uint256 place = batch.supplyCount;
        if (place == 0) _makeRoomForSupplies(batch);
        address meter = _meterOf(_participantAt(batch, seller), instrument.resource());
        if (meter == address(0)) {
            batch.supplyFaults.put(place, uint256(SkipCode.MeterNotRegistered));
        } else {
            Slot memory slot = _slotAt(meter, instrument.startHour());
            if (slot.reportedAt != 0) batch.supplyFaults.put(place, uint256(SkipCode.SlotAlreadyMetered));
            batch.sold.put(place, slot.sold);
        }
        batch.supplies.put(place, uint256(instrument.startHour()) << 160 | uint160(meter));
        batch.resourceHours.put(place, instrument >> 24);
        batch.earlierSupplies.put(place, batch.lastSupplies.get(seller));
        unchecked {
            found = place + 1;
        }
        batch.supplyCount = found;
        batch.lastSupplies.put(seller, found);
    }

    function _makeRoomForSupplies(Batch memory batch) private pure {
        uint256 most = batch.tables.orderCount;
        batch.supplies = newColumn(most);
        batch.resourceHours = newColumn(most);
        batch.earlierSupplies = newColumn(most);
        batch.supplyFaults = newColumn(most);
        batch.sold = newColumn(most);
    }

    /// Write out what the orders and the fill say of a leaf.
    function _writeLeaf(Batch memory batch, PackedOrder bid, PackedOrder offer, PackedFill fill, Terms memory terms)
        private
        pure
    {
        Leaf memory leaf = batch.leaf;
        leaf.tradeNumber = _tradeNumber(batch, fill);
        leaf.instrument = terms.instrument;
        leaf.buyer = _participantAt(batch, bid.participantIndex());
        leaf.seller = _participantAt(batch, offer.participantIndex());
        leaf.price = uint64(fill.fillPrice());
        leaf.quantity = uint64(fill.fillQuantity());
        leaf.referencePrice = uint64(terms.referencePrice);
    }

    /// Note what is told of the leaf; see `PackedLeaf`.
    function _tell(Batch memory batch, PackedOrder bid, PackedOrder offer, PackedFill fill, uint256 supply)
        private
        pure
    {
        uint256 places =
            bid.participantIndex() << 24 | offer.participantIndex() << 16 | offer.termsIndex() << 8 | supply;
        uint256 numbers = fill.tradeOffset() << 192 | fill.fillPrice() << 128 | fill.fillQuantity() << 64;
        batch.packedLeaves.put(batch.locked, places << 224 | numbers | batch.sold.get(supply));
    }

    /// Write out the rest of the leaf, hash it, and count it as sold.
    function _addLeaf(Batch memory batch, uint256 supply, uint256 quantity) private pure {
        Leaf memory leaf = batch.leaf;
        uint256 place = batch.locked;
        uint256 soldBefore = batch.sold.get(supply);
        leaf.position = uint32(place);
        leaf.meter = address(uint160(batch.supplies.get(supply)));
        leaf.soldBefore = uint64(soldBefore);
        batch.leafHashes.put(place, uint256(leaf.leafHash()));
        unchecked {
            batch.sold.put(supply, soldBefore + quantity);
            batch.locked = place + 1;
        }
    }

    function _participantAt(Batch memory batch, uint256 place) private pure returns (address) {
        return address(uint160(batch.participants.get(place)));
    }

    function _tradeNumber(Batch memory batch, PackedFill fill) private pure returns (uint64) {
        unchecked {
            return uint64(batch.tables.firstTradeNumber + fill.tradeOffset());
        }
    }

    // --- write --------------------------------------------------------------------------------------------------

    /// Write every running value back. Where nothing changed, the chain charges little and nothing happens.
    function _write(Batch memory batch) private {
        for (uint256 i = 0; i < batch.laneCount; ++i) {
            _setLanes(batch.laneKeys.get(i), batch.laneWords.get(i));
        }
        for (uint256 i = 0; i < batch.tables.participantCount; ++i) {
            _setPurse(_participantAt(batch, i), Purse.wrap(batch.purses.get(i)));
        }
        for (uint256 i = 0; i < batch.supplyCount; ++i) {
            if (batch.supplyFaults.get(i) != 0) continue;
            uint256 supply = batch.supplies.get(i);
            _slotAt(address(uint160(supply)), uint32(supply >> 160)).sold = uint64(batch.sold.get(i));
        }
    }
}
