// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Column} from "./Columns.sol";

/// A Merkle tree whose pairs are hashed in sorted order; the odd node of a level moves up as it is.
///
/// Sorting lets a proof do without directions. It also lets neighbours be swapped without changing the root, which is
/// why a leaf carries its own position.
library Merkle {
    /// Return the root over the first `count` hashes, or 0 if there are none. Overwrites `nodes`.
    function root(Column nodes, uint256 count) internal pure returns (bytes32) {
        if (count == 0) return 0;
        unchecked {
            while (count > 1) {
                uint256 pairs = count / 2;
                for (uint256 i = 0; i < pairs; ++i) {
                    nodes.put(i, uint256(pairHash(bytes32(nodes.get(2 * i)), bytes32(nodes.get(2 * i + 1)))));
                }
                if (count % 2 == 1) nodes.put(pairs, nodes.get(count - 1));
                count -= pairs;
            }
        }
        return bytes32(nodes.get(0));
    }

    /// Return the root that a leaf and its proof (siblings from the bottom up) lead to.
    function rootFromProof(bytes32 leaf, bytes32[] calldata proof) internal pure returns (bytes32 node) {
        node = leaf;
        for (uint256 i = 0; i < proof.length; ++i) {
            node = pairHash(node, proof[i]);
        }
    }

    /// Hash two nodes in sorted order, in the two words that Solidity keeps for this.
    function pairHash(bytes32 a, bytes32 b) internal pure returns (bytes32 hash) {
        (a, b) = a < b ? (a, b) : (b, a);
        assembly ("memory-safe") {
            mstore(0x00, a)
            mstore(0x20, b)
            hash := keccak256(0x00, 0x40)
        }
    }
}
