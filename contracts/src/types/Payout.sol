// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// How what a trade locked is shared out, in micros. What is left of the collateral is the seller's again.
struct Payout {
    /// For the lots that the seller delivered.
    uint256 paidToSeller;
    uint256 fee;
    /// The strike for the lots that a fallback supplier delivered, `gap` included.
    uint256 paidToFallback;
    /// What the strike is above the price of the trade: out of the collateral.
    uint256 gap;
    /// What the buyer locked and does not owe.
    uint256 returnedToBuyer;
    /// What the buyer gets on top, out of the collateral.
    uint256 compensation;
}
