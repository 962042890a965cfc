// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Reading} from "../types/Reading.sol";
import {IOperated} from "./IOperated.sol";

/// What was sold of a meter and slot, and what it measured. Quantities are lots.
///
/// The operator is trusted to register honest meters; a meter's key is trusted to sign one true reading per hour.
interface IMetering is IOperated {
    /// The ledger of one (meter, hour), in one storage word. `allotted` never exceeds `units`.
    struct Slot {
        /// Locked in trades. Stands still once a reading is present.
        uint64 sold;
        /// What the meter measured.
        uint64 units;
        /// Units given to trades that are over.
        uint64 allotted;
        /// When the reading arrived, Unix seconds; 0 while there is none.
        uint64 reportedAt;
    }

    event MeterRegistered(address indexed seller, uint256 indexed resource, address indexed meter);
    event ReadingReported(address indexed meter, uint32 indexed startHour, uint64 units);
    /// The meter signed a second, different reading for the same hour: the first one stays. Proof against the meter.
    event ReadingContradicted(address indexed meter, uint32 indexed startHour, uint64 kept, uint64 refused);

    /// The meter is the zero address, or serves another seller or resource already.
    error MeterNotFree(address meter);
    /// The reading is not signed by its meter's key.
    error ReadingSignatureInvalid(address meter, uint32 startHour);
    /// The hour is not over, so nothing can have been measured.
    error SlotNotOver(uint32 startHour, uint256 endsAt);
    /// The instrument is not one hour of a known commodity and tier.
    error NotReservable(uint256 instrument);
    /// The hour lies in the past, or has begun.
    error SlotBegun(uint32 startHour);
    /// The seller has no meter for the resource.
    error MeterMissing(address seller, uint256 resource);
    /// More units would be given to trades than the meter measured. Cannot happen; stops everything if it does.
    error AllottedBeyondReading(address meter, uint32 startHour, uint256 allotted, uint256 units);

    /// Let `meter` measure what `seller` offers of `resource` (the instrument id without its low 48 bits).
    ///
    /// Operator only. A new meter replaces the old one for later trades; a meter serves one seller and one resource for
    /// good, since units of two resources must not be added up.
    function registerMeter(address seller, uint256 resource, address meter) external;

    /// Store signed readings; the first one for a (meter, hour) counts.
    ///
    /// Anyone may relay them. The same reading again changes nothing; a different one is refused with the event
    /// `ReadingContradicted`. A wrong signature or an hour that is not over reverts. Readings must come from an
    /// account with a key: EIP-1271 is not used here.
    function report(Reading[] calldata readings) external;

    /// Return the meter registered for `seller` and `resource`, or the zero address.
    function meterOf(address seller, uint256 resource) external view returns (address);

    /// Return the ledger of a (meter, hour).
    function slotOf(address meter, uint32 startHour) external view returns (Slot memory);
}
