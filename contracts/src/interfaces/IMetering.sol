// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Reading} from "../types/Reading.sol";
import {IOperated} from "./IOperated.sol";

/// What was sold of a seller's hour, and what its meter measured. Quantities are lots.
///
/// The operator is trusted to register honest meters; a meter's key is trusted to sign one true reading per hour. Which
/// meter counts for an hour is fixed when the first lots of it are sold: one that is registered later, however hostile,
/// measures nothing that was sold before.
interface IMetering is IOperated {
    /// The ledger of one hour of a seller's resource, in one storage word. `allotted` never exceeds `units`.
    struct Slot {
        /// Locked in trades. Stands still once a reading is present.
        uint64 sold;
        /// What the meter measured.
        uint64 units;
        /// Units given to trades that are over.
        uint64 allotted;
        /// When the reading arrived, Unix seconds; 0 while there is none.
        uint40 reportedAt;
        /// Which of the seller's meters for the resource counts, from 1; 0 before anything is sold or reported.
        uint24 meterNumber;
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
    /// The reading's meter is registered for nobody, or another one counts for the hour.
    error MeterOfAnotherHour(address meter, uint32 startHour);
    /// The instrument is not one hour of a known commodity and tier, or no more can be sold of it.
    error NotReservable(uint256 instrument);
    /// The hour lies in the past, or has begun.
    error SlotBegun(uint32 startHour);
    /// The seller has no meter for the resource.
    error MeterMissing(address seller, uint256 resource);
    /// More units would be given to trades than the meter measured. Cannot happen; stops everything if it does.
    error AllottedBeyondReading(address seller, uint256 instrument, uint256 allotted, uint256 units);

    /// Let `meter` measure what `seller` offers of `resource` (the instrument id without its low 48 bits).
    ///
    /// Operator only. A new meter replaces the old one for hours of which nothing was sold or reported so far; a meter
    /// serves one seller and one resource for good, since units of two resources must not be added up.
    function registerMeter(address seller, uint256 resource, address meter) external;

    /// Store signed readings; the first one for a (meter, hour) counts.
    ///
    /// Anyone may relay them. The same reading again changes nothing; a different one is refused with the event
    /// `ReadingContradicted`. A wrong signature, an hour that is not over, or another meter than counts for the hour
    /// reverts: of an unsold hour that is the seller's present meter. Readings must come from an account with a key:
    /// EIP-1271 is not used here.
    function report(Reading[] calldata readings) external;

    /// Return the meter registered for `seller` and `resource`, or the zero address.
    function meterOf(address seller, uint256 resource) external view returns (address);

    /// Return the meter that counts for a seller's hour of an instrument, or would if some of it were sold now.
    function meterAt(address seller, uint256 instrument) external view returns (address);

    /// Return the ledger of a seller's hour of an instrument.
    function slotAt(address seller, uint256 instrument) external view returns (Slot memory);

    /// Return the ledger of the hour that a meter measures; all zero if another one counts for it.
    function slotOf(address meter, uint32 startHour) external view returns (Slot memory);
}
