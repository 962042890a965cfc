// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Bundle, Part} from "../src/types/Bundle.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Order} from "../src/types/Order.sol";
import {Bundling} from "./support/Bundling.sol";
import {Packing} from "./support/Packing.sol";

/// A bundle that fails at any part, after others were locked, leaves everything as it was.
contract BundlesTakenBack is Bundling {
    uint256 private constant SELLERS = 3;
    uint256 private constant PARTS = 9;
    uint256 private constant FAULTS = 8;

    address[SELLERS] private sellers = [withKey(0x51), withKey(0x52), withKey(0x53)];
    address private otherBuyer = withKey(0xB2);

    /// What a part or the buyer may be found to lack once others are locked, and its code.
    struct Fault {
        uint256 kind;
        uint256 place;
        ISettlement.SkipCode code;
    }

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < SELLERS; ++i) {
            fund(sellers[i], FUNDS);
            registerMeter(sellers[i], anInstrument(2), withKey(0x500 + i));
        }
        fund(otherBuyer, FUNDS);
    }

    /// Tiers 2, 1 and 3 of three sellers in turn, each offer in several parts, and one hour of one meter for all tiers.
    function aBundle(address buyer_, uint64 firstNumber, uint64[PARTS] memory lots)
        private
        view
        returns (Bundle memory bundle)
    {
        Eligible[] memory all = someSet();
        bundle.bid = aBid();
        (bundle.bid.participant, bundle.bid.instrument) = (buyer_, commitmentOf(all));
        (bundle.bid.referencePrice, bundle.bid.quantity) = (2_000_000, 1e6);
        bundle.parts = new Part[](PARTS);
        for (uint256 i = 0; i < PARTS; ++i) {
            uint256 member = (i / SELLERS) % 3;
            uint64 quantity = uint64(bound(lots[i], 1, 100));
            Order memory offer = offerOf(sellers[i % SELLERS], all[member].instrument, 2_000_000, 2_500_000);
            // Four to a word: the lanes of an offer that fails lie beside those of offers that do not.
            offer.clientOrderId = uint64(4 + member);
            bundle.parts[i] = partOf(offer, firstNumber + uint64(i), quantity);
            bundle.parts[i].adjustment = all[member].adjustment;
            bundle.parts[i].proof = proofIn(all, member);
            bundle.quantity += quantity;
        }
        sign(bundle);
    }

    function spoil(Bundle memory bundle, Fault memory fault) private view {
        Part memory part = bundle.parts[fault.place];
        if (fault.kind == 0) (part.offer.side, fault.code) = (0, ISettlement.SkipCode.WrongSide);
        if (fault.kind == 1) {
            (part.offer.price, fault.code) = (part.price + 1, ISettlement.SkipCode.PriceOutsideLimits);
        }
        if (fault.kind == 2) (part.offer.settleUntil, fault.code) = (0, ISettlement.SkipCode.SellExpired);
        if (fault.kind == 3) (part.offer.quantity, fault.code) = (0, ISettlement.SkipCode.SellOverfilled);
        if (fault.kind == 4) {
            (part.offer.participant, fault.code) = (stranger, ISettlement.SkipCode.MeterNotRegistered);
        }
        if (fault.kind == 5) {
            (part.offer.referencePrice, fault.code) =
            (type(uint64).max, ISettlement.SkipCode.SellerCollateralInsufficient);
        }
        part.signature = signDigest(part.offer.participant, orderDigest(part.offer));
        if (fault.kind == 6) (part.signature, fault.code) = ("", ISettlement.SkipCode.SellSignatureInvalid);
        if (fault.kind == 7) {
            (bundle.bid.participant, fault.code) = (stranger, ISettlement.SkipCode.BuyerFundsInsufficient);
            fault.place = PARTS;
            sign(bundle);
        }
    }

    /// Everything that a bundle can change.
    function everything() private view returns (bytes memory all) {
        all = abi.encode(accounts(buyer), accounts(otherBuyer), accounts(stranger));
        for (uint256 i = 0; i < SELLERS; ++i) {
            all = bytes.concat(all, accounts(sellers[i]), abi.encode(settlement.slotOf(vm.addr(0x500 + i), HOUR)));
        }
    }

    function accounts(address participant) private view returns (bytes memory all) {
        all = abi.encode(settlement.accountOf(participant));
        for (uint64 id = 0; id < 8; ++id) {
            uint64 cancelled = settlement.cancelledFrom(participant, id);
            all = bytes.concat(all, abi.encode(settlement.filledOf(participant, id), cancelled));
        }
    }

    function testFuzz_a_bundle_that_fails_changes_nothing(
        uint64[PARTS] memory before,
        uint64[PARTS] memory failing,
        uint256 kind,
        uint256 place
    ) public {
        settleBundle(aBundle(otherBuyer, 1, before));
        vm.prank(sellers[1]);
        settlement.cancelOrder(7); // asked for and not in force: a flag in the very word that is taken back
        bytes memory was = everything();

        Bundle memory bundle = aBundle(buyer, 100, failing);
        Fault memory fault = Fault(kind % FAULTS, place % PARTS, ISettlement.SkipCode.None);
        spoil(bundle, fault);
        (Leaf[] memory leaves, ISettlement.SkipCode[] memory skipped) = settleBundle(bundle);
        assertEq(leaves.length, 0, "locked");
        for (uint256 i = 0; i < PARTS; ++i) {
            bool told = fault.place == i || fault.place == PARTS;
            ISettlement.SkipCode code = told ? fault.code : ISettlement.SkipCode.OtherPartFailed;
            assertEq(uint256(skipped[i]), uint256(code), "code");
        }
        assertEq(keccak256(everything()), keccak256(was), "as before");
    }

    /// What fails between two bundles leaves no trace in the leaves of either: they are delivered to the last unit.
    function testFuzz_what_is_locked_around_a_failure_is_delivered_whole(
        uint64[PARTS] memory first,
        uint64[PARTS] memory failing,
        uint64[PARTS] memory last,
        uint256 kind,
        uint256 place
    ) public {
        Bundle[] memory bundles = new Bundle[](3);
        bundles[0] = aBundle(otherBuyer, 1, first);
        bundles[1] = aBundle(buyer, 100, failing);
        spoil(bundles[1], Fault(kind % FAULTS, place % PARTS, ISettlement.SkipCode.None));
        bundles[2] = aBundle(buyer, 200, last);
        (Leaf[] memory leaves,) = settleBundles(bundles);
        assertEq(leaves.length, 2 * PARTS, "locked");
        uint64[SELLERS] memory sold;
        for (uint256 i = 0; i < leaves.length; ++i) {
            assertEq(leaves[i].position, i, "position");
            assertEq(leaves[i].soldBefore, sold[i % SELLERS], "sold before");
            sold[i % SELLERS] += leaves[i].quantity;
        }
        vm.warp(SLOT_END);
        for (uint256 i = 0; i < SELLERS; ++i) {
            settlement.report(list(aReading(vm.addr(0x500 + i), HOUR, sold[i])));
        }
        settlement.deliverBatch(1, Packing.leaves(leaves), type(uint256).max, noReadings());
        assertEq(settlement.markedOf(1), (1 << 2 * PARTS) - 1, "all of them");
        for (uint256 i = 0; i < SELLERS; ++i) {
            assertEq(settlement.accountOf(sellers[i]).locked, 0, "seller");
            assertEq(settlement.slotOf(vm.addr(0x500 + i), HOUR).allotted, sold[i], "allotted");
        }
        assertEq(settlement.accountOf(buyer).locked + settlement.accountOf(otherBuyer).locked, 0, "buyers");
    }
}
