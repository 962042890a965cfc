// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Custody} from "./Custody.sol";
import {Guarantee} from "./Guarantee.sol";
import {Locking} from "./Locking.sol";
import {Operated} from "./Operated.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Column, newColumn} from "./libraries/Columns.sol";
import {Instruments} from "./libraries/Instruments.sol";
import {Merkle} from "./libraries/Merkle.sol";
import {Money} from "./libraries/Money.sol";
import {PackedBatch} from "./libraries/PackedBatch.sol";
import {PackedLeaf, PackedLeaves} from "./libraries/PackedLeaves.sol";
import {ProRata} from "./libraries/ProRata.sol";
import {Amounts, Leaf} from "./types/Leaf.sol";
import {Reading} from "./types/Reading.sol";
import {Terms, termsOf} from "./types/Terms.sol";

/// Lock trades in batches, release what was delivered, and let the guarantee share out what was not.
contract Settlement is Locking {
    using Instruments for uint256;
    using Money for Leaf;
    using PackedBatch for PackedBatch.Tables;
    using PackedLeaves for PackedLeaves.Tables;

    /// What a delivery adds up for a participant: what is no longer locked, and what is free instead.
    struct Release {
        uint256 unlocked;
        uint256 earned;
    }

    /// A batch while it is being delivered.
    struct Delivery {
        PackedLeaves.Tables tables;
        Terms[] terms;
        Release[] releases;
        /// Per supply: what its slot says, and the lots of the leaves released now.
        Slot[] slots;
        uint256[] lots;
        uint256 fees;
    }

    /// @inheritdoc ISettlement
    address public immutable feeRecipient;
    /// @inheritdoc ISettlement
    uint64 public immutable readingWindow;
    /// @inheritdoc ISettlement
    address public immutable guarantee;

    uint64 private _lastBatch;
    mapping(uint64 batchNumber => bytes32) private _roots;
    mapping(uint64 batchNumber => uint256 bitmap) private _marked;
    mapping(bytes32 leafHash => bool) private _open;

    modifier onlyGuarantee() {
        if (msg.sender != guarantee) revert NotGuarantee(msg.sender);
        _;
    }

    /// Deploy the settlement and, with it, its guarantee. Nothing here can be changed afterwards; times are seconds.
    constructor(
        address token_,
        address operator_,
        address feeRecipient_,
        uint64 noticePeriod_,
        uint64 readingWindow_,
        uint64 challengeWindow_
    ) Operated(operator_) Custody(token_, noticePeriod_) {
        if (feeRecipient_ == address(0)) revert ZeroAddress();
        feeRecipient = feeRecipient_;
        readingWindow = readingWindow_;
        guarantee = address(new Guarantee(this, challengeWindow_));
    }

    /// @inheritdoc ISettlement
    function settleBatch(uint64 batchNumber, bytes32 recordHash, uint16 feeBps, bytes calldata packed)
        external
        onlyOperator
    {
        if (batchNumber != 0 && batchNumber <= _lastBatch) {
            emit BatchRepeated(batchNumber);
            return;
        }
        if (batchNumber != _lastBatch + 1) revert BatchOutOfSequence(_lastBatch + 1, batchNumber);
        if (feeBps > Money.BPS_ONE) revert FeeTooHigh(feeBps, uint16(Money.BPS_ONE));

        Batch memory batch = _lockBatch(batchNumber, feeBps, packed);
        bytes32 root = Merkle.root(batch.leafHashes, batch.locked);
        _lastBatch = batchNumber;
        _roots[batchNumber] = root;
        if (batch.locked != 0) emit TradesLocked(batchNumber, _packLeaves(batch, feeBps, packed));
        emit BatchSettled(batchNumber, recordHash, root, batch.locked, feeBps);
    }

    /// @inheritdoc ISettlement
    function deliverBatch(uint64 batchNumber, bytes calldata packedLeaves, uint256 which, Reading[] calldata readings)
        external
    {
        _report(readings);
        Delivery memory delivery;
        delivery.tables = PackedLeaves.tablesOf(packedLeaves);
        _readTables(delivery);
        _requireWholeBatch(batchNumber, delivery);

        uint256 candidates = which & ~_marked[batchNumber];
        uint256 released = 0;
        for (uint256 i = 0; i < delivery.tables.leafCount; ++i) {
            if (candidates >> i & 1 == 1 && _releaseIfDelivered(delivery, delivery.tables.leafAt(i))) {
                released |= 1 << i;
            }
        }
        _marked[batchNumber] |= released;
        _writeReleases(delivery);
        emit BatchDelivered(batchNumber, released);
    }

    /// @inheritdoc ISettlement
    function openLeaf(uint64 batchNumber, Leaf calldata leaf, bytes32[] calldata proof)
        external
        onlyGuarantee
        returns (uint64 delivered, bool hadReading)
    {
        bytes32 hash = leaf.leafHash();
        bytes32 root = Merkle.rootFromProof(hash, proof);
        if (root != _roots[batchNumber]) revert NotTheBatch(batchNumber, _roots[batchNumber], root);
        uint256 bit = 1 << leaf.position;
        if (_marked[batchNumber] & bit != 0) revert LeafAlreadyMarked(batchNumber, leaf.position);

        uint64 reportedAt;
        (delivered, reportedAt) = _deliveredOf(leaf);
        hadReading = reportedAt != 0;
        uint256 deadline = _endOf(leaf.instrument.startHour()) + readingWindow;
        bool short = hadReading ? delivered < leaf.quantity : block.timestamp > deadline;
        if (!short) revert LeafNotShort(hash, deadline);

        _marked[batchNumber] |= bit;
        _open[hash] = true;
        emit LeafOpened(batchNumber, leaf.position, hash);
    }

    /// @inheritdoc ISettlement
    function redistribute(Leaf calldata leaf, Payout calldata payout) external onlyGuarantee {
        bytes32 hash = leaf.leafHash();
        if (!_open[hash]) revert LeafNotOpen(hash);
        Amounts memory locked = leaf.amounts();
        uint256 fromBuyer = locked.payment + locked.fee;
        uint256 spent = payout.toSeller + payout.fee;
        if (spent > fromBuyer || payout.compensation > locked.collateral) revert PayoutBeyondLock(hash);

        delete _open[hash];
        _allot(leaf.meter, leaf.instrument.startHour(), payout.delivered);
        uint256 toBuyer = fromBuyer - spent + payout.compensation;
        _unlock(leaf.buyer, fromBuyer, toBuyer);
        _unlock(leaf.seller, locked.collateral, payout.toSeller + locked.collateral - payout.compensation);
        _unlock(feeRecipient, 0, payout.fee);
        emit LeafRedistributed(hash, payout.toSeller, payout.fee, toBuyer);
    }

    /// @inheritdoc ISettlement
    function amountsOf(Leaf calldata leaf) external pure returns (Amounts memory) {
        return leaf.amounts();
    }

    /// @inheritdoc ISettlement
    function deliveredOf(Leaf calldata leaf) external view returns (uint64 delivered, uint64 reportedAt) {
        return _deliveredOf(leaf);
    }

    /// @inheritdoc ISettlement
    function lastBatch() external view returns (uint64) {
        return _lastBatch;
    }

    /// @inheritdoc ISettlement
    function batchRoot(uint64 batchNumber) external view returns (bytes32) {
        return _roots[batchNumber];
    }

    /// @inheritdoc ISettlement
    function markedOf(uint64 batchNumber) external view returns (uint256) {
        return _marked[batchNumber];
    }

    /// Return what `TradesLocked` tells of a batch.
    function _packLeaves(Batch memory batch, uint16 feeBps, bytes calldata packed) private pure returns (bytes memory) {
        return PackedLeaves.pack(
            feeBps,
            uint64(batch.tables.firstTradeNumber),
            batch.tables.participantsOf(packed),
            batch.tables.termsTableOf(packed),
            batch.supplies.toArray(batch.supplyCount),
            batch.packedLeaves.toArray(batch.locked)
        );
    }

    function _readTables(Delivery memory delivery) private view {
        PackedLeaves.Tables memory tables = delivery.tables;
        delivery.releases = new Release[](tables.participantCount);
        delivery.terms = new Terms[](tables.termsCount);
        for (uint256 i = 0; i < tables.termsCount; ++i) {
            (uint256 instrument, uint256 referencePrice) = tables.termsAt(i);
            delivery.terms[i] = termsOf(instrument, referencePrice);
        }
        delivery.lots = new uint256[](tables.supplyCount);
        delivery.slots = new Slot[](tables.supplyCount);
        for (uint256 i = 0; i < tables.supplyCount; ++i) {
            (address meter, uint32 startHour) = tables.supplyAt(i);
            delivery.slots[i] = _slotAt(meter, startHour);
        }
    }

    /// Require that the leaves are those of the batch, all of them, in their places.
    function _requireWholeBatch(uint64 batchNumber, Delivery memory delivery) private view {
        PackedLeaves.Tables memory tables = delivery.tables;
        uint256 count = tables.leafCount;
        Column hashes = newColumn(count);
        Leaf memory leaf;
        for (uint256 i = 0; i < count; ++i) {
            _unpackLeaf(delivery, i, leaf);
            hashes.put(i, uint256(leaf.leafHash()));
        }
        bytes32 root = Merkle.root(hashes, count);
        if (root == 0 || root != _roots[batchNumber]) revert NotTheBatch(batchNumber, _roots[batchNumber], root);
    }

    /// Write out the leaf at a place. Its supply must be of its hour, or its slot would be another one.
    function _unpackLeaf(Delivery memory delivery, uint256 place, Leaf memory leaf) private pure {
        PackedLeaves.Tables memory tables = delivery.tables;
        PackedLeaf packed = tables.leafAt(place);
        Terms memory terms = delivery.terms[packed.leafTermsIndex()];
        uint32 startHour;
        leaf.position = uint32(place);
        leaf.tradeNumber = uint64(tables.firstTradeNumber + packed.leafTradeOffset());
        leaf.instrument = terms.instrument;
        leaf.buyer = tables.participantAt(packed.buyerIndex());
        leaf.seller = tables.participantAt(packed.sellerIndex());
        (leaf.meter, startHour) = tables.supplyAt(packed.supplyIndex());
        leaf.price = uint64(packed.leafPrice());
        leaf.quantity = uint64(packed.leafQuantity());
        leaf.referencePrice = uint64(terms.referencePrice);
        leaf.feeBps = uint16(tables.feeBps);
        leaf.soldBefore = uint64(packed.leafSoldBefore());
        if (startHour != terms.instrument.startHour()) revert PackedLeaves.LeavesMalformed();
    }

    /// Add up what a leaf releases, if the reading covers all of it.
    function _releaseIfDelivered(Delivery memory delivery, PackedLeaf leaf) private pure returns (bool) {
        Slot memory slot = delivery.slots[leaf.supplyIndex()];
        uint256 quantity = leaf.leafQuantity();
        if (slot.reportedAt == 0) return false;
        if (ProRata.delivered(slot.units, slot.sold, leaf.leafSoldBefore(), quantity) < quantity) return false;

        (uint256 payment, uint256 fee, uint256 collateral) =
            Money.amounts(delivery.terms[leaf.leafTermsIndex()], leaf.leafPrice(), quantity, delivery.tables.feeBps);
        delivery.releases[leaf.buyerIndex()].unlocked += payment + fee;
        Release memory seller = delivery.releases[leaf.sellerIndex()];
        seller.unlocked += collateral;
        seller.earned += collateral + payment;
        delivery.lots[leaf.supplyIndex()] += quantity;
        delivery.fees += fee;
        return true;
    }

    /// Write the sums. Each is added to what is stored, so a table that names somebody twice does no harm.
    function _writeReleases(Delivery memory delivery) private {
        PackedLeaves.Tables memory tables = delivery.tables;
        for (uint256 i = 0; i < tables.participantCount; ++i) {
            Release memory release = delivery.releases[i];
            if (release.unlocked == 0 && release.earned == 0) continue;
            _unlock(tables.participantAt(i), release.unlocked, release.earned);
        }
        for (uint256 i = 0; i < tables.supplyCount; ++i) {
            if (delivery.lots[i] == 0) continue;
            (address meter, uint32 startHour) = tables.supplyAt(i);
            _allot(meter, startHour, delivery.lots[i]);
        }
        if (delivery.fees != 0) _unlock(feeRecipient, 0, delivery.fees);
    }
}
