// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The words that stand in an order for several instruments. Twin of `market/requirements.py` and `market/legs.py`.
///
/// A commitment is the root of a Merkle tree over SHA-256 whose first byte is replaced by a tag, which no instrument id
/// begins with (they begin with their version). The first bytes of what is hashed keep leaves of sets, leaves of legs and
/// inner nodes apart. A pair is hashed in sorted order; the odd node of a level moves up as it is.
library Commitments {
    uint256 internal constant SET = 0xFF;
    uint256 internal constant LEGS = 0xFE;
    bytes1 private constant SET_LEAF = 0x00;
    bytes1 private constant NODE = 0x01;
    bytes1 private constant LEGS_LEAF = 0x02;

    /// Return what a word of an order commits to: `SET`, `LEGS`, or else a single instrument.
    function kindOf(uint256 word) internal pure returns (uint256) {
        return word >> 248;
    }

    function setLeaf(uint256 instrument, int256 adjustment) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(SET_LEAF, instrument, adjustment));
    }

    function legsLeaf(uint256 instrument, uint256 lotsPerBundle, uint256 referenceLeast)
        internal
        pure
        returns (bytes32)
    {
        return sha256(abi.encodePacked(LEGS_LEAF, instrument, lotsPerBundle, referenceLeast));
    }

    /// Return the commitment to a set that a leaf and its proof (siblings from the bottom up) lead to.
    function ofSet(bytes32 leaf, bytes32[] calldata proof) internal pure returns (uint256) {
        for (uint256 i = 0; i < proof.length; ++i) {
            leaf = _nodeHash(leaf, proof[i]);
        }
        return _tagged(SET, leaf);
    }

    /// Return the commitment to legs, of which there is one at least. Overwrites `nodes`.
    function ofLegs(bytes32[] memory nodes) internal pure returns (uint256) {
        uint256 count = nodes.length;
        while (count > 1) {
            for (uint256 i = 0; i < count / 2; ++i) {
                nodes[i] = _nodeHash(nodes[2 * i], nodes[2 * i + 1]);
            }
            if (count % 2 == 1) nodes[count / 2] = nodes[count - 1];
            count = (count + 1) / 2;
        }
        return _tagged(LEGS, nodes[0]);
    }

    function _nodeHash(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? sha256(abi.encodePacked(NODE, a, b)) : sha256(abi.encodePacked(NODE, b, a));
    }

    function _tagged(uint256 tag, bytes32 root) private pure returns (uint256) {
        return tag << 248 | uint256(root) & (1 << 248) - 1;
    }
}
