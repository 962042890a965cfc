// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGuarantee} from "../interfaces/IGuarantee.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Leaf} from "../types/Leaf.sol";
import {Stage} from "../types/Stage.sol";
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

    /// Return whether a leaf of the batch is over, and how many lots of its meter's reading it was given.
    ///
    /// Not marked: still locked. Marked and never opened: released, which happens to full deliveries alone. Opened: over
    /// when the guarantee is closed, for what was allotted; lots that were ruled delivered beyond the reading, or came
    /// from a fallback supplier, are not the meter's and do not count here.
    function outcomeOf(ISettlement settlement, uint64 batchNumber, Leaf calldata leaf, bytes32 leafHash)
        internal
        view
        returns (bool over, uint64 delivered)
    {
        if (settlement.markedOf(batchNumber) >> leaf.position & 1 == 0) return (false, 0);
        IGuarantee.State memory state = IGuarantee(settlement.guarantee()).stateOf(leafHash);
        if (state.stage == Stage.None) return (true, leaf.quantity);
        return (state.stage == Stage.Closed, state.allotted);
    }
}
