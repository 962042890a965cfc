// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The one signed form: what a participant is willing to trade, at worst. Twin of `OrderTerms` in `market/orders.py`.
struct Order {
    /// Who signed: an account with a key, or an EIP-1271 wallet.
    address participant;
    /// The packed 256-bit instrument id, see `Instruments`.
    uint256 instrument;
    /// 0 buys, 1 sells.
    uint8 side;
    /// Worst price, in micros per unit: the highest for a bid, the lowest for an offer.
    uint64 price;
    /// Most that may trade, in lots, over all fills together.
    uint64 quantity;
    /// Last moment at which it may match, Unix seconds. Kept by the exchange and proved by the audit, not checked here.
    uint64 goodUntil;
    /// Last moment at which a fill of it may be locked, Unix seconds. Nothing else keeps the operator from locking
    /// after the delivery hour, when an offer could only be breached: the chain's clock may run ahead of the market's.
    uint64 settleUntil;
    /// Highest fee that a bid pays, in basis points of delivered value. An offer pays none.
    uint16 feeCapBps;
    /// Price per unit, in micros, from which collateral and cover are computed.
    uint64 referencePrice;
    /// The participant's own number, which makes otherwise equal orders differ and under which fills are counted.
    uint64 clientOrderId;
}

/// An order as EIP-712 hashes it: the hash of its type, then its fields, a word each.
struct TypedOrder {
    bytes32 typeHash;
    address participant;
    uint256 instrument;
    uint256 side;
    uint256 price;
    uint256 quantity;
    uint256 goodUntil;
    uint256 settleUntil;
    uint256 feeCapBps;
    uint256 referencePrice;
    uint256 clientOrderId;
}

uint8 constant BUY = 0;
uint8 constant SELL = 1;

// `keccak256` of the EIP-712 type of `Order`.
bytes32 constant ORDER_TYPEHASH = keccak256(
    "Order(address participant,uint256 instrument,uint8 side,uint64 price,uint64 quantity,uint64 goodUntil,uint64 settleUntil,uint16 feeCapBps,uint64 referencePrice,uint64 clientOrderId)"
);

/// Return the EIP-712 struct hash: every field is one word, so the ABI encoding is the EIP-712 encoding.
function structHash(Order calldata order) pure returns (bytes32) {
    return keccak256(abi.encode(ORDER_TYPEHASH, order));
}

/// Return the EIP-712 digest of an order that stands in memory as it is hashed.
///
/// Assembly, because `abi.encode` would copy the eleven words for each order of a batch.
function digest(TypedOrder memory order, bytes32 domainSeparator) pure returns (bytes32 hash) {
    assembly ("memory-safe") {
        let end := mload(0x40)
        mstore(end, hex"1901")
        mstore(add(end, 0x02), domainSeparator)
        mstore(add(end, 0x22), keccak256(order, 0x160))
        hash := keccak256(end, 0x42)
    }
}

using {structHash} for Order global;
using {digest} for TypedOrder global;
