// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC1155} from "solady/tokens/ERC1155.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {ICertificate} from "./interfaces/ICertificate.sol";
import {IMetering} from "./interfaces/IMetering.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Certificates} from "./libraries/Certificates.sol";
import {Instruments} from "./libraries/Instruments.sol";
import {Outcomes} from "./libraries/Outcomes.sol";
import {Leaf} from "./types/Leaf.sol";

/// Certify what meters measured, let it travel alone or with a trade, and retire it once.
contract Certificate is ICertificate, ERC1155 {
    using Certificates for uint256;
    using Instruments for uint256;
    using Outcomes for ISettlement;
    using SafeCastLib for uint256;

    uint256 private constant PPM_ONE = 1_000_000;

    struct Pledge {
        uint64 batchNumber;
        bool over;
    }

    /// @inheritdoc ICertificate
    uint256 public immutable storageEfficiency;

    ISettlement private immutable _settlement;
    mapping(uint256 id => Hour) private _hours;
    mapping(bytes32 leafHash => Pledge) private _pledges;
    mapping(bytes32 lockHash => uint256 amount) private _locks;
    mapping(address owner => mapping(uint256 id => uint256 amount)) private _locked;

    constructor(ISettlement settlement_, uint256 storageEfficiency_) {
        if (address(settlement_) == address(0)) revert ZeroAddress();
        if (storageEfficiency_ == 0 || storageEfficiency_ > PPM_ONE) revert EfficiencyOutOfRange(storageEfficiency_);
        _settlement = settlement_;
        storageEfficiency = storageEfficiency_;
    }

    /// @inheritdoc ICertificate
    function issue(Production[] calldata productions) external {
        for (uint256 i = 0; i < productions.length; ++i) {
            _issue(productions[i]);
        }
    }

    /// @inheritdoc ICertificate
    function issueStored(Discharge calldata discharge) external {
        (uint256 chargeId, uint256 amount) = (discharge.chargeId, discharge.amount);
        if (!discharge.resource.isStorage()) revert NotCertifiable(discharge.resource);
        if (amount == 0) revert NothingToMove();
        (address meter, uint256 dischargeId) = _certify(discharge.resource, discharge.startHour, amount);
        if (!chargeId.samePlace(dischargeId) || chargeId.startHour() > discharge.startHour) {
            revert ChargeDoesNotFit(chargeId);
        }
        uint256 charged = (amount * PPM_ONE + storageEfficiency - 1) / storageEfficiency;
        _certify(discharge.resource.chargeOf(), chargeId.startHour(), charged);

        uint256 id = dischargeId.storedId(chargeId);
        _burn(msg.sender, chargeId, charged);
        emit Stored(chargeId, id, msg.sender, charged, amount);
        emit Issued(id, meter, msg.sender, amount);
        _mint(msg.sender, id, amount, "");
    }

    /// @inheritdoc ICertificate
    function pledge(uint64 batchNumber, Leaf[] calldata leaves, bytes32[][] calldata proofs) external {
        if (leaves.length != proofs.length) revert LengthsDiffer(leaves.length, proofs.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            _pledge(batchNumber, leaves[i], proofs[i]);
        }
    }

    /// @inheritdoc ICertificate
    function deliverPledged(Leaf[] calldata leaves) external {
        for (uint256 i = 0; i < leaves.length; ++i) {
            _deliverPledged(leaves[i]);
        }
    }

    /// @inheritdoc ICertificate
    function lock(uint256 id, uint256 amount, bytes32 leafHash, uint64 until) external returns (bytes32 lockHash) {
        if (amount == 0) revert NothingToMove();
        if (until <= block.timestamp) revert LockTooShort(until);
        lockHash = keccak256(abi.encode(Lock(msg.sender, id, leafHash, until)));
        _locks[lockHash] += amount;
        _locked[msg.sender][id] += amount;
        _requireUnlocked(msg.sender, id);
        emit Locked(lockHash, id, msg.sender, leafHash, until, amount);
    }

    /// @inheritdoc ICertificate
    function deliverLocked(Lock calldata terms, uint64 batchNumber, Leaf calldata leaf, bytes32[] calldata proof)
        external
    {
        bytes32 leafHash = leaf.leafHash();
        if (leafHash != terms.leafHash) revert AnotherLeaf(terms.leafHash, leafHash);
        _settlement.requireInBatch(batchNumber, leafHash, proof);
        (bytes32 lockHash, uint256 amount) = _unlock(terms);
        uint256 toBuyer = amount * _deliveredOf(batchNumber, leaf, leafHash) / leaf.quantity;
        emit LockDelivered(lockHash, terms.id, leaf.buyer, toBuyer, amount - toBuyer);
        if (toBuyer != 0) _safeTransfer(terms.owner, leaf.buyer, terms.id, toBuyer, "");
    }

    /// @inheritdoc ICertificate
    function release(Lock calldata terms) external {
        if (block.timestamp < terms.until) revert LockHolds(terms.until);
        (bytes32 lockHash, uint256 amount) = _unlock(terms);
        emit LockReleased(lockHash, terms.id, terms.owner, amount);
    }

    /// @inheritdoc ICertificate
    function retire(address owner, Retirement[] calldata retirements) external {
        for (uint256 i = 0; i < retirements.length; ++i) {
            _retire(owner, retirements[i]);
        }
    }

    /// @inheritdoc ICertificate
    function hourOf(uint256 id) external view returns (Hour memory) {
        return _hours[id];
    }

    /// @inheritdoc ICertificate
    function pledgeOf(bytes32 leafHash) external view returns (uint64 batchNumber, bool over) {
        Pledge memory pledged = _pledges[leafHash];
        return (pledged.batchNumber, pledged.over);
    }

    /// @inheritdoc ICertificate
    function lockOf(bytes32 lockHash) external view returns (uint256) {
        return _locks[lockHash];
    }

    /// @inheritdoc ICertificate
    function lockedOf(address owner, uint256 id) external view returns (uint256) {
        return _locked[owner][id];
    }

    /// @inheritdoc ICertificate
    function settlement() external view returns (address) {
        return address(_settlement);
    }

    /// Return nothing: the id says it all.
    function uri(uint256) public pure override returns (string memory) {
        return "";
    }

    /// Check after each move, and before the receiver is called, that what is locked is still there.
    ///
    /// Not before it: a batch may name one id twice.
    function _afterTokenTransfer(address from, address, uint256[] memory ids, uint256[] memory, bytes memory)
        internal
        view
        override
    {
        if (from == address(0)) return;
        for (uint256 i = 0; i < ids.length; ++i) {
            _requireUnlocked(from, ids[i]);
        }
    }

    function _useAfterTokenTransfer() internal pure override returns (bool) {
        return true;
    }

    function _issue(Production calldata production) private {
        if (!production.resource.isSource()) revert NotCertifiable(production.resource);
        address meter = _meterOf(production.seller, production.resource, production.startHour);
        uint256 units = _measured(meter, production.startHour);
        uint256 id = production.resource.certificateId(meter, production.startHour);
        Hour storage hour = _hourOf(id, meter);
        uint256 spoken = uint256(hour.issued) + hour.pledged;
        if (spoken >= units) revert NothingToIssue(id);

        uint256 amount = units - spoken;
        hour.issued += amount.toUint48();
        emit Issued(id, meter, production.seller, amount);
        _mint(production.seller, id, amount, "");
    }

    function _pledge(uint64 batchNumber, Leaf calldata leaf, bytes32[] calldata proof) private {
        uint256 resource = leaf.instrument.resource();
        uint32 startHour = leaf.instrument.startHour();
        bytes32 leafHash = leaf.leafHash();
        address meter = _settlement.meterAt(leaf.seller, leaf.instrument);
        if (msg.sender != leaf.seller) revert NotTheSeller(msg.sender, leaf.seller);
        if (!resource.isSource()) revert NotCertifiable(resource);
        if (_settlement.slotOf(meter, startHour).reportedAt != 0) revert AlreadyMetered(meter, startHour);
        if (_pledges[leafHash].batchNumber != 0) revert AlreadyPledged(leafHash);
        _settlement.requireInBatch(batchNumber, leafHash, proof);

        uint256 id = resource.certificateId(meter, startHour);
        _pledges[leafHash].batchNumber = batchNumber;
        _hourOf(id, meter).pledged += uint256(leaf.quantity).toUint48();
        emit Pledged(batchNumber, leaf.tradeNumber, id, leaf.buyer, leaf.quantity);
    }

    function _deliverPledged(Leaf calldata leaf) private {
        bytes32 leafHash = leaf.leafHash();
        Pledge memory pledged = _pledges[leafHash];
        if (pledged.batchNumber == 0 || pledged.over) revert NotPledged(leafHash);
        uint64 delivered = _deliveredOf(pledged.batchNumber, leaf, leafHash);

        address meter = _settlement.meterAt(leaf.seller, leaf.instrument);
        uint256 id = leaf.instrument.resource().certificateId(meter, leaf.instrument.startHour());
        _pledges[leafHash].over = true;
        _hours[id].pledged -= uint256(leaf.quantity).toUint48();
        emit PledgeDelivered(leaf.tradeNumber, id, leaf.buyer, delivered);
        if (delivered == 0) return;
        _take(_hours[id], leaf.instrument.startHour(), delivered);
        emit Issued(id, meter, leaf.buyer, delivered);
        _mint(leaf.buyer, id, delivered, "");
    }

    function _retire(address owner, Retirement calldata claim) private {
        uint32 startHour = claim.id.startHour();
        if (claim.beneficiary == address(0)) revert ZeroAddress();
        if (claim.amount == 0) revert NothingToMove();
        if (startHour < claim.periodStart || startHour - claim.periodStart >= claim.periodHours) {
            revert PeriodDoesNotFit(startHour, claim.periodStart, claim.periodHours);
        }
        _burn(msg.sender, owner, claim.id, claim.amount);
        emit Retired(
            claim.id,
            owner,
            claim.beneficiary,
            claim.amount,
            claim.periodStart,
            claim.periodHours,
            claim.place,
            claim.statement
        );
    }

    /// Take `amount` out of what the caller's meter measured of a resource, and return the meter and the hour's id.
    function _certify(uint256 resource, uint32 startHour, uint256 amount) private returns (address meter, uint256 id) {
        meter = _meterOf(msg.sender, resource, startHour);
        id = resource.certificateId(meter, startHour);
        _take(_hourOf(id, meter), startHour, amount);
    }

    /// Count `amount` against what the meter measured. Nothing is counted beyond it.
    function _take(Hour storage hour, uint32 startHour, uint256 amount) private {
        uint256 units = _measured(hour.meter, startHour);
        uint256 issued = hour.issued + amount;
        if (issued > units) revert IssuedBeyondReading(hour.meter, startHour, issued, units);
        hour.issued = issued.toUint48();
    }

    /// Return the ledger of an id, which belongs to the first meter that comes with it.
    function _hourOf(uint256 id, address meter) private returns (Hour storage hour) {
        hour = _hours[id];
        if (hour.meter == address(0)) hour.meter = meter;
        else if (hour.meter != meter) revert DeviceTaken(id, hour.meter);
    }

    function _unlock(Lock calldata terms) private returns (bytes32 lockHash, uint256 amount) {
        lockHash = keccak256(abi.encode(terms));
        amount = _locks[lockHash];
        if (amount == 0) revert NotLocked(lockHash);
        delete _locks[lockHash];
        _locked[terms.owner][terms.id] -= amount;
    }

    function _requireUnlocked(address owner, uint256 id) private view {
        uint256 left = balanceOf(owner, id);
        uint256 locked = _locked[owner][id];
        if (left < locked) revert CertificatesLocked(owner, id, left, locked);
    }

    function _deliveredOf(uint64 batchNumber, Leaf calldata leaf, bytes32 leafHash)
        private
        view
        returns (uint64 delivered)
    {
        bool over;
        (over, delivered) = _settlement.outcomeOf(batchNumber, leaf, leafHash);
        if (!over) revert LeafNotOver(leafHash);
    }

    /// Return the meter that counts for the seller's hour.
    function _meterOf(address seller, uint256 resource, uint32 startHour) private view returns (address meter) {
        meter = _settlement.meterAt(seller, Instruments.oneHour(resource, startHour, 0));
        if (meter == address(0)) revert MeterNotRegistered(seller, resource);
    }

    function _measured(address meter, uint32 startHour) private view returns (uint256) {
        IMetering.Slot memory slot = _settlement.slotOf(meter, startHour);
        if (slot.reportedAt == 0) revert NotMetered(meter, startHour);
        return slot.units;
    }
}
