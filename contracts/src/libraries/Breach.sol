// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Amounts, Leaf} from "../types/Leaf.sol";
import {Payout} from "../types/Payout.sol";
import {Instruments} from "./Instruments.sol";
import {Money} from "./Money.sol";
import {Tiers} from "./Tiers.sol";

/// What a trade that fell short comes to. Twin of `payout` in `contracts/guarantee.py`.
///
/// In every result, what is paid to the seller, the fee, the fallback's strike less the gap, and what is returned to the
/// buyer add up to the payment and fee that the buyer locked; gap and compensation are at most the collateral.
library Breach {
    using Instruments for uint256;
    using Money for Leaf;

    /// Return who gets what if of a leaf's lots `delivered` came from the seller, `rescued` from a fallback supplier at
    /// `strike` per unit, and `excused` from nobody by force majeure. Reverts if these are more than its quantity.
    ///
    /// What nobody delivered nobody is paid for. Out of its collateral the seller pays the fallback's gap, and the
    /// buyer's compensation: together the higher of gap and cover (reference price less price, for what nobody delivered
    /// and nothing excused) and the tier's ladder credit (a share of the whole payment), at most the collateral.
    function payoutOf(Leaf memory leaf, uint64 delivered, uint64 excused, uint64 rescued, uint64 strike)
        internal
        pure
        returns (Payout memory payout)
    {
        Amounts memory locked = leaf.amounts();
        uint256 uncovered = leaf.quantity - delivered - excused - rescued;

        payout.paidToSeller = Money.value(leaf.instrument, leaf.price, delivered);
        payout.paidToFallback = Money.value(leaf.instrument, strike, rescued);
        uint256 saved = Money.value(leaf.instrument, leaf.price, rescued);
        uint256 fromBuyer = _min(payout.paidToFallback, saved);
        payout.gap = _min(payout.paidToFallback - fromBuyer, locked.collateral);
        payout.paidToFallback = fromBuyer + payout.gap;
        payout.fee = Money.fee(payout.paidToSeller + fromBuyer, leaf.feeBps);
        payout.returnedToBuyer = locked.payment + locked.fee - payout.paidToSeller - fromBuyer - payout.fee;

        uint256 dearer = leaf.referencePrice > leaf.price ? leaf.referencePrice - leaf.price : 0;
        uint256 cover = Money.value(leaf.instrument, dearer, uncovered);
        uint256 share = Tiers.credit(leaf.instrument.tier(), delivered + excused, leaf.quantity);
        uint256 credit = locked.payment * share / Tiers.PPM_ONE;
        payout.compensation = _min(locked.collateral, _max(payout.gap + cover, credit)) - payout.gap;
    }

    /// Return the most that `lots` of a fallback can charge the collateral, rounded up.
    ///
    /// No part of the lots charges more: the difference of two values rounded down is never above their difference
    /// rounded up. So a call whose gap the collateral covers pays the whole strike.
    function gapOf(Leaf memory leaf, uint64 lots, uint64 strike) internal pure returns (uint256) {
        if (strike <= leaf.price) return 0;
        uint256 perUnit = leaf.instrument.lotsPerUnit();
        return (uint256(strike - leaf.price) * lots + perUnit - 1) / perUnit;
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    function _max(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }
}
