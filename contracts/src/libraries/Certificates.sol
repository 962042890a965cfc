// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Instruments} from "./Instruments.sol";

/// Pack certificate ids. Twin of `contracts/certificate_ids.py`. Product, place and start hour stand where an instrument
/// id has them, so `Instruments` reads the hour:
///
///     version 8 | kind 8 | product 64 | place 64 | device 64 | start hour 24 | hours 16 | flags 8
///
/// `kind` is the number of no commodity, so no contract takes a certificate for an instrument. `device` is the end of
/// the meter's address; two meters may share it, which is why the contract remembers the whole meter of each id. `hours`
/// is 1. The lowest flag says that the energy came out of a storage, whose charge was of this product.
library Certificates {
    uint256 internal constant VERSION = 1;
    uint256 internal constant KIND = 0xCE;
    uint256 internal constant STORED = 1;

    /// What comes out of a storage has the source of what went in.
    bytes8 internal constant STORAGE = "STORAGE";
    /// What a storage takes in is measured, and is nobody's production.
    bytes8 internal constant CHARGE = "CHARGE";

    uint256 private constant PRODUCT_SHIFT = 176;
    uint256 private constant PLACE_SHIFT = 112;
    uint256 private constant DEVICE_SHIFT = 48;
    uint256 private constant HOUR_SHIFT = 24;
    uint256 private constant ONE_HOUR = 1 << 8;

    // A resource is an instrument id without its low 48 bits.
    uint256 private constant RESOURCE_COMMODITY_SHIFT = 192;
    uint256 private constant RESOURCE_PRODUCT_SHIFT = 128;
    uint256 private constant RESOURCE_PLACE_SHIFT = 64;
    uint256 private constant ENERGY = Instruments.VERSION << 8 | Instruments.ENERGY;

    /// Return the id of what a meter measured of a resource in an hour, from before the year 3883.
    function certificateId(uint256 resource, address meter, uint32 startHour_) internal pure returns (uint256) {
        uint256 what = resource >> RESOURCE_PLACE_SHIFT & type(uint128).max; // product and place
        uint256 device = uint160(meter) & type(uint64).max;
        return VERSION << 248 | KIND << 240 | what << PLACE_SHIFT | device << DEVICE_SHIFT | uint256(startHour_)
            << HOUR_SHIFT | ONE_HOUR;
    }

    /// Return the id of stored energy: `dischargeId`, with the product of what charged the storage.
    function storedId(uint256 dischargeId, uint256 chargeId) internal pure returns (uint256) {
        uint256 mask = uint256(type(uint64).max) << PRODUCT_SHIFT;
        return dischargeId & ~mask | chargeId & mask | STORED;
    }

    /// Return the resource under which the same storage measures what it takes in.
    function chargeOf(uint256 resource) internal pure returns (uint256) {
        uint256 mask = uint256(type(uint64).max) << RESOURCE_PRODUCT_SHIFT;
        return resource & ~mask | uint256(uint64(CHARGE)) << RESOURCE_PRODUCT_SHIFT;
    }

    /// Return whether a resource is energy that was produced: not stored, not consumed.
    function isSource(uint256 resource) internal pure returns (bool) {
        bytes8 what = productOf(resource);
        return isEnergy(resource) && what != STORAGE && what != CHARGE;
    }

    /// Return whether a resource is what comes out of a storage.
    function isStorage(uint256 resource) internal pure returns (bool) {
        return isEnergy(resource) && productOf(resource) == STORAGE;
    }

    /// Return whether two ids are of one place.
    function samePlace(uint256 id, uint256 other) internal pure returns (bool) {
        return uint64(id >> PLACE_SHIFT) == uint64(other >> PLACE_SHIFT);
    }

    /// Return whether an id is of a certificate, whose source emits no carbon. Twin of `contracts/carbon_free.py`.
    function isCarbonFree(uint256 id) internal pure returns (bool) {
        if (id >> 240 != VERSION << 8 | KIND) return false;
        bytes8 source = bytes8(uint64(id >> PRODUCT_SHIFT));
        return source == "SOLAR" || source == "WIND" || source == "HYDRO" || source == "NUCLEAR";
    }

    function isEnergy(uint256 resource) private pure returns (bool) {
        // Energy has one place; the field of the second is empty.
        return resource >> RESOURCE_COMMODITY_SHIFT == ENERGY && resource & type(uint64).max == 0;
    }

    function productOf(uint256 resource) private pure returns (bytes8) {
        return bytes8(uint64(resource >> RESOURCE_PRODUCT_SHIFT));
    }
}
