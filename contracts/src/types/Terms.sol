// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Instruments} from "../libraries/Instruments.sol";
import {Money} from "../libraries/Money.sol";

/// What is the same for all trades of an instrument at one reference price, worked out once per batch.
struct Terms {
    uint256 instrument;
    /// Price in micros per unit from which collateral and cover are computed.
    uint256 referencePrice;
    /// Lots that make one unit of the price; 0 if the instrument cannot be settled.
    uint256 lotsPerUnit;
    /// Collateral in micros per unit.
    uint256 collateralPrice;
}

/// Work out the terms of an instrument. One that cannot be settled is told by its `lotsPerUnit`, and never reverts.
function termsOf(uint256 instrument, uint256 referencePrice) pure returns (Terms memory terms) {
    terms.instrument = instrument;
    terms.referencePrice = referencePrice;
    if (!Instruments.isSettleable(instrument)) return terms;
    terms.lotsPerUnit = Instruments.lotsPerUnit(instrument);
    terms.collateralPrice = Money.collateralPrice(instrument, referencePrice);
}
