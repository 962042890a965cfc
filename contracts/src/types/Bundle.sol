// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Order} from "./Order.sol";

/// Trades of one buyer that are locked together or not at all. Its bid's `instrument` is a commitment, see `Commitments`:
///
/// To a *set* of instruments, any of which would do. `price` is the worst price per unit for each; where the buyer values
/// an instrument less (an adjustment below zero), it is lower by that. `quantity` counts lots over all parts, and
/// `referencePrice` is the least that a part's collateral may be computed from.
///
/// To *legs*, all of which are wanted, so many lots of each for a bundle. `quantity` counts thousandths of a bundle, and
/// `price` is the worst total of a whole bundle, in micros. Each leg names its own least reference price; the bid's means
/// nothing.
struct Bundle {
    Order bid;
    bytes signature;
    /// What is filled of the bid: lots of a set, thousandths of a bundle of legs.
    uint64 quantity;
    /// Fills of any instruments of the set, or one for each leg, in the sequence in which the legs were committed to.
    Part[] parts;
}

/// A fill of a bundle by one seller's offer, which is an ordinary order.
struct Part {
    Order offer;
    bytes signature;
    /// The exchange's number of the trade.
    uint64 tradeNumber;
    /// Price in micros per unit.
    uint64 price;
    /// Quantity in lots.
    uint64 quantity;
    /// Of a set: what the instrument is worth more to the buyer, in micros per unit.
    int128 adjustment;
    /// Of a set: what leads from the instrument and its adjustment to the commitment.
    bytes32[] proof;
    /// Of a leg: the lots in one bundle.
    uint64 lotsPerBundle;
    /// Of a leg: the least reference price.
    uint64 referenceLeast;
}
