// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Bundle, Part} from "../../src/types/Bundle.sol";
import {Leaf} from "../../src/types/Leaf.sol";
import {Order, SELL} from "../../src/types/Order.sol";
import {Market} from "./Market.sol";

/// A buyer of compute, network and energy together, or of compute at any of several tiers.
///
/// Commitments are written out here, so that a mistake in the contract's own shows.
abstract contract Bundling is Market {
    struct Leg {
        uint256 instrument;
        uint64 lotsPerBundle;
        uint64 referenceLeast;
    }

    struct Eligible {
        uint256 instrument;
        int128 adjustment;
    }

    // --- commitments ----------------------------------------------------------------------------------------------

    function hashOf(Leg memory leg) internal pure returns (bytes32) {
        return
            sha256(abi.encodePacked(hex"02", leg.instrument, uint256(leg.lotsPerBundle), uint256(leg.referenceLeast)));
    }

    function hashOf(Eligible memory one) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(hex"00", one.instrument, int256(one.adjustment)));
    }

    function nodeOf(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? sha256(abi.encodePacked(hex"01", a, b)) : sha256(abi.encodePacked(hex"01", b, a));
    }

    function levelAbove(bytes32[] memory level) internal pure returns (bytes32[] memory above) {
        above = new bytes32[]((level.length + 1) / 2);
        for (uint256 i = 0; i < above.length; ++i) {
            above[i] = 2 * i + 1 == level.length ? level[2 * i] : nodeOf(level[2 * i], level[2 * i + 1]);
        }
    }

    function tagged(uint256 tag, bytes32[] memory level) internal pure returns (uint256) {
        while (level.length > 1) {
            level = levelAbove(level);
        }
        return tag << 248 | uint256(level[0]) & (1 << 248) - 1;
    }

    function commitmentOf(Leg[] memory legs) internal pure returns (uint256) {
        bytes32[] memory level = new bytes32[](legs.length);
        for (uint256 i = 0; i < legs.length; ++i) {
            level[i] = hashOf(legs[i]);
        }
        return tagged(0xFE, level);
    }

    function commitmentOf(Eligible[] memory set) internal pure returns (uint256) {
        return tagged(0xFF, memberHashesOf(set));
    }

    function memberHashesOf(Eligible[] memory set) internal pure returns (bytes32[] memory level) {
        level = new bytes32[](set.length);
        for (uint256 i = 0; i < set.length; ++i) {
            level[i] = hashOf(set[i]);
        }
    }

    function proofIn(Eligible[] memory set, uint256 place) internal pure returns (bytes32[] memory proof) {
        bytes32[] memory level = memberHashesOf(set);
        bytes32[] memory siblings = new bytes32[](9);
        uint256 depth = 0;
        while (level.length > 1) {
            if (place ^ 1 < level.length) siblings[depth++] = level[place ^ 1];
            (level, place) = (levelAbove(level), place / 2);
        }
        proof = new bytes32[](depth);
        for (uint256 i = 0; i < depth; ++i) {
            proof[i] = siblings[i];
        }
    }

    // --- bundles --------------------------------------------------------------------------------------------------

    /// One bundle is 2 GPU·h, 40 Mbps·h and 3 kWh.
    function someLegs() internal pure returns (Leg[] memory legs) {
        legs = new Leg[](3);
        legs[0] = Leg(anInstrument(2), 2000, 2_500_000);
        legs[1] = Leg(instrumentOf(2, HOUR, 1, 1), 40, 10_000);
        legs[2] = Leg(instrumentOf(3, HOUR, 1, 0), 3000, 50_000);
    }

    /// Compute of tier 2, 1 and 3: the second is worth less, the third more.
    function someSet() internal pure returns (Eligible[] memory set) {
        set = new Eligible[](3);
        set[0] = Eligible(anInstrument(2), 0);
        set[1] = Eligible(anInstrument(1), -100_000);
        set[2] = Eligible(anInstrument(3), 200_000);
    }

    function offerOf(address participant, uint256 instrument, uint64 price, uint64 reference_)
        internal
        view
        returns (Order memory offer)
    {
        offer = anOffer();
        (offer.participant, offer.instrument) = (participant, instrument);
        (offer.price, offer.referencePrice, offer.quantity) = (price, reference_, 1e6);
    }

    /// A fill at the offer's own price.
    function partOf(Order memory offer, uint64 tradeNumber, uint64 quantity) internal view returns (Part memory part) {
        part.offer = offer;
        part.signature = signDigest(offer.participant, orderDigest(offer));
        (part.tradeNumber, part.price, part.quantity) = (tradeNumber, offer.price, quantity);
    }

    function sign(Bundle memory bundle) internal view {
        bundle.signature = signDigest(bundle.bid.participant, orderDigest(bundle.bid));
    }

    /// A quarter of a bundle: 0.5 GPU·h at 2.00, 10 Mbps·h at 0.008 and 0.75 kWh at 0.04, for 1.11 of at most 1.125.
    function aBundleOfLegs() internal view returns (Bundle memory bundle) {
        Leg[] memory legs = someLegs();
        bundle.bid = aBid();
        (bundle.bid.instrument, bundle.bid.price, bundle.bid.referencePrice) = (commitmentOf(legs), 4_500_000, 0);
        bundle.quantity = 250;
        bundle.parts = new Part[](3);
        uint64[3] memory prices = [uint64(2_000_000), 8000, 40_000];
        for (uint256 i = 0; i < 3; ++i) {
            Order memory offer = offerOf(seller, legs[i].instrument, prices[i], legs[i].referenceLeast);
            offer.clientOrderId = uint64(i);
            bundle.parts[i] = partOf(offer, uint64(10 + i), legs[i].lotsPerBundle / 4);
            bundle.parts[i].lotsPerBundle = legs[i].lotsPerBundle;
            bundle.parts[i].referenceLeast = legs[i].referenceLeast;
        }
        sign(bundle);
    }

    /// 1 GPU·h of tier 2 and 0.5 of tier 1.
    function aBundleOfASet() internal view returns (Bundle memory bundle) {
        Eligible[] memory set = someSet();
        bundle.bid = aBid();
        (bundle.bid.instrument, bundle.bid.referencePrice) = (commitmentOf(set), 2_000_000);
        bundle.quantity = 1500;
        bundle.parts = new Part[](2);
        for (uint256 i = 0; i < 2; ++i) {
            Order memory offer = offerOf(seller, set[i].instrument, 2_000_000, 2_500_000);
            offer.clientOrderId = uint64(i);
            bundle.parts[i] = partOf(offer, uint64(20 + i), i == 0 ? 1000 : 500);
            bundle.parts[i].adjustment = set[i].adjustment;
            bundle.parts[i].proof = proofIn(set, i);
        }
        sign(bundle);
    }

    function registerLegs(address seller_, uint256 key) internal {
        Leg[] memory legs = someLegs();
        for (uint256 i = 0; i < 3; ++i) {
            registerMeter(seller_, legs[i].instrument, withKey(key + i));
        }
    }

    function settleBundles(Bundle[] memory bundles)
        internal
        returns (Leaf[] memory leaves, ISettlement.SkipCode[] memory skipped)
    {
        vm.recordLogs();
        vm.prank(operator);
        settlement.settleBundles(nextBatch++, RECORD_HASH, FEE_BPS, abi.encode(bundles));
        return outcomeOf(vm.getRecordedLogs());
    }

    function settleBundle(Bundle memory bundle)
        internal
        returns (Leaf[] memory leaves, ISettlement.SkipCode[] memory skipped)
    {
        Bundle[] memory bundles = new Bundle[](1);
        bundles[0] = bundle;
        return settleBundles(bundles);
    }
}
