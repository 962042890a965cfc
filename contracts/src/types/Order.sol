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
    /// The participant's own number, which makes otherwise equal orders differ.
    uint64 clientOrderId;
}

/// A part of two orders that traded. `buy` and `sell` are positions in the batch's list of orders.
struct Fill {
    uint32 buy;
    uint32 sell;
    /// The exchange's number of the trade; grows within a batch.
    uint64 tradeNumber;
    /// Price in micros per unit, within both limits.
    uint64 price;
    /// Quantity in lots.
    uint64 quantity;
}

uint8 constant BUY = 0;
uint8 constant SELL = 1;

// `keccak256` of the EIP-712 type of `Order`.
bytes32 constant ORDER_TYPEHASH = keccak256(
    "Order(address participant,uint256 instrument,uint8 side,uint64 price,uint64 quantity,uint64 goodUntil,uint64 settleUntil,uint16 feeCapBps,uint64 referencePrice,uint64 clientOrderId)"
);

/// Return the EIP-712 struct hash: every field is one word, so the ABI encoding is the EIP-712 encoding.
///
/// Hashed where it stands, in assembly: encoding it anew would cost more than all checks of a trade together. A field
/// with stray high bits gives a hash that nobody signed, and reverts where the field is read.
function structHash(Order calldata order) pure returns (bytes32 hash) {
    bytes32 typehash = ORDER_TYPEHASH;
    assembly ("memory-safe") {
        let start := mload(0x40)
        mstore(start, typehash)
        calldatacopy(add(start, 0x20), order, 0x140)
        hash := keccak256(start, 0x160)
    }
}

using {structHash} for Order global;
