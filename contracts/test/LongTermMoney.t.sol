// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LongTermRules} from "../src/libraries/LongTermRules.sol";
import {Delivery, Payout, Periods, Stakes} from "../src/libraries/Periods.sol";
import {ExecutionTerms, Rung} from "../src/types/ExecutionTerms.sol";
import {Assertions} from "./support/Assertions.sol";

/// What a period pays, for all terms, deliveries and stakes.
contract LongTermMoney is Assertions {
    using Periods for ExecutionTerms;

    struct Seed {
        uint64 promised;
        uint64 available;
        uint64 taken;
        uint64 excused;
        uint64 replacement;
        uint64 certificates;
        uint128 buyerStake;
        uint128 sellerStake;
        uint64 price;
        uint32 takeOrPay;
        uint32 greenShare;
        uint64 greenPrice;
        uint32 credit;
        uint16 feeBps;
    }

    function termsOf(Seed memory seed) private pure returns (ExecutionTerms memory terms) {
        terms.instrument = 1 << 248 | 3 << 240;
        terms.price = seed.price;
        terms.takeOrPay = seed.takeOrPay;
        (terms.greenShare, terms.greenPrice) = (seed.greenShare, seed.greenPrice);
        terms.ladder = new Rung[](1);
        terms.ladder[0] = Rung(950_000, seed.credit);
    }

    function deliveryOf(Seed memory seed) private pure returns (Delivery memory delivery) {
        delivery.contracted = seed.promised;
        delivery.available = bound(seed.available, 0, seed.promised);
        delivery.taken = bound(seed.taken, 0, delivery.available);
        delivery.excused = bound(seed.excused, 0, seed.promised - delivery.available);
        (delivery.replacement, delivery.certificates) = (seed.replacement, seed.certificates);
    }

    function testFuzz_nobody_pays_more_than_its_stake_nor_for_what_was_not_there(Seed memory seed) public pure {
        ExecutionTerms memory terms = termsOf(seed);
        Delivery memory delivery = deliveryOf(seed);
        Payout memory payout = terms.payout(seed.feeBps % 10_001, delivery, Stakes(seed.buyerStake, seed.sellerStake));
        assertTrue(payout.toSeller + payout.fee <= seed.buyerStake, "the buyer's stake");
        assertTrue(payout.toBuyer <= seed.sellerStake, "the seller's stake");
        assertTrue(payout.toSeller <= uint256(seed.price) * delivery.available / 1000, "what was available");
        assertTrue(payout.fee <= payout.toSeller, "the fee is a part of what the seller has");
        assertTrue(terms.paid(delivery) >= delivery.taken, "what is taken is paid");
    }

    function testFuzz_more_delivered_never_pays_the_seller_less_nor_the_buyer_more(Seed memory seed) public pure {
        ExecutionTerms memory terms = termsOf(seed);
        (terms.greenShare, terms.greenPrice) = (0, 0);
        Delivery memory less = deliveryOf(seed);
        Delivery memory more = deliveryOf(seed);
        less.excused = more.excused = 0;
        more.available = bound(uint256(seed.excused), less.available, seed.promised);
        Stakes memory stakes = Stakes(type(uint128).max, type(uint128).max);
        Payout memory worse = terms.payout(0, less, stakes);
        Payout memory better = terms.payout(0, more, stakes);
        assertTrue(better.toSeller >= worse.toSeller, "seller");
        assertTrue(better.toBuyer <= worse.toBuyer, "buyer");
    }

    function testFuzz_an_excuse_or_a_certificate_never_costs_the_seller(Seed memory seed, uint64 extra) public pure {
        ExecutionTerms memory terms = termsOf(seed);
        Delivery memory delivery = deliveryOf(seed);
        uint256 owed = terms.owed(delivery);
        delivery.certificates += extra;
        assertTrue(terms.owed(delivery) <= owed, "a certificate");
        delivery.excused = seed.promised - delivery.available;
        assertTrue(terms.owed(delivery) <= owed, "an excuse");
        assertEq(terms.owed(delivery), terms.greenShortfall(delivery), "nothing else is owed");
    }

    function testFuzz_meters_never_add_up_to_more_than_was_promised(
        uint64 promised,
        uint64 metered,
        uint64 checked,
        uint32 takeOrPay
    ) public pure {
        ExecutionTerms memory terms;
        terms.takeOrPay = takeOrPay;
        (uint256 available, uint256 taken) = terms.measured(promised, metered, checked);
        assertTrue(taken <= available && available <= promised, "in order");
        assertTrue(available <= metered && taken <= checked, "as measured");
        if (takeOrPay == 0) assertEq(available, taken, "one number");
    }

    function testFuzz_a_bond_is_never_nothing_and_fits(uint64 price, uint64 promised, uint32 rate) public pure {
        ExecutionTerms memory terms;
        (terms.instrument, terms.price, terms.bondRate) = (1 << 248 | 2 << 240, price, rate);
        uint256 bond = terms.bond(promised);
        assertTrue(bond != 0 && bond <= type(uint128).max, "in range");
    }

    function testFuzz_the_linked_rules_say_the_same(Seed memory seed) public view {
        ExecutionTerms memory terms = termsOf(seed);
        Delivery memory delivery = deliveryOf(seed);
        Stakes memory stakes = Stakes(seed.buyerStake, seed.sellerStake);
        Payout memory found = LongTermRules.payoutFor(abi.encode(terms), seed.feeBps, delivery, stakes);
        Payout memory expected = terms.payout(seed.feeBps, delivery, stakes);
        assertEq(keccak256(abi.encode(found)), keccak256(abi.encode(expected)), "payout");
        assertEq(LongTermRules.termsHashOf(abi.encode(terms)), terms.termsHash(), "hash");
    }

    function test_nothing_promised_owes_nothing() public pure {
        Seed memory seed;
        (seed.price, seed.credit) = (5, 1e6);
        assertEq(termsOf(seed).owed(deliveryOf(seed)), 0, "owed");
    }
}
