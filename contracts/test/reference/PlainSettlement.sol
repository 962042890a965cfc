// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Leaf} from "../../src/types/Leaf.sol";
import {Order, ORDER_TYPEHASH} from "../../src/types/Order.sol";
import {Fill} from "../support/Packing.sol";

/// The rules of settlement, written so that they can be read in one go: one order, one trade, one leaf at a time, a storage
/// slot for everything, nothing packed, netted or remembered between trades. What `Settlement` must agree with.
///
/// It shares with `Settlement` the shapes of orders and leaves and the names of the skip codes, and none of its code.
contract PlainSettlement {
    struct Owner {
        address seller;
        uint256 resource;
    }

    struct Slot {
        uint256 sold;
        uint256 units;
        uint256 allotted;
        bool reported;
    }

    bytes32 private immutable _domainSeparator;
    uint256 private immutable _notice;
    address private immutable _feeRecipient;

    mapping(address participant => uint256) public freeOf;
    mapping(address participant => uint256) public lockedOf;
    mapping(address participant => mapping(uint64 clientOrderId => uint256)) public filledOf;
    mapping(address participant => mapping(uint64 clientOrderId => uint256 time)) private _cancelledFrom;
    mapping(address participant => uint256 id) private _cancelledBelow;
    mapping(address participant => uint256 time) private _cancelledBelowFrom;
    mapping(address seller => mapping(uint256 resource => address)) private _meterOf;
    mapping(address meter => Owner) private _ownerOf;
    /// The meter that was the seller's when the first lots of the hour were sold, or it was read unsold.
    mapping(address seller => mapping(uint256 resource => mapping(uint256 hour => address))) internal _fixedMeter;
    mapping(address meter => mapping(uint256 hour => Slot)) public slotOf;
    mapping(uint64 batchNumber => mapping(uint256 position => bool)) public isReleased;

    Leaf[] internal _leaves;
    ISettlement.SkipCode[] internal _skipped;

    constructor(bytes32 domainSeparator, uint256 notice, address feeRecipient) {
        _domainSeparator = domainSeparator;
        _notice = notice;
        _feeRecipient = feeRecipient;
    }

    function deposit(address participant, uint256 amount) external {
        freeOf[participant] += amount;
    }

    function registerMeter(address seller, uint256 resource, address meter) external {
        _meterOf[seller][resource] = meter;
        _ownerOf[meter] = Owner(seller, resource);
    }

    /// Return whether the meter is the one that counts for its owner's hour.
    function counts(address meter, uint256 hour) public view returns (bool) {
        return meterAt(_ownerOf[meter].seller, _ownerOf[meter].resource, hour) == meter;
    }

    /// Return the meter that counts for a seller's hour.
    function meterAt(address seller, uint256 resource, uint256 hour) public view returns (address) {
        address fixed_ = _fixedMeter[seller][resource][hour];
        return fixed_ == address(0) ? _meterOf[seller][resource] : fixed_;
    }

    function cancelOrder(address participant, uint64 clientOrderId) external {
        if (_cancelledFrom[participant][clientOrderId] == 0) {
            _cancelledFrom[participant][clientOrderId] = block.timestamp + _notice;
        }
    }

    /// Once per participant, which is all that the comparison needs.
    function cancelBelow(address participant, uint64 clientOrderId) external {
        _cancelledBelow[participant] = clientOrderId;
        _cancelledBelowFrom[participant] = block.timestamp + _notice;
    }

    /// Keep the reading of a meter that counts for the hour.
    function report(address meter, uint256 hour, uint256 units) external {
        _fixedMeter[_ownerOf[meter].seller][_ownerOf[meter].resource][hour] = meter;
        Slot storage slot = slotOf[meter][hour];
        if (slot.reported) return;
        slot.units = units;
        slot.reported = true;
    }

    function settle(uint16 feeBps, Order[] memory orders, bytes[] memory signatures, Fill[] memory fills)
        external
        returns (Leaf[] memory leaves, ISettlement.SkipCode[] memory skipped)
    {
        delete _leaves;
        delete _skipped;
        uint256 numberMin = 0;
        for (uint256 i = 0; i < fills.length; ++i) {
            Fill memory fill = fills[i];
            if (fill.buy >= orders.length || fill.sell >= orders.length) {
                _skipped.push(ISettlement.SkipCode.OrderMissing);
            } else if (fill.tradeNumber < numberMin) {
                _skipped.push(ISettlement.SkipCode.TradeNumberNotIncreasing);
            } else {
                numberMin = uint256(fill.tradeNumber) + 1;
                settleFill(
                    feeBps, orders[fill.buy], orders[fill.sell], signatures[fill.buy], signatures[fill.sell], fill
                );
            }
        }
        return (_leaves, _skipped);
    }

    /// Release each leaf that was delivered in full and was not released before; return the bitmap of those released.
    function deliver(uint64 batchNumber, Leaf[] memory leaves, uint256 which) external returns (uint256 released) {
        for (uint256 i = 0; i < leaves.length; ++i) {
            Leaf memory leaf = leaves[i];
            Slot storage slot = slotOf[meterOf(leaf)][hourOf(leaf.instrument)];
            bool wanted = which >> i & 1 == 1 && !isReleased[batchNumber][i] && slot.reported;
            if (!wanted || share(slot, leaf) < leaf.quantity) continue;
            (uint256 payment, uint256 fee, uint256 collateral) = amounts(leaf);
            isReleased[batchNumber][i] = true;
            slot.allotted += leaf.quantity;
            lockedOf[leaf.buyer] -= payment + fee;
            lockedOf[leaf.seller] -= collateral;
            freeOf[leaf.seller] += payment + collateral;
            freeOf[_feeRecipient] += fee;
            released |= 1 << i;
        }
    }

    function settleFill(
        uint16 feeBps,
        Order memory bid,
        Order memory offer,
        bytes memory bidSignature,
        bytes memory offerSignature,
        Fill memory fill
    ) private {
        Leaf memory leaf = Leaf({
            position: uint32(_leaves.length),
            tradeNumber: fill.tradeNumber,
            instrument: offer.instrument,
            buyer: bid.participant,
            seller: offer.participant,
            price: fill.price,
            quantity: fill.quantity,
            referencePrice: offer.referencePrice,
            feeBps: feeBps,
            soldBefore: 0
        });
        Slot storage slot = slotOf[meterOf(leaf)][hourOf(leaf.instrument)];
        leaf.soldBefore = uint64(slot.sold);
        ISettlement.SkipCode code = termsFault(bid, offer, leaf);
        if (code == ISettlement.SkipCode.None) code = signatureFault(bid, offer, bidSignature, offerSignature);
        if (code == ISettlement.SkipCode.None) code = orderFault(bid, offer, fill.quantity);
        if (code == ISettlement.SkipCode.None) code = coverFault(leaf, slot);
        if (code != ISettlement.SkipCode.None) {
            _skipped.push(code);
            return;
        }
        (uint256 payment, uint256 fee, uint256 collateral) = amounts(leaf);
        filledOf[bid.participant][bid.clientOrderId] += fill.quantity;
        filledOf[offer.participant][offer.clientOrderId] += fill.quantity;
        slot.sold += fill.quantity;
        _fixedMeter[leaf.seller][leaf.instrument >> 48][hourOf(leaf.instrument)] = meterOf(leaf);
        freeOf[leaf.buyer] -= payment + fee;
        lockedOf[leaf.buyer] += payment + fee;
        freeOf[leaf.seller] -= collateral;
        lockedOf[leaf.seller] += collateral;
        _leaves.push(leaf);
    }

    // --- the checks, in their sequence ----------------------------------------------------------------------------

    function termsFault(Order memory bid, Order memory offer, Leaf memory leaf)
        private
        pure
        returns (ISettlement.SkipCode)
    {
        if (bid.side != 0 || offer.side != 1) return ISettlement.SkipCode.WrongSide;
        if (bid.instrument != offer.instrument) return ISettlement.SkipCode.InstrumentDiffers;
        if (!isSettleable(bid.instrument)) return ISettlement.SkipCode.InstrumentNotSettleable;
        if (bid.referencePrice != offer.referencePrice) return ISettlement.SkipCode.ReferencePriceDiffers;
        if (bid.participant == offer.participant) return ISettlement.SkipCode.SelfTrade;
        if (leaf.price > bid.price || leaf.price < offer.price) return ISettlement.SkipCode.PriceOutsideLimits;
        if (leaf.feeBps > bid.feeCapBps) return ISettlement.SkipCode.FeeAboveCap;
        if (leaf.quantity == 0) return ISettlement.SkipCode.QuantityZero;
        return ISettlement.SkipCode.None;
    }

    function signatureFault(Order memory bid, Order memory offer, bytes memory ofBid, bytes memory ofOffer)
        private
        view
        returns (ISettlement.SkipCode)
    {
        if (!isSigned(bid, ofBid)) return ISettlement.SkipCode.BuySignatureInvalid;
        if (!isSigned(offer, ofOffer)) return ISettlement.SkipCode.SellSignatureInvalid;
        return ISettlement.SkipCode.None;
    }

    function orderFault(Order memory bid, Order memory offer, uint256 quantity)
        private
        view
        returns (ISettlement.SkipCode)
    {
        if (block.timestamp > bid.settleUntil) return ISettlement.SkipCode.BuyExpired;
        if (block.timestamp > offer.settleUntil) return ISettlement.SkipCode.SellExpired;
        if (isCancelled(bid)) return ISettlement.SkipCode.BuyCancelled;
        if (isCancelled(offer)) return ISettlement.SkipCode.SellCancelled;
        if (isTooMuch(bid, quantity)) return ISettlement.SkipCode.BuyOverfilled;
        if (isTooMuch(offer, quantity)) return ISettlement.SkipCode.SellOverfilled;
        return ISettlement.SkipCode.None;
    }

    function coverFault(Leaf memory leaf, Slot storage slot) private view returns (ISettlement.SkipCode) {
        if (meterOf(leaf) == address(0)) return ISettlement.SkipCode.MeterNotRegistered;
        if (slot.reported) return ISettlement.SkipCode.SlotAlreadyMetered;
        if (slot.sold + leaf.quantity > type(uint64).max) return ISettlement.SkipCode.SlotFull;
        (uint256 payment, uint256 fee, uint256 collateral) = amounts(leaf);
        if (payment + fee > freeOf[leaf.buyer]) return ISettlement.SkipCode.BuyerFundsInsufficient;
        if (collateral > freeOf[leaf.seller]) return ISettlement.SkipCode.SellerCollateralInsufficient;
        return ISettlement.SkipCode.None;
    }

    // --- what they ask --------------------------------------------------------------------------------------------

    function isSigned(Order memory order, bytes memory signature) internal view returns (bool) {
        if (signature.length != 65) return false;
        bytes32 structHash = keccak256(abi.encode(ORDER_TYPEHASH, order));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", _domainSeparator, structHash));
        (bytes32 r, bytes32 s) = abi.decode(signature, (bytes32, bytes32));
        address signer = ecrecover(digest, uint8(signature[64]), r, s);
        return signer != address(0) && signer == order.participant;
    }

    function isCancelled(Order memory order) internal view returns (bool) {
        uint256 from = _cancelledFrom[order.participant][order.clientOrderId];
        if (from != 0 && block.timestamp >= from) return true;
        uint256 fromBelow = _cancelledBelowFrom[order.participant];
        return
            fromBelow != 0 && block.timestamp >= fromBelow && order.clientOrderId < _cancelledBelow[order.participant];
    }

    function isTooMuch(Order memory order, uint256 quantity) internal view returns (bool) {
        uint256 filled = filledOf[order.participant][order.clientOrderId] + quantity;
        return filled > order.quantity || filled >= 1 << 63;
    }

    function isSettleable(uint256 instrument) internal pure returns (bool) {
        uint256 commodity = instrument >> 240 & 0xFF;
        bool isKnown = instrument >> 248 == 1 && commodity >= 1 && commodity <= 3 && (instrument >> 4 & 0xF) < 5;
        return isKnown && (instrument >> 8 & 0xFFFF) == 1;
    }

    function meterOf(Leaf memory leaf) internal view returns (address) {
        return meterAt(leaf.seller, leaf.instrument >> 48, hourOf(leaf.instrument));
    }

    function hourOf(uint256 instrument) internal pure returns (uint256) {
        return instrument >> 24 & 0xFFFFFF;
    }

    function lotsPerUnit(uint256 instrument) internal pure returns (uint256) {
        return (instrument >> 240 & 0xFF) == 2 ? 1 : 1000;
    }

    function amounts(Leaf memory leaf) internal pure returns (uint256 payment, uint256 fee, uint256 collateral) {
        uint256 lots = lotsPerUnit(leaf.instrument);
        uint24[5] memory rates = [50_000, 100_000, 200_000, 300_000, 500_000];
        uint256 perUnit = (uint256(leaf.referencePrice) * rates[leaf.instrument >> 4 & 0xF] + 999_999) / 1_000_000;
        payment = uint256(leaf.price) * leaf.quantity / lots;
        fee = payment * leaf.feeBps / 10_000;
        collateral = perUnit * leaf.quantity / lots;
    }

    /// Return the lots of a leaf that its slot's reading covers.
    function share(Slot memory slot, Leaf memory leaf) private pure returns (uint256) {
        uint256 came = slot.units < slot.sold ? slot.units : slot.sold;
        uint256 end = came * (uint256(leaf.soldBefore) + leaf.quantity);
        return roundUp(end, slot.sold) - roundUp(came * leaf.soldBefore, slot.sold);
    }

    function roundUp(uint256 dividend, uint256 divisor) private pure returns (uint256) {
        return dividend / divisor + (dividend % divisor == 0 ? 0 : 1);
    }
}
