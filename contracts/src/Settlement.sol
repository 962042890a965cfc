// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Custody} from "./Custody.sol";
import {Escrow} from "./Escrow.sol";
import {Locking} from "./Locking.sol";
import {Operated} from "./Operated.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Bundles} from "./libraries/Bundles.sol";
import {Deliveries} from "./libraries/Deliveries.sol";
import {Merkle} from "./libraries/Merkle.sol";
import {Money} from "./libraries/Money.sol";
import {Amounts, Leaf} from "./types/Leaf.sol";
import {Reading} from "./types/Reading.sol";

/// Lock trades in batches, release what was delivered, and let the modules keep and share out what is in trouble.
contract Settlement is Locking, Escrow {
    /// @inheritdoc ISettlement
    address public immutable guardian;
    /// @inheritdoc ISettlement
    address public immutable feeRecipient;
    /// @inheritdoc ISettlement
    uint64 public immutable readingWindow;
    /// @inheritdoc ISettlement
    address public immutable guarantee;

    uint64 private _lastBatch;
    bool private _paused;
    mapping(uint64 batchNumber => bytes32) private _roots;
    mapping(uint64 batchNumber => uint256 bitmap) private _marked;

    modifier onlyGuarantee() {
        if (msg.sender != guarantee) revert NotGuarantee(msg.sender);
        _;
    }

    modifier onlyGuardian() {
        _requireGuardian();
        _;
    }

    /// Deploy the settlement for modules that know it already. Nothing here can be changed afterwards.
    constructor(Setup memory setup)
        Operated(setup.operator)
        Custody(setup.token, setup.noticePeriod)
        Escrow(setup.modules)
    {
        if (setup.guardian == address(0) || setup.feeRecipient == address(0)) {
            revert ZeroAddress();
        }
        if (setup.modules.length == 0) revert NotModule(address(0));
        guardian = setup.guardian;
        feeRecipient = setup.feeRecipient;
        readingWindow = setup.readingWindow;
        guarantee = setup.modules[0];
    }

    /// @inheritdoc ISettlement
    function settleBatch(uint64 batchNumber, bytes32 recordHash, uint16 feeBps, bytes calldata packed)
        external
        onlyOperator
    {
        if (!_isNext(batchNumber, feeBps)) return;
        Batch memory batch = _lockBatch(batchNumber, feeBps, packed);
        bytes32 root = Merkle.root(batch.leafHashes, batch.locked);
        if (batch.locked != 0) batch.told.emitLocked(batchNumber, batch.locked);
        _keepRoot(batchNumber, recordHash, root, batch.locked, feeBps);
    }

    /// @inheritdoc ISettlement
    function settleBundles(uint64 batchNumber, bytes32 recordHash, uint16 feeBps, bytes calldata bundles)
        external
        onlyOperator
    {
        if (!_isNext(batchNumber, feeBps)) return;
        (bytes32 root, uint256 locked) = Bundles.settle(_allBooks(), batchNumber, feeBps, _domainSeparator(), bundles);
        _keepRoot(batchNumber, recordHash, root, locked, feeBps);
    }

    /// @inheritdoc ISettlement
    function deliverBatch(uint64 batchNumber, bytes calldata packedLeaves, uint256 which, Reading[] calldata readings)
        external
    {
        _report(readings);
        uint256 marked = _marked[batchNumber];
        uint256 released = Deliveries.release(
            _allBooks(), batchNumber, _roots[batchNumber], feeRecipient, which & ~marked, packedLeaves
        );
        _marked[batchNumber] = marked | released;
        emit BatchDelivered(batchNumber, released);
    }

    /// @inheritdoc ISettlement
    function openLeaf(uint64 batchNumber, Leaf calldata leaf, bytes32[] calldata proof)
        external
        onlyGuarantee
        returns (uint64 delivered, bool hadReading)
    {
        uint256 marked = _marked[batchNumber];
        uint256 bit = 1 << leaf.position;
        if (marked & bit != 0) revert LeafAlreadyMarked(batchNumber, leaf.position);
        Deliveries.Short memory short =
            Deliveries.open(_allBooks(), batchNumber, _roots[batchNumber], readingWindow, leaf, proof);
        _marked[batchNumber] = marked | bit;
        _keep(guarantee, short.leafHash, leaf.buyer, short.fromBuyer);
        _keep(guarantee, short.leafHash, leaf.seller, short.fromSeller);
        emit LeafOpened(batchNumber, leaf.position, short.leafHash);
        return (short.delivered, short.hadReading);
    }

    /// @inheritdoc ISettlement
    function reserve(address seller, uint256 instrument, uint64 quantity)
        external
        onlyModule
        returns (address meter, uint64 soldBefore)
    {
        return _reserve(seller, instrument, quantity);
    }

    /// @inheritdoc ISettlement
    function allot(address seller, uint256 instrument, uint64 delivered) external onlyModule {
        _allot(seller, instrument, delivered);
    }

    /// @inheritdoc ISettlement
    function pauseBatches() external onlyGuardian {
        _paused = true;
        emit BatchesPaused();
    }

    /// @inheritdoc ISettlement
    function resumeBatches() external onlyGuardian {
        _paused = false;
        emit BatchesResumed();
    }

    /// @inheritdoc ISettlement
    function amountsOf(Leaf calldata leaf) external pure returns (Amounts memory) {
        return Deliveries.amountsOf(leaf);
    }

    /// @inheritdoc ISettlement
    function deliveredOf(Leaf calldata leaf) external view returns (uint64 delivered, uint64 reportedAt) {
        return Deliveries.deliveredOf(_allBooks(), leaf);
    }

    /// @inheritdoc ISettlement
    function batchesPaused() external view returns (bool) {
        return _paused;
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

    function _requireGuardian() private view {
        if (msg.sender != guardian) revert NotGuardian(msg.sender);
    }

    /// Return whether a batch may be locked now; tell of one that was locked before.
    function _isNext(uint64 batchNumber, uint16 feeBps) private returns (bool) {
        if (_paused) revert BatchesArePaused();
        uint64 next = _lastBatch + 1;
        if (batchNumber != 0 && batchNumber < next) {
            emit BatchRepeated(batchNumber);
            return false;
        }
        if (batchNumber != next) revert BatchOutOfSequence(next, batchNumber);
        if (feeBps > Money.BPS_ONE) revert FeeTooHigh(feeBps, uint16(Money.BPS_ONE));
        return true;
    }

    function _keepRoot(uint64 batchNumber, bytes32 recordHash, bytes32 root, uint256 locked, uint16 feeBps) private {
        _lastBatch = batchNumber;
        _roots[batchNumber] = root;
        emit BatchSettled(batchNumber, recordHash, root, locked, feeBps);
    }
}
