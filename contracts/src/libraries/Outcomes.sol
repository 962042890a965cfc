// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGuarantee} from "../interfaces/IGuarantee.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Leaf} from "../types/Leaf.sol";
import {Merkle} from "./Merkle.sol";

/// What became of a locked trade, read from the public views of the settlement and its guarantee.
///
/// The one place outside of those two that knows the life of a leaf.
library Outcomes {
    /// Revert unless the proof leads from the leaf to the root of the batch.
    function requireInBatch(ISettlement settlement, uint64 batchNumber, bytes32 leafHash, bytes32[] calldata proof)
        internal
        view
    {
        bytes32 root = settlement.batchRoot(batchNumber);
        bytes32 found = Merkle.rootFromProof(leafHash, proof);
        if (found != root) revert ISettlement.NotTheBatch(batchNumber, root, found);
    }

    /// Return whether a leaf of the batch is over, and how many of its lots were delivered.
    ///
    /// Not marked: still locked. Marked and never opened: released, which happens to full deliveries alone. Opened: over
    /// when it was paid out, for what had been read by the end of the challenge window. The guarantee does not keep what
    /// it paid for: if payout and reading share the window's last second and the payout came first, nothing was paid for,
    /// and this tells what the reading says.
    function outcomeOf(ISettlement settlement, uint64 batchNumber, Leaf calldata leaf, bytes32 leafHash)
        internal
        view
        returns (bool over, uint64 delivered)
    {
        if (settlement.markedOf(batchNumber) >> leaf.position & 1 == 0) return (false, 0);
        IGuarantee guarantee = IGuarantee(settlement.guarantee());
        IGuarantee.State memory state = guarantee.stateOf(leafHash);
        if (state.status == IGuarantee.Status.None) return (true, leaf.quantity);
        if (state.status == IGuarantee.Status.Open) return (false, 0);
        uint64 reportedAt;
        (delivered, reportedAt) = settlement.deliveredOf(leaf);
        if (reportedAt > uint256(state.openedAt) + guarantee.challengeWindow()) delivered = 0;
        return (true, delivered);
    }
}
