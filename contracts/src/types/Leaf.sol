// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The terms of one locked trade. A batch stores the Merkle root over its leaves and nothing else about them.
///
/// No two leaves are equal: within one hour of a seller's resource, `soldBefore` grows by each leaf's quantity, which is
/// never zero.
struct Leaf {
    /// Position among the locked trades of the batch, from 0.
    uint32 position;
    uint64 tradeNumber;
    uint256 instrument;
    address buyer;
    address seller;
    /// Price in micros per unit.
    uint64 price;
    /// Quantity in lots.
    uint64 quantity;
    /// Price in micros per unit from which collateral and cover are computed.
    uint64 referencePrice;
    /// Fee in basis points of delivered value, paid by the buyer.
    uint16 feeBps;
    /// Lots already sold of the seller's hour when this trade was locked.
    uint64 soldBefore;
}

/// What a leaf locks, in micros: `payment` and `fee` of the buyer, `collateral` of the seller.
struct Amounts {
    uint256 payment;
    uint256 fee;
    uint256 collateral;
}

/// Return the hash of the leaf. Its preimage is 320 bytes, an inner node's 64: one cannot pass for the other.
///
/// Assembly, because in memory a struct of words stands as `abi.encode` would write it again.
function leafHash(Leaf memory leaf) pure returns (bytes32 hash) {
    assembly ("memory-safe") {
        hash := keccak256(leaf, 0x140)
    }
}

using {leafHash} for Leaf global;
