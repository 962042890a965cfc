// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Read the packed 256-bit instrument id. Twin of `market/instruments.py`, which explains the fields:
///
///     version 8 | commodity 8 | product 64 | place 64 | place_to 64 | start hour 24 | hours 16 | tier 4 | green 4
library Instruments {
    uint256 internal constant VERSION = 1;
    uint256 internal constant COMPUTE = 1;
    uint256 internal constant NETWORK = 2;
    uint256 internal constant ENERGY = 3;
    uint256 internal constant TIERS = 5;

    /// No commodity has this number.
    error CommodityUnknown(uint256 commodity);

    /// Return whether the contract can lock trades of it: a known version, commodity and tier, and one hour long.
    ///
    /// A meter signs hours, so a longer window would need several readings; blocks are orders for several hours.
    function isSettleable(uint256 id) internal pure returns (bool) {
        uint256 commodity_ = commodity(id);
        return id >> 248 == VERSION && commodity_ >= COMPUTE && commodity_ <= ENERGY && id >> 8 & 0xFFFF == 1
            && tier(id) < TIERS;
    }

    /// Return the id of one hour of a resource, without green class. The caller sees to it that every field fits.
    function oneHour(uint256 resource_, uint256 startHour_, uint256 tier_) internal pure returns (uint256) {
        return resource_ << 48 | startHour_ << 24 | 1 << 8 | tier_ << 4;
    }

    /// Return the number of the commodity: `COMPUTE`, `NETWORK` or `ENERGY`.
    function commodity(uint256 id) internal pure returns (uint256) {
        return id >> 240 & 0xFF;
    }

    /// Return what a meter measures: the id without window, tier and green class.
    function resource(uint256 id) internal pure returns (uint256) {
        return id >> 48;
    }

    /// Return the delivery hour, counted from 1970-01-01T00Z.
    function startHour(uint256 id) internal pure returns (uint32) {
        // casting to 'uint32' is safe because the field has 24 bits
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint32(id >> 24 & 0xFFFFFF);
    }

    /// Return the quality tier, 0 to 4.
    function tier(uint256 id) internal pure returns (uint256) {
        return id >> 4 & 0xF;
    }

    /// Return how many lots make one unit of the price.
    function lotsPerUnit(uint256 id) internal pure returns (uint256) {
        uint256 commodity_ = commodity(id);
        if (commodity_ == COMPUTE || commodity_ == ENERGY) return 1000;
        if (commodity_ == NETWORK) return 1;
        revert CommodityUnknown(commodity_);
    }
}
