// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ExecutionTerms} from "../types/ExecutionTerms.sol";
import {Money} from "./Money.sol";

/// What a period of a long-term agreement came to.
struct Delivery {
    /// Lots that were promised.
    uint256 contracted;
    /// Lots that the seller delivered, or with take-or-pay made available; at most what was promised.
    uint256 available;
    /// Lots that the buyer took; at most what was available.
    uint256 taken;
    /// Lots of what is missing that force majeure excuses.
    uint256 excused;
    /// What replacing a unit costs, in micros; 0 if nobody proved a price.
    uint256 replacement;
    /// Certificates (Wh) that came with it.
    uint256 certificates;
}

/// What both sides have locked for a period, in micros.
struct Stakes {
    uint256 buyer;
    uint256 seller;
}

/// What a period moves, in micros: `toSeller` and `fee` out of the buyer's stake, `toBuyer` out of the seller's.
struct Payout {
    uint256 toSeller;
    uint256 fee;
    uint256 toBuyer;
}

/// What a period of a long-term agreement pays. Twin of `contracts/long_term.py`.
///
/// Undelivered lots are never paid. All divisions round down: payment and fee in favour of the buyer, compensation in
/// favour of the seller. Nothing overflows: a price times lots is below 2^128, and shares have 32 bits.
library Periods {
    uint256 internal constant PPM_ONE = 1_000_000;
    uint256 private constant CERTIFICATES_PER_PRICE = 1000;

    /// Return the lots promised for a period.
    function contracted(ExecutionTerms memory terms, uint256 period) internal pure returns (uint256) {
        return period < terms.quantities.length ? terms.quantities[period] : 0;
    }

    /// Return what two meters say together.
    ///
    /// Without take-or-pay the lower of the two is what was delivered. With it, the first says what was available and
    /// the second how much of that was taken. Where the second is silent the first counts alone.
    function measured(ExecutionTerms memory terms, uint256 promised, uint256 metered, uint256 checked)
        internal
        pure
        returns (uint256 available, uint256 taken)
    {
        available = min(metered, promised);
        taken = min(available, checked);
        if (terms.takeOrPay == 0) available = taken;
    }

    /// Return the lots that are paid: what was taken, or what take-or-pay asks of what was available.
    function paid(ExecutionTerms memory terms, Delivery memory delivery) internal pure returns (uint256) {
        uint256 least = delivery.contracted * terms.takeOrPay / PPM_ONE;
        return max(delivery.taken, min(delivery.available, least));
    }

    /// Return the ladder's credit for a delivered share, in parts per million.
    function credit(ExecutionTerms memory terms, uint256 delivered, uint256 promised) internal pure returns (uint256) {
        uint256 share = 0;
        for (uint256 i = 0; i < terms.ladder.length; ++i) {
            if (delivered * PPM_ONE < terms.ladder[i].below * promised) share = terms.ladder[i].credit;
        }
        return share;
    }

    /// Return what a whole period costs.
    function worth(ExecutionTerms memory terms, uint256 promised) internal pure returns (uint256) {
        return Money.value(terms.instrument, terms.price, promised);
    }

    /// Return what a claim about a period costs whom the arbiter does not follow, in micros: never nothing.
    function bond(ExecutionTerms memory terms, uint256 promised) internal pure returns (uint256) {
        uint256 share = worth(terms, promised) * terms.bondRate / PPM_ONE;
        return max(1, min(share, type(uint128).max));
    }

    /// Return what the buyer is owed for a delivery, whatever the seller has locked.
    ///
    /// The higher of cover (replacing what is missing, beyond the price) and credit (a share of the period's price),
    /// and the missing certificates on top. Excused lots count as delivered for both, and stay unpaid.
    function owed(ExecutionTerms memory terms, Delivery memory delivery) internal pure returns (uint256) {
        uint256 spared = delivery.available + delivery.excused;
        uint256 dearer = delivery.replacement > terms.price ? delivery.replacement - terms.price : 0;
        uint256 cover = Money.value(terms.instrument, dearer, delivery.contracted - spared);
        uint256 share = credit(terms, spared, delivery.contracted);
        return max(cover, worth(terms, delivery.contracted) * share / PPM_ONE) + greenShortfall(terms, delivery);
    }

    /// Return the price of the certificates that are missing.
    function greenShortfall(ExecutionTerms memory terms, Delivery memory delivery) internal pure returns (uint256) {
        uint256 promised = delivery.taken * terms.greenShare / PPM_ONE;
        uint256 missing = promised > delivery.certificates ? promised - delivery.certificates : 0;
        return missing * terms.greenPrice / CERTIFICATES_PER_PRICE;
    }

    /// Return what a delivery moves. The seller comes before the venue, and nobody is asked for more than is locked.
    function payout(ExecutionTerms memory terms, uint256 feeBps, Delivery memory delivery, Stakes memory stakes)
        internal
        pure
        returns (Payout memory result)
    {
        result.toSeller = min(stakes.buyer, worth(terms, paid(terms, delivery)));
        result.fee = min(stakes.buyer - result.toSeller, Money.fee(result.toSeller, feeBps));
        result.toBuyer = min(stakes.seller, owed(terms, delivery));
    }

    function min(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }

    function max(uint256 a, uint256 b) internal pure returns (uint256) {
        return a > b ? a : b;
    }
}
