// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Collateral rates and compensation ladders of the quality tiers Q0 to Q4, in parts per million.
/// Twin of `market/quality.py`, which says where each number comes from.
library Tiers {
    uint256 internal constant PPM_ONE = 1_000_000;

    error TierUnknown(uint256 tier);

    /// Return the collateral as a share of the reference price.
    function collateralRate(uint256 tier) internal pure returns (uint256) {
        if (tier == 0) return 50_000;
        if (tier == 1) return 100_000;
        if (tier == 2) return 200_000;
        if (tier == 3) return 300_000;
        if (tier == 4) return 500_000;
        revert TierUnknown(tier);
    }

    /// Return the credit for a delivery, as a share of the contract's whole price.
    function credit(uint256 tier, uint256 delivered, uint256 contracted) internal pure returns (uint256) {
        uint256 share = delivered * PPM_ONE;
        if (tier == 0) return 0;
        if (tier == 1) {
            if (share < 800_000 * contracted) return 1_000_000;
            return share < 950_000 * contracted ? 100_000 : 0;
        }
        if (share < 950_000 * contracted) return 1_000_000;
        if (tier == 2) {
            if (share < 990_000 * contracted) return 300_000;
            return share < 995_000 * contracted ? 100_000 : 0;
        }
        if (tier == 3) {
            if (share < 990_000 * contracted) return 250_000;
            return share < 999_000 * contracted ? 100_000 : 0;
        }
        if (tier == 4) {
            if (share < 990_000 * contracted) return 300_000;
            return share < 999_900 * contracted ? 100_000 : 0;
        }
        revert TierUnknown(tier);
    }
}
