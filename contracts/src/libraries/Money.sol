// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Amounts, Leaf} from "../types/Leaf.sol";
import {Terms} from "../types/Terms.sol";
import {Instruments} from "./Instruments.sol";
import {Tiers} from "./Tiers.sol";

/// The few roundings of money, in micros. Twin of `market/units.py` and `market/trades.py`.
///
/// Prices and quantities are 64-bit, so a value stays below 2^128 and nothing here overflows.
library Money {
    using Instruments for uint256;

    uint256 internal constant BPS_ONE = 10_000;

    /// Return the money of `quantity` lots of an instrument at `price`, rounded down: the one rounding of trade value.
    function value(uint256 instrument, uint256 price, uint256 quantity) internal pure returns (uint256) {
        return price * quantity / instrument.lotsPerUnit();
    }

    /// Return what to set aside for such a value, rounded up: never too little.
    function hold(uint256 instrument, uint256 price, uint256 quantity) internal pure returns (uint256) {
        uint256 lotsPerUnit = instrument.lotsPerUnit();
        return (price * quantity + lotsPerUnit - 1) / lotsPerUnit;
    }

    /// Return the fee on a value, rounded down.
    function fee(uint256 value_, uint256 feeBps) internal pure returns (uint256) {
        return value_ * feeBps / BPS_ONE;
    }

    /// Return the collateral per unit: the tier's rate of the reference price, rounded up.
    function collateralPrice(uint256 instrument, uint256 referencePrice) internal pure returns (uint256) {
        return (Tiers.collateralRate(instrument.tier()) * referencePrice + Tiers.PPM_ONE - 1) / Tiers.PPM_ONE;
    }

    /// Return what a trade locks: `payment` and `fee_` of the buyer, `collateral` of the seller.
    function amounts(Terms memory terms, uint256 price, uint256 quantity, uint256 feeBps)
        internal
        pure
        returns (uint256 payment, uint256 fee_, uint256 collateral)
    {
        unchecked {
            payment = price * quantity / terms.lotsPerUnit;
            fee_ = payment * feeBps / BPS_ONE;
            collateral = terms.collateralPrice * quantity / terms.lotsPerUnit;
        }
    }

    /// Return what a leaf locks.
    function amounts(Leaf memory leaf) internal pure returns (Amounts memory locked) {
        locked.payment = value(leaf.instrument, leaf.price, leaf.quantity);
        locked.fee = fee(locked.payment, leaf.feeBps);
        locked.collateral = value(leaf.instrument, collateralPrice(leaf.instrument, leaf.referencePrice), leaf.quantity);
    }
}
