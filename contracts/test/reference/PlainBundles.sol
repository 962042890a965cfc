// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Bundle, Part} from "../../src/types/Bundle.sol";
import {Leaf} from "../../src/types/Leaf.sol";
import {Order} from "../../src/types/Order.sol";
import {PlainSettlement} from "./PlainSettlement.sol";

/// The rules of bundles, beside those of single trades. Of a bundle, a part is locked before the next is looked at; one that
/// fails reverts the call in which all of them are locked, so nothing needs to be taken back.
contract PlainBundles is PlainSettlement {
    /// `place` is the part that fails, or the number of parts if the bundle does as a whole.
    error Failed(ISettlement.SkipCode code, uint256 place);

    uint64[] private _skippedNumbers;

    constructor(bytes32 domainSeparator, uint256 notice, address feeRecipient)
        PlainSettlement(domainSeparator, notice, feeRecipient)
    {}

    function settleBundles(uint16 feeBps, Bundle[] memory bundles)
        external
        returns (Leaf[] memory leaves, uint64[] memory numbers, ISettlement.SkipCode[] memory codes)
    {
        delete _leaves;
        delete _skipped;
        delete _skippedNumbers;
        uint256 numberMin = 0;
        for (uint256 i = 0; i < bundles.length; ++i) {
            uint256 repeated;
            (repeated, numberMin) = firstRepeated(bundles[i].parts, numberMin);
            if (repeated < bundles[i].parts.length) {
                skip(bundles[i], ISettlement.SkipCode.TradeNumberNotIncreasing, repeated);
                continue;
            }
            try this.lockWhole(feeBps, bundles[i]) {}
            catch (bytes memory reason) {
                (ISettlement.SkipCode code, uint256 place) = decode(reason);
                skip(bundles[i], code, place);
            }
        }
        return (_leaves, _skippedNumbers, _skipped);
    }

    /// Return the first part whose number is below the least that it may have, and the least for the next trade.
    function firstRepeated(Part[] memory parts, uint256 numberMin) private pure returns (uint256, uint256) {
        for (uint256 i = 0; i < parts.length; ++i) {
            if (parts[i].tradeNumber < numberMin) return (i, numberMin);
            numberMin = uint256(parts[i].tradeNumber) + 1;
        }
        return (parts.length, numberMin);
    }

    /// Tell the code of the part that failed, or of all; of the others, that another one did.
    function skip(Bundle memory bundle, ISettlement.SkipCode code, uint256 place) private {
        for (uint256 i = 0; i < bundle.parts.length; ++i) {
            bool isMeant = place == i || place == bundle.parts.length;
            _skippedNumbers.push(bundle.parts[i].tradeNumber);
            _skipped.push(isMeant ? code : ISettlement.SkipCode.OtherPartFailed);
        }
    }

    function decode(bytes memory reason) private pure returns (ISettlement.SkipCode code, uint256 place) {
        require(reason.length == 68 && bytes4(reason) == Failed.selector, "the reference itself failed");
        bytes memory arguments = new bytes(64);
        for (uint256 i = 0; i < 64; ++i) {
            arguments[i] = reason[i + 4];
        }
        return abi.decode(arguments, (ISettlement.SkipCode, uint256));
    }

    // --- a bundle -------------------------------------------------------------------------------------------------

    function lockWhole(uint16 feeBps, Bundle memory bundle) external {
        require(msg.sender == address(this), "for itself only");
        Order memory bid = bundle.bid;
        uint256 whole = bundle.parts.length;
        demand(bidFault(feeBps, bundle), whole);
        uint256 kind = bid.instrument >> 248;
        if (kind == 0xFF) demandSet(bundle);
        else if (kind == 0xFE) demandLegs(bundle);
        else demand(ISettlement.SkipCode.NotCommitted, whole);

        uint256 owed = 0;
        for (uint256 i = 0; i < whole; ++i) {
            demand(partFault(bid, bundle.parts[i]), i);
            owed += lockPart(feeBps, bid.participant, bundle.parts[i]);
        }
        if (owed > freeOf[bid.participant]) demand(ISettlement.SkipCode.BuyerFundsInsufficient, whole);
        freeOf[bid.participant] -= owed;
        lockedOf[bid.participant] += owed;
        filledOf[bid.participant][bid.clientOrderId] += bundle.quantity;
    }

    function demand(ISettlement.SkipCode code, uint256 place) private pure {
        if (code != ISettlement.SkipCode.None) revert Failed(code, place);
    }

    function bidFault(uint16 feeBps, Bundle memory bundle) private view returns (ISettlement.SkipCode) {
        Order memory bid = bundle.bid;
        if (bid.side != 0) return ISettlement.SkipCode.WrongSide;
        if (feeBps > bid.feeCapBps) return ISettlement.SkipCode.FeeAboveCap;
        if (bundle.quantity == 0) return ISettlement.SkipCode.QuantityZero;
        if (!isSigned(bid, bundle.signature)) return ISettlement.SkipCode.BuySignatureInvalid;
        if (block.timestamp > bid.settleUntil) return ISettlement.SkipCode.BuyExpired;
        if (isCancelled(bid)) return ISettlement.SkipCode.BuyCancelled;
        if (isTooMuch(bid, bundle.quantity)) return ISettlement.SkipCode.BuyOverfilled;
        return ISettlement.SkipCode.None;
    }

    // --- what a bid commits to ------------------------------------------------------------------------------------

    function demandSet(Bundle memory bundle) private pure {
        uint256 lots = 0;
        for (uint256 i = 0; i < bundle.parts.length; ++i) {
            Part memory part = bundle.parts[i];
            bytes32 node = sha256(abi.encodePacked(hex"00", part.offer.instrument, int256(part.adjustment)));
            for (uint256 j = 0; j < part.proof.length; ++j) {
                node = above(node, part.proof[j]);
            }
            if (tagged(0xFF, node) != bundle.bid.instrument) demand(ISettlement.SkipCode.NotCommitted, i);
            if (part.offer.referencePrice < bundle.bid.referencePrice) {
                demand(ISettlement.SkipCode.ReferencePriceDiffers, i);
            }
            int256 limit = int256(uint256(bundle.bid.price));
            if (part.adjustment < 0) limit += part.adjustment;
            if (int256(uint256(part.price)) > limit) demand(ISettlement.SkipCode.PriceOutsideLimits, i);
            lots += part.quantity;
        }
        if (lots != bundle.quantity) demand(ISettlement.SkipCode.QuantitiesDiffer, bundle.parts.length);
    }

    function demandLegs(Bundle memory bundle) private pure {
        uint256 whole = bundle.parts.length;
        bytes32[] memory nodes = new bytes32[](whole);
        for (uint256 i = 0; i < whole; ++i) {
            Part memory part = bundle.parts[i];
            nodes[i] = sha256(
                abi.encodePacked(
                    hex"02", part.offer.instrument, uint256(part.lotsPerBundle), uint256(part.referenceLeast)
                )
            );
        }
        if (tagged(0xFE, top(nodes)) != bundle.bid.instrument) demand(ISettlement.SkipCode.NotCommitted, whole);

        uint256 total = 0;
        for (uint256 i = 0; i < whole; ++i) {
            Part memory part = bundle.parts[i];
            if (!isSettleable(part.offer.instrument)) demand(ISettlement.SkipCode.InstrumentNotSettleable, i);
            if (part.offer.referencePrice < part.referenceLeast) demand(ISettlement.SkipCode.ReferencePriceDiffers, i);
            // so many thousandths of a bundle
            if (uint256(part.lotsPerBundle) * bundle.quantity != uint256(part.quantity) * 1000) {
                demand(ISettlement.SkipCode.QuantitiesDiffer, i);
            }
            total += uint256(part.price) * part.quantity / lotsPerUnit(part.offer.instrument);
        }
        uint256 limit = uint256(bundle.bid.price) * bundle.quantity / 1000;
        if (total > limit) demand(ISettlement.SkipCode.PriceOutsideLimits, whole);
    }

    function top(bytes32[] memory level) private pure returns (bytes32) {
        while (level.length > 1) {
            bytes32[] memory next = new bytes32[]((level.length + 1) / 2);
            for (uint256 i = 0; i < next.length; ++i) {
                next[i] = 2 * i + 1 == level.length ? level[2 * i] : above(level[2 * i], level[2 * i + 1]);
            }
            level = next;
        }
        return level[0];
    }

    function above(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? sha256(abi.encodePacked(hex"01", a, b)) : sha256(abi.encodePacked(hex"01", b, a));
    }

    /// The root without its first byte, in whose place stands what kind it is.
    function tagged(uint256 kind, bytes32 root) private pure returns (uint256) {
        return kind << 248 | uint256(root) << 8 >> 8;
    }

    // --- a part ---------------------------------------------------------------------------------------------------

    function partFault(Order memory bid, Part memory part) private view returns (ISettlement.SkipCode) {
        Order memory offer = part.offer;
        if (offer.side != 1) return ISettlement.SkipCode.WrongSide;
        if (!isSettleable(offer.instrument)) return ISettlement.SkipCode.InstrumentNotSettleable;
        if (offer.participant == bid.participant) return ISettlement.SkipCode.SelfTrade;
        if (part.price < offer.price) return ISettlement.SkipCode.PriceOutsideLimits;
        if (part.quantity == 0) return ISettlement.SkipCode.QuantityZero;
        if (!isSigned(offer, part.signature)) return ISettlement.SkipCode.SellSignatureInvalid;
        if (block.timestamp > offer.settleUntil) return ISettlement.SkipCode.SellExpired;
        if (isCancelled(offer)) return ISettlement.SkipCode.SellCancelled;
        if (isTooMuch(offer, part.quantity)) return ISettlement.SkipCode.SellOverfilled;
        address meter = meterAt(offer.participant, offer.instrument >> 48, hourOf(offer.instrument));
        if (meter == address(0)) return ISettlement.SkipCode.MeterNotRegistered;
        Slot memory slot = slotOf[meter][hourOf(offer.instrument)];
        if (slot.reported) return ISettlement.SkipCode.SlotAlreadyMetered;
        if (slot.sold + part.quantity > type(uint64).max) return ISettlement.SkipCode.SlotFull;
        (,, uint256 collateral) = amounts(leafOf(0, bid.participant, part));
        if (collateral > freeOf[offer.participant]) return ISettlement.SkipCode.SellerCollateralInsufficient;
        return ISettlement.SkipCode.None;
    }

    /// Lock what the seller secures; return what the buyer owes.
    function lockPart(uint16 feeBps, address buyer, Part memory part) private returns (uint256 owed) {
        Leaf memory leaf = leafOf(feeBps, buyer, part);
        (uint256 payment, uint256 fee, uint256 collateral) = amounts(leaf);
        freeOf[leaf.seller] -= collateral;
        lockedOf[leaf.seller] += collateral;
        filledOf[leaf.seller][part.offer.clientOrderId] += leaf.quantity;
        address meter = meterOf(leaf);
        _fixedMeter[leaf.seller][leaf.instrument >> 48][hourOf(leaf.instrument)] = meter;
        slotOf[meter][hourOf(leaf.instrument)].sold += leaf.quantity;
        _leaves.push(leaf);
        return payment + fee;
    }

    function leafOf(uint16 feeBps, address buyer, Part memory part) private view returns (Leaf memory) {
        Order memory offer = part.offer;
        address meter = meterAt(offer.participant, offer.instrument >> 48, hourOf(offer.instrument));
        return Leaf({
            position: uint32(_leaves.length),
            tradeNumber: part.tradeNumber,
            instrument: offer.instrument,
            buyer: buyer,
            seller: offer.participant,
            price: part.price,
            quantity: part.quantity,
            referencePrice: offer.referencePrice,
            feeBps: feeBps,
            soldBefore: uint64(slotOf[meter][hourOf(offer.instrument)].sold)
        });
    }
}
