// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Certificate} from "../../src/Certificate.sol";
import {ICertificate} from "../../src/interfaces/ICertificate.sol";
import {IMetering} from "../../src/interfaces/IMetering.sol";
import {Leaf} from "../../src/types/Leaf.sol";
import {Order} from "../../src/types/Order.sol";
import {Market} from "./Market.sol";
import {Fill, Packing} from "./Packing.sol";

/// The market with a seller of solar energy, who has a storage too, and the certificates of both.
abstract contract CertificateMarket is Market {
    uint256 internal constant EFFICIENCY = 850_000;
    bytes8 internal constant PLACE = "CISO";
    uint64 internal constant LONG = uint64(SLOT_END + 30 days);

    address internal solarMeter = withKey(0x501A);
    address internal dischargeMeter = withKey(0xD15C);
    address internal chargeMeter = withKey(0xC4A6);

    Certificate internal certificate;

    function setUp() public virtual override {
        super.setUp();
        certificate = new Certificate(settlement, EFFICIENCY);
        registerMeter(seller, energy("SOLAR", HOUR), solarMeter);
        registerMeter(seller, energy("STORAGE", HOUR), dischargeMeter);
        registerMeter(seller, energy("CHARGE", HOUR), chargeMeter);
    }

    // --- what -----------------------------------------------------------------------------------------------------

    /// One hour of energy at CISO, silver.
    function energy(bytes8 product, uint256 hour) internal pure returns (uint256) {
        return energyAt(product, PLACE, hour);
    }

    function energyAt(bytes8 product, bytes8 place, uint256 hour) internal pure returns (uint256) {
        uint256 places = uint256(uint64(product)) << 176 | uint256(uint64(place)) << 112;
        return 1 << 248 | 3 << 240 | places | hour << 24 | 1 << 8 | 2 << 4;
    }

    /// The id, written out, so that a mistake in the contract's own packing shows.
    function idOf(bytes8 product, address meter_, uint256 hour, uint256 flags) internal pure returns (uint256) {
        bytes8 device = bytes8(uint64(uint160(meter_)));
        return
            uint256(bytes32(abi.encodePacked(hex"01CE", product, PLACE, device, uint24(hour), uint16(1), uint8(flags))));
    }

    function solarId() internal view returns (uint256) {
        return idOf("SOLAR", solarMeter, HOUR, 0);
    }

    // --- doing ----------------------------------------------------------------------------------------------------

    function measured(address meter_, uint32 hour, uint64 units) internal {
        uint256 endsAt = (uint256(hour) + 1) * 1 hours;
        if (vm.getBlockTimestamp() < endsAt) vm.warp(endsAt);
        settlement.report(list(aReading(meter_, hour, units)));
    }

    function issue() internal {
        certificate.issue(production(seller, "SOLAR", HOUR));
    }

    function issued(uint64 units) internal returns (uint256 id) {
        measured(solarMeter, HOUR, units);
        issue();
        return solarId();
    }

    /// Sell so much of the seller's sun to the buyer, in as many trades of one batch.
    function soldSun(uint64[] memory quantities) internal returns (Leaf[] memory leaves) {
        leaves = sell("SOLAR", HOUR, quantities);
        assertEq(leaves.length, quantities.length, "locked");
    }

    /// Return the trades that could be locked.
    function sell(bytes8 product, uint256 hour, uint64[] memory quantities) internal returns (Leaf[] memory leaves) {
        (Order memory bid, Order memory offer) = (aBid(), anOffer());
        bid.instrument = offer.instrument = energy(product, hour);
        bid.quantity = offer.quantity = type(uint64).max;
        bid.settleUntil = offer.settleUntil = type(uint64).max;
        bid.clientOrderId = offer.clientOrderId = nextBatch;
        Fill[] memory fills = new Fill[](quantities.length);
        for (uint256 i = 0; i < fills.length; ++i) {
            fills[i] = Fill(0, 1, uint64(i), 2_000_000, quantities[i]);
        }
        (leaves,) = settle(pair(bid, offer), fills);
    }

    function soldSun(uint64 quantity) internal returns (Leaf memory) {
        return soldSun(list(quantity))[0];
    }

    function proofsOf(Leaf[] memory leaves) internal pure returns (bytes32[][] memory proofs) {
        proofs = new bytes32[][](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            proofs[i] = proofOf(leaves, i);
        }
    }

    function pledged(Leaf[] memory leaves) internal {
        bytes32[][] memory proofs = proofsOf(leaves);
        vm.prank(seller);
        certificate.pledge(nextBatch - 1, leaves, proofs);
    }

    function delivered(Leaf[] memory leaves) internal {
        settlement.deliverBatch(nextBatch - 1, Packing.leaves(leaves), type(uint256).max, noReadings());
    }

    /// Open what is short, wait, and pay it out.
    function paidOut(Leaf[] memory leaves) internal {
        for (uint256 i = 0; i < leaves.length; ++i) {
            if (settlement.markedOf(nextBatch - 1) >> i & 1 == 0) {
                guarantee.open(nextBatch - 1, leaves[i], proofOf(leaves, i));
            }
        }
        vm.warp(vm.getBlockTimestamp() + CHALLENGE_WINDOW);
        for (uint256 i = 0; i < leaves.length; ++i) {
            if (guarantee.stateOf(leaves[i].leafHash()).openedAt != 0) guarantee.payOut(leaves[i]);
        }
    }

    function aRetirement(uint256 id, uint256 amount) internal view returns (ICertificate.Retirement memory) {
        return ICertificate.Retirement({
            id: id,
            amount: amount,
            beneficiary: buyer,
            periodStart: HOUR,
            periodHours: 1,
            place: PLACE,
            statement: keccak256("the training run of March")
        });
    }

    // --- lists ----------------------------------------------------------------------------------------------------

    function production(address seller_, bytes8 product, uint32 hour)
        internal
        pure
        returns (ICertificate.Production[] memory productions)
    {
        productions = new ICertificate.Production[](1);
        productions[0] = ICertificate.Production(seller_, energy(product, HOUR) >> 48, hour);
    }

    function list(ICertificate.Retirement memory one) internal pure returns (ICertificate.Retirement[] memory many) {
        many = new ICertificate.Retirement[](1);
        many[0] = one;
    }

    function list(uint64 quantity) internal pure returns (uint64[] memory quantities) {
        quantities = new uint64[](1);
        quantities[0] = quantity;
    }

    // --- looking --------------------------------------------------------------------------------------------------

    function assertHeld(address owner, uint256 id, uint256 amount, string memory who) internal view {
        assertEq(certificate.balanceOf(owner, id), amount, who);
    }
}
