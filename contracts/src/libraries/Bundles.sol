// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DynamicBufferLib} from "solady/utils/DynamicBufferLib.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Books} from "../types/Books.sol";
import {Bundle, Part} from "../types/Bundle.sol";
import {Amounts, Leaf} from "../types/Leaf.sol";
import {BUY, Order, SELL} from "../types/Order.sol";
import {Purse} from "../types/Purse.sol";
import {PackedSlot} from "../types/PackedSlot.sol";
import {Word} from "../types/Word.sol";
import {Column, newColumn} from "./Columns.sol";
import {Commitments} from "./Commitments.sol";
import {Instruments} from "./Instruments.sol";
import {Lanes} from "./Lanes.sol";
import {Merkle} from "./Merkle.sol";
import {Money} from "./Money.sol";
import {PackedLeaves} from "./PackedLeaves.sol";
import {Signatures} from "./Signatures.sol";
import {Slots} from "./Slots.sol";

/// Lock bundles: a buyer's trades that are wanted together or not at all.
///
/// The same rules as in `Locking`, written plainly: each part is checked wholly, then locked in storage, and a part that
/// fails takes back those before it. Linked to `Settlement`, on whose storage it runs; it has none of its own.
///
/// The only foreign code that runs is a wallet's signature check, which is a static call. No number that a participant
/// signed can make this revert: prices and quantities have 64 bits, adjustments 128.
library Bundles {
    using DynamicBufferLib for DynamicBufferLib.DynamicBuffer;
    using Instruments for uint256;
    using Money for Leaf;

    /// A batch while it is being locked.
    struct Batch {
        uint64 batchNumber;
        uint16 feeBps;
        bytes32 domain;
        /// The least number that the next trade may have.
        uint256 tradeNumberMin;
        /// The trades locked so far, `locked` of them, and the slot of each as it was before.
        Leaf[] leaves;
        PackedSlot[] slotsBefore;
        uint256 locked;
    }

    /// So that two participants of each fit the table of `PackedLeaves`.
    uint256 private constant PARTS_MAX = 128;
    uint256 private constant THOUSANDTHS = 1000;

    /// Lock those bundles that may be; tell of all. Return the root over the leaves, and how many there are.
    function settle(Books storage books, uint64 batchNumber, uint16 feeBps, bytes32 domain, bytes calldata encoded)
        external
        returns (bytes32 root, uint256 locked)
    {
        Bundle[] calldata bundles = _decode(encoded);
        uint256 count = 0;
        for (uint256 i = 0; i < bundles.length; ++i) {
            if (bundles[i].parts.length == 0) revert ISettlement.BundleEmpty(i);
            count += bundles[i].parts.length;
        }
        if (count > PARTS_MAX) revert ISettlement.TooManyFills(count, PARTS_MAX);
        Batch memory batch = Batch(batchNumber, feeBps, domain, 0, new Leaf[](count), new PackedSlot[](count), 0);
        for (uint256 i = 0; i < bundles.length; ++i) {
            _lockOrTell(books, batch, bundles[i]);
        }
        locked = batch.locked;
        if (locked == 0) return (0, 0);
        root = _rootOf(batch);
        emit ISettlement.TradesLocked(batchNumber, _pack(batch));
    }

    /// Read an ABI-encoded array where it stands in the call data. Whatever is read of it is checked against the end of the
    /// call data by the compiler, and taken for nothing more than what its signatures make it.
    ///
    /// Assembly, because `abi.decode` would copy it, and `Settlement` has no room for code that passes on nested arrays.
    function _decode(bytes calldata encoded) private pure returns (Bundle[] calldata bundles) {
        if (encoded.length < 64) revert ISettlement.BundlesMalformed();
        assembly ("memory-safe") {
            let array := add(encoded.offset, calldataload(encoded.offset))
            bundles.offset := add(array, 0x20)
            bundles.length := calldataload(array)
        }
        if (uint256(bytes32(encoded[:32])) != 32 || bundles.length > encoded.length / 32) {
            revert ISettlement.BundlesMalformed();
        }
    }

    // --- a bundle -------------------------------------------------------------------------------------------------

    function _lockOrTell(Books storage books, Batch memory batch, Bundle calldata bundle) private {
        (ISettlement.SkipCode code, uint256 failed) = _lock(books, batch, bundle);
        if (code == ISettlement.SkipCode.None) return;
        for (uint256 i = 0; i < bundle.parts.length; ++i) {
            bool isTheOne = failed == i || failed == bundle.parts.length;
            ISettlement.SkipCode told = isTheOne ? code : ISettlement.SkipCode.OtherPartFailed;
            emit ISettlement.TradeSkipped(batch.batchNumber, bundle.parts[i].tradeNumber, told);
        }
    }

    /// Lock all parts, or none and say why: the code, and the part that failed, the number of parts if it was the whole.
    function _lock(Books storage books, Batch memory batch, Bundle calldata bundle)
        private
        returns (ISettlement.SkipCode code, uint256 failed)
    {
        uint256 whole = bundle.parts.length;
        for (failed = 0; failed < whole; ++failed) {
            uint64 tradeNumber = bundle.parts[failed].tradeNumber;
            if (tradeNumber < batch.tradeNumberMin) return (ISettlement.SkipCode.TradeNumberNotIncreasing, failed);
            batch.tradeNumberMin = uint256(tradeNumber) + 1;
        }
        code = _refusalOfBid(books, batch, bundle);
        if (code != ISettlement.SkipCode.None) return (code, whole);
        (code, failed) = _refusalOfCommitment(bundle);
        if (code != ISettlement.SkipCode.None) return (code, failed);

        uint256 owed = 0;
        for (failed = 0; failed < whole; ++failed) {
            code = _refusalOfPart(books, batch, bundle.bid, bundle.parts[failed]);
            if (code != ISettlement.SkipCode.None) break;
            Amounts memory amounts = _lockPart(books, batch, bundle.bid.participant, bundle.parts[failed]);
            owed += amounts.payment + amounts.fee;
        }
        if (code == ISettlement.SkipCode.None) code = _lockBid(books, bundle, owed);
        if (code != ISettlement.SkipCode.None) _takeBack(books, batch, bundle, failed);
    }

    // --- the bid --------------------------------------------------------------------------------------------------

    function _refusalOfBid(Books storage books, Batch memory batch, Bundle calldata bundle)
        private
        view
        returns (ISettlement.SkipCode)
    {
        Order calldata bid = bundle.bid;
        if (bid.side != BUY) return ISettlement.SkipCode.WrongSide;
        if (batch.feeBps > bid.feeCapBps) return ISettlement.SkipCode.FeeAboveCap;
        if (bundle.quantity == 0) return ISettlement.SkipCode.QuantityZero;
        if (!_isSigned(batch, bid, bundle.signature)) return ISettlement.SkipCode.BuySignatureInvalid;
        if (block.timestamp > bid.settleUntil) return ISettlement.SkipCode.BuyExpired;
        if (_isCancelled(books, bid)) return ISettlement.SkipCode.BuyCancelled;
        if (bundle.quantity > _remaining(books, bid)) return ISettlement.SkipCode.BuyOverfilled;
        return ISettlement.SkipCode.None;
    }

    /// Check that the parts are what the bid commits to, in quantity and price.
    function _refusalOfCommitment(Bundle calldata bundle) private pure returns (ISettlement.SkipCode, uint256) {
        uint256 kind = Commitments.kindOf(bundle.bid.instrument);
        if (kind == Commitments.SET) return _refusalOfSet(bundle);
        if (kind == Commitments.LEGS) return _refusalOfLegs(bundle);
        return (ISettlement.SkipCode.NotCommitted, bundle.parts.length);
    }

    /// Each part's instrument must be in the set, its price within the limit for it, and the lots add up.
    function _refusalOfSet(Bundle calldata bundle) private pure returns (ISettlement.SkipCode, uint256) {
        Order calldata bid = bundle.bid;
        uint256 lots = 0;
        for (uint256 i = 0; i < bundle.parts.length; ++i) {
            Part calldata part = bundle.parts[i];
            bytes32 leaf = Commitments.setLeaf(part.offer.instrument, part.adjustment);
            if (Commitments.ofSet(leaf, part.proof) != bid.instrument) return (ISettlement.SkipCode.NotCommitted, i);
            if (part.offer.referencePrice < bid.referencePrice) return (ISettlement.SkipCode.ReferencePriceDiffers, i);
            int256 less = part.adjustment < 0 ? part.adjustment : int256(0);
            if (int256(uint256(part.price)) > int256(uint256(bid.price)) + less) {
                return (ISettlement.SkipCode.PriceOutsideLimits, i);
            }
            lots += part.quantity;
        }
        if (lots != bundle.quantity) return (ISettlement.SkipCode.QuantitiesDiffer, bundle.parts.length);
        return (ISettlement.SkipCode.None, 0);
    }

    /// The parts must be all the legs, in proportion, and cost no more together than the limit for so much of a bundle.
    function _refusalOfLegs(Bundle calldata bundle) private pure returns (ISettlement.SkipCode, uint256) {
        uint256 count = bundle.parts.length;
        bytes32[] memory leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            Part calldata part = bundle.parts[i];
            leaves[i] = Commitments.legsLeaf(part.offer.instrument, part.lotsPerBundle, part.referenceLeast);
        }
        if (Commitments.ofLegs(leaves) != bundle.bid.instrument) return (ISettlement.SkipCode.NotCommitted, count);

        uint256 total = 0;
        for (uint256 i = 0; i < count; ++i) {
            Part calldata part = bundle.parts[i];
            if (!part.offer.instrument.isSettleable()) return (ISettlement.SkipCode.InstrumentNotSettleable, i);
            if (part.offer.referencePrice < part.referenceLeast) {
                return (ISettlement.SkipCode.ReferencePriceDiffers, i);
            }
            if (uint256(part.quantity) * THOUSANDTHS != uint256(part.lotsPerBundle) * bundle.quantity) {
                return (ISettlement.SkipCode.QuantitiesDiffer, i);
            }
            total += Money.value(part.offer.instrument, part.price, part.quantity);
        }
        if (total > uint256(bundle.bid.price) * bundle.quantity / THOUSANDTHS) {
            return (ISettlement.SkipCode.PriceOutsideLimits, count);
        }
        return (ISettlement.SkipCode.None, 0);
    }

    /// Lock the buyer's money and count what was filled, if it has as much.
    function _lockBid(Books storage books, Bundle calldata bundle, uint256 owed)
        private
        returns (ISettlement.SkipCode)
    {
        Order calldata bid = bundle.bid;
        Purse purse = books.purses[bid.participant];
        if (owed > purse.free()) return ISettlement.SkipCode.BuyerFundsInsufficient;
        books.purses[bid.participant] = purse.lock(owed);
        _count(books, bid, bundle.quantity);
        return ISettlement.SkipCode.None;
    }

    // --- a part ---------------------------------------------------------------------------------------------------

    function _refusalOfPart(Books storage books, Batch memory batch, Order calldata bid, Part calldata part)
        private
        view
        returns (ISettlement.SkipCode)
    {
        Order calldata offer = part.offer;
        if (offer.side != SELL) return ISettlement.SkipCode.WrongSide;
        if (!offer.instrument.isSettleable()) return ISettlement.SkipCode.InstrumentNotSettleable;
        if (offer.participant == bid.participant) return ISettlement.SkipCode.SelfTrade;
        if (part.price < offer.price) return ISettlement.SkipCode.PriceOutsideLimits;
        if (part.quantity == 0) return ISettlement.SkipCode.QuantityZero;
        if (!_isSigned(batch, offer, part.signature)) return ISettlement.SkipCode.SellSignatureInvalid;
        if (block.timestamp > offer.settleUntil) return ISettlement.SkipCode.SellExpired;
        if (_isCancelled(books, offer)) return ISettlement.SkipCode.SellCancelled;
        if (part.quantity > _remaining(books, offer)) return ISettlement.SkipCode.SellOverfilled;
        return _refusalOfSupply(books, offer, part.quantity);
    }

    /// Check that the seller's hour can still be sold, and that it has the collateral for so much of it.
    function _refusalOfSupply(Books storage books, Order calldata offer, uint64 quantity)
        private
        view
        returns (ISettlement.SkipCode)
    {
        PackedSlot slot = PackedSlot.wrap(books.slotOf(offer.participant, offer.instrument).value);
        (, ISettlement.SkipCode code) = Slots.sell(books, slot, offer.participant, offer.instrument, quantity);
        if (code != ISettlement.SkipCode.None) return code;
        uint256 collateralPrice = Money.collateralPrice(offer.instrument, offer.referencePrice);
        uint256 collateral = Money.value(offer.instrument, collateralPrice, quantity);
        if (collateral > books.purses[offer.participant].free()) {
            return ISettlement.SkipCode.SellerCollateralInsufficient;
        }
        return ISettlement.SkipCode.None;
    }

    /// Lock a part's collateral, and count it as filled and sold. `_refusalOfPart` found room for all of it.
    function _lockPart(Books storage books, Batch memory batch, address buyer, Part calldata part)
        private
        returns (Amounts memory amounts)
    {
        Order calldata offer = part.offer;
        Leaf memory leaf = batch.leaves[batch.locked];
        leaf.position = uint32(batch.locked);
        leaf.tradeNumber = part.tradeNumber;
        leaf.instrument = offer.instrument;
        leaf.buyer = buyer;
        leaf.seller = offer.participant;
        leaf.price = part.price;
        leaf.quantity = part.quantity;
        leaf.referencePrice = offer.referencePrice;
        leaf.feeBps = batch.feeBps;
        Word storage word = books.slotOf(leaf.seller, leaf.instrument);
        PackedSlot slot = PackedSlot.wrap(word.value);
        batch.slotsBefore[batch.locked] = slot;
        leaf.soldBefore = slot.sold();
        (slot,) = Slots.sell(books, slot, leaf.seller, leaf.instrument, leaf.quantity);
        word.value = PackedSlot.unwrap(slot);

        amounts = leaf.amounts();
        books.purses[leaf.seller] = books.purses[leaf.seller].lock(amounts.collateral);
        _count(books, offer, leaf.quantity);
        ++batch.locked;
    }

    /// Undo the last `count` parts, the last one first, which were the first of this bundle.
    function _takeBack(Books storage books, Batch memory batch, Bundle calldata bundle, uint256 count) private {
        while (count != 0) {
            --count;
            --batch.locked;
            Leaf memory leaf = batch.leaves[batch.locked];
            uint256 collateral = leaf.amounts().collateral;
            books.purses[leaf.seller] = books.purses[leaf.seller].release(collateral, collateral);
            books.slotOf(leaf.seller, leaf.instrument).value = PackedSlot.unwrap(batch.slotsBefore[batch.locked]);
            Order calldata offer = bundle.parts[count].offer;
            uint256 filled = uint256(leaf.quantity) << Lanes.shiftOf(offer.clientOrderId);
            books.lanes[Lanes.keyOf(offer.participant, offer.clientOrderId)].value -= filled;
        }
    }

    // --- orders ---------------------------------------------------------------------------------------------------

    function _isSigned(Batch memory batch, Order calldata order, bytes calldata signature) private view returns (bool) {
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", batch.domain, order.structHash()));
        return Signatures.isSignedBy(digest, order.participant, signature);
    }

    function _isCancelled(Books storage books, Order calldata order) private view returns (bool) {
        uint64 id = order.clientOrderId;
        uint256 key = Lanes.keyOf(order.participant, id);
        if (Lanes.cancelAsked(books.lanes[key].value, Lanes.shiftOf(id)) && books.isCancelledNow(key, id)) return true;
        return id < books.cancelledBelowNow(order.participant);
    }

    /// Return the lots that may still trade: none if orders that share the id filled more than this one allows.
    function _remaining(Books storage books, Order calldata order) private view returns (uint256) {
        uint256 word = books.lanes[Lanes.keyOf(order.participant, order.clientOrderId)].value;
        uint256 filled = Lanes.filled(word, Lanes.shiftOf(order.clientOrderId));
        uint256 most = order.quantity < Lanes.FILLED_MAX ? order.quantity : Lanes.FILLED_MAX;
        return filled < most ? most - filled : 0;
    }

    /// Count lots as filled. They fit the lane, since `_remaining` allowed them.
    function _count(Books storage books, Order calldata order, uint256 quantity) private {
        uint256 key = Lanes.keyOf(order.participant, order.clientOrderId);
        books.lanes[key].value += quantity << Lanes.shiftOf(order.clientOrderId);
    }

    // --- leaves ---------------------------------------------------------------------------------------------------

    function _rootOf(Batch memory batch) private pure returns (bytes32) {
        Column hashes = newColumn(batch.locked);
        for (uint256 i = 0; i < batch.locked; ++i) {
            hashes.put(i, uint256(batch.leaves[i].leafHash()));
        }
        return Merkle.root(hashes, batch.locked);
    }

    /// Write the leaves as `PackedLeaves` are read. Each has its own entries in the tables, which may name somebody twice.
    function _pack(Batch memory batch) private pure returns (bytes memory) {
        DynamicBufferLib.DynamicBuffer memory participants;
        DynamicBufferLib.DynamicBuffer memory terms;
        uint256[] memory words = new uint256[](batch.locked);
        uint64 first = batch.leaves[0].tradeNumber;
        for (uint256 i = 0; i < batch.locked; ++i) {
            Leaf memory leaf = batch.leaves[i];
            participants.pAddress(leaf.buyer).pAddress(leaf.seller);
            terms.pUint256(leaf.instrument).pUint64(leaf.referencePrice);
            words[i] = PackedLeaves.wordOf(leaf, first, 2 * i, 2 * i + 1, i);
        }
        bytes memory header = PackedLeaves.headerOf(batch.feeBps, first, 2 * batch.locked, batch.locked, batch.locked);
        return abi.encodePacked(header, participants.data, terms.data, words);
    }
}
