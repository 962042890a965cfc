// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Leaf} from "../types/Leaf.sol";

/// Granular certificates: one ERC-1155 unit for each Wh that a registered meter measured in one hour, retired once.
///
/// The id says what, where, when and by which device (`Certificates`); the amount is in Wh. Nobody owns this contract,
/// and nobody has power over a holder's certificates but the holder and whom it approved.
///
/// Trust: `Settlement` for meters, readings and the life of trades, and so the operator to register honest meters and
/// a meter to measure truly. A seller whose meter lies can have certificates of energy that never was; nobody can have
/// more than the meter signed first. State is written before a receiver is called, so calling back gains nothing; a
/// receiver that refuses hurts whoever sends to it in the same call, and itself.
///
/// Anyone may deploy another such contract beside the same settlement, which would certify the same energy again: what
/// is traded is an id at this address, never the id alone.
interface ICertificate {
    /// What is known of a meter's hour, kept under the id of its certificates in one storage word.
    ///
    /// 48 bits hold 281 TWh: a meter that says more cannot be certified.
    struct Hour {
        /// The whole meter, of which the id has the end only; the zero address before the first issue or pledge.
        address meter;
        /// Wh certified. For stored energy: of all sources together. For a storage's charge: Wh that went into it.
        uint48 issued;
        /// Lots of trades that were pledged and are not over.
        uint48 pledged;
    }

    /// A metered hour to certify.
    struct Production {
        address seller;
        /// The instrument id of what was measured, without its low 48 bits.
        uint256 resource;
        uint32 startHour;
    }

    /// Energy that came out of the caller's storage, and the certificates of what had gone in.
    struct Discharge {
        /// Of the product STORAGE.
        uint256 resource;
        uint32 startHour;
        uint64 amount;
        /// Of the same place, and not of a later hour.
        uint256 chargeId;
    }

    /// Certificates that go with a trade. The terms are presented each time; the contract keeps their hash.
    struct Lock {
        address owner;
        uint256 id;
        bytes32 leafHash;
        /// When the owner may have them back, whatever became of the trade; Unix seconds.
        uint64 until;
    }

    /// A claim: who consumed, when and where, on account of these certificates.
    struct Retirement {
        uint256 id;
        uint256 amount;
        address beneficiary;
        /// The consumption: this hour, and so many hours from it. It contains the hour of production.
        uint32 periodStart;
        uint16 periodHours;
        /// The place of consumption in ASCII, as in an instrument id.
        bytes8 place;
        /// The hash of a text that says what for, or 0.
        bytes32 statement;
    }

    /// Certificates came to be, for what a meter measured.
    event Issued(uint256 indexed id, address indexed meter, address indexed owner, uint256 amount);
    /// `charged` of one certificate went into a storage for good; `issued` of another came out.
    event Stored(uint256 indexed chargeId, uint256 indexed id, address indexed owner, uint256 charged, uint256 issued);
    /// The seller promised the certificates of a trade to its buyer, before the hour was metered.
    event Pledged(
        uint64 indexed batchNumber, uint64 indexed tradeNumber, uint256 indexed id, address buyer, uint64 quantity
    );
    /// A pledged trade is over: the buyer has the certificates of what was delivered.
    event PledgeDelivered(uint64 indexed tradeNumber, uint256 indexed id, address indexed buyer, uint64 delivered);
    event Locked(
        bytes32 indexed lockHash,
        uint256 indexed id,
        address indexed owner,
        bytes32 leafHash,
        uint64 until,
        uint256 amount
    );
    /// The trade is over: `toBuyer` moved with it, `toOwner` is free again.
    event LockDelivered(
        bytes32 indexed lockHash, uint256 indexed id, address indexed buyer, uint256 toBuyer, uint256 toOwner
    );
    event LockReleased(bytes32 indexed lockHash, uint256 indexed id, address indexed owner, uint256 amount);
    /// Certificates are gone for good, on account of the beneficiary's consumption.
    event Retired(
        uint256 indexed id,
        address indexed owner,
        address indexed beneficiary,
        uint256 amount,
        uint32 periodStart,
        uint16 periodHours,
        bytes8 place,
        bytes32 statement
    );

