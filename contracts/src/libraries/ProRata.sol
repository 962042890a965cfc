// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Share what a meter measured among the trades of its slot.
library ProRata {
    /// Return the lots delivered to the `quantity` lots that were sold after `soldBefore` others.
    ///
    /// With R = min(units, sold) and S = sold it is ceil(R (before + quantity) / S) - ceil(R before / S): the
    /// cumulative share at the trade's end less that at its start. The shares of all trades telescope to exactly R, none
    /// is above its quantity, and the lots that rounding leaves go to the earliest trades. 0 if nothing was sold.
    function delivered(uint256 units, uint256 sold, uint256 soldBefore, uint256 quantity)
        internal
        pure
        returns (uint256)
    {
        if (sold == 0) return 0;
        if (units >= sold) return quantity; // the quiet life: R = S, and the formula comes to just this
        return ceilDiv(units * (soldBefore + quantity), sold) - ceilDiv(units * soldBefore, sold);
    }

    function ceilDiv(uint256 dividend, uint256 divisor) private pure returns (uint256) {
        return (dividend + divisor - 1) / divisor;
    }
}