    error ZeroAddress();
    error NothingToMove();
    error LengthsDiffer(uint256 leaves, uint256 proofs);
    /// A storage's efficiency is above nothing and at most a million.
    error EfficiencyOutOfRange(uint256 ppm);
    /// The resource is no energy, or is none that is certified this way.
    error NotCertifiable(uint256 resource);
    error MeterNotRegistered(address seller, uint256 resource);
    error NotMetered(address meter, uint32 startHour);
    /// The hour was metered, so it is too late to pledge it.
    error AlreadyMetered(address meter, uint32 startHour);
    /// All that was measured is certified or pledged.
    error NothingToIssue(uint256 id);
    /// More would be certified than was measured, or more charged than was taken in.
    error IssuedBeyondReading(address meter, uint32 startHour, uint256 issued, uint256 units);
    /// Another meter whose address ends alike has the id.
    error DeviceTaken(uint256 id, address meter);
    /// The charge is of another place, or of a later hour.
    error ChargeDoesNotFit(uint256 chargeId);
    error NotTheSeller(address caller, address seller);
    error AlreadyPledged(bytes32 leafHash);
    /// Never pledged, or over.
    error NotPledged(bytes32 leafHash);
    /// The trade is neither released nor paid out.
    error LeafNotOver(bytes32 leafHash);
    /// Nothing is locked under these terms.
    error NotLocked(bytes32 lockHash);
    /// The leaf is not the one of the lock.
    error AnotherLeaf(bytes32 expected, bytes32 found);
    error LockHolds(uint64 until);
    /// The lock would end before it begins.
    error LockTooShort(uint64 until);
    /// What would be left is less than what is locked.
    error CertificatesLocked(address owner, uint256 id, uint256 left, uint256 locked);
    /// The claimed period does not contain the hour of production.
    error PeriodDoesNotFit(uint32 startHour, uint32 periodStart, uint16 periodHours);

    /// Certify what the meters of the sellers' hours measured, less what is pledged, to the sellers; all or none.
    ///
    /// Anyone may: the reading decides how much, the registration who. A reading is final, so each hour is issued once, and
    /// what a shortfall freed of its pledges another time.
    function issue(Production[] calldata productions) external;

    /// Certify what the caller's storage gave back: certificates of what went in go, `amount` of their source come.
    ///
    /// amount / `storageEfficiency` of `chargeId`, rounded up, is burnt. Two meters bound it: what the storage gave in the
    /// hour, over all sources, and what it took in (the resource with the product CHARGE) in the hour of the charge.
    function issueStored(Discharge calldata discharge) external;

    /// Promise the certificates of trades to their buyers; the caller is their seller. All or none, and for good.
    ///
    /// The promise is made before the hour is metered, of the very energy that is traded: what is pledged cannot be issued
    /// to the seller, and a shortfall is shared as the settlement shares it, so a pledge is always covered. A buyer who
    /// never takes them (its wallet refuses) keeps the seller from certifying the rest of that trade.
    function pledge(uint64 batchNumber, Leaf[] calldata leaves, bytes32[][] calldata proofs) external;

    /// Certify what was delivered of pledged trades that are over, to their buyers; all or none. Anyone may.
    function deliverPledged(Leaf[] calldata leaves) external;

    /// Lock the caller's certificates to a trade until it is over; locked again on the same terms, amounts add up.
    ///
    /// They stay the caller's but cannot be moved or retired. The contract does not ask whether there is such a trade: a
    /// lock on none is the caller's own loss of time. The buyer checks leaf, id, amount and time in the event.
    /// @return lockHash What the lock is kept under.
    function lock(uint256 id, uint256 amount, bytes32 leafHash, uint64 until) external returns (bytes32 lockHash);

    /// Move locked certificates with the trade, which is over: to the buyer pro rata to what was delivered, rounded down;
    /// the rest is the owner's, free again. Anyone may, also after `until` if the owner has not released them.
    function deliverLocked(Lock calldata terms, uint64 batchNumber, Leaf calldata leaf, bytes32[] calldata proof)
        external;

    /// Free a lock whose time has passed. Anyone may; nobody is called.
    function release(Lock calldata terms) external;

    /// Retire certificates of `owner` for good; all or none. The owner or whom it approved.
    ///
    /// What is claimed beside id and amount is the owner's word, but for the hour: nobody claims the noon's sun at night.
    function retire(address owner, Retirement[] calldata retirements) external;

    /// Return what is known of a meter's hour. The id is the certificate's; for stored energy, the same with the product
    /// STORAGE (what came out) or CHARGE (what went in, with that meter and hour) and no flag.
    function hourOf(uint256 id) external view returns (Hour memory);

    /// Return the batch of a pledged trade, 0 if it was not pledged, and whether its certificates were delivered.
    function pledgeOf(bytes32 leafHash) external view returns (uint64 batchNumber, bool over);

    /// Return how many certificates are locked under a hash.
    function lockOf(bytes32 lockHash) external view returns (uint256);

    /// Return how many of an owner's certificates are locked, to all trades together.
    function lockedOf(address owner, uint256 id) external view returns (uint256);

    /// Return the contract whose meters and trades count.
    function settlement() external view returns (address);

    /// Return the share of what went into a storage that is certified when it comes out, in parts per million.
    function storageEfficiency() external view returns (uint256);
}
