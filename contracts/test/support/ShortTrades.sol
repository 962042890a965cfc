// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStandby} from "../../src/interfaces/IStandby.sol";
import {Leaf} from "../../src/types/Leaf.sol";
import {Order} from "../../src/types/Order.sol";
import {Stage} from "../../src/types/Stage.sol";
import {Market} from "./Market.sol";
import {StandbyStandIn} from "./StandbyStandIn.sol";

/// A market in which a trade fell short, with a stand-in for the standby contract.
///
/// `aShortTrade` is of 1500 lots at 0.002: payment 3.00, fee 0.03, collateral 0.75; cover is 0.0005 a lot, a bond 0.03.
abstract contract ShortTrades is Market {
    uint256 internal constant BOND = 30_000;
    uint64 internal constant QUANTITY = 1500;

    StandbyStandIn internal standIn;
    address internal fallbackSupplier = withKey(0xFA);

    function setUp() public virtual override {
        standIn = new StandbyStandIn();
        super.setUp();
    }

    /// Written with a cheat code: where tests are isolated, a call is a transaction, which shifts the foretold address.
    function standbyFor(address settlement_) internal override returns (IStandby) {
        vm.store(address(standIn), bytes32(0), bytes32(uint256(uint160(settlement_))));
        return IStandby(address(standIn));
    }

    // --- doing --------------------------------------------------------------------------------------------------

    /// Trade, deliver less, and open the guarantee.
    function aShortTrade(uint64 delivered) internal returns (Leaf memory leaf) {
        leaf = settleOne(aBid(), anOffer(), aFill());
        report(delivered);
        guarantee.open(1, leaf, new bytes32[](0));
    }

    /// Trade, wait for the reading in vain, and open the guarantee.
    function anUnmeteredTrade() internal returns (Leaf memory leaf) {
        leaf = settleOne(aBid(), anOffer(), aFill());
        vm.warp(SLOT_END + READING_WINDOW + 1);
        guarantee.open(1, leaf, new bytes32[](0));
    }

    function aTradeOf(uint256 tier) internal returns (Leaf memory) {
        (Order memory bid, Order memory offer) = (aBid(), anOffer());
        bid.instrument = offer.instrument = anInstrument(tier);
        return settleOne(bid, offer, aFill());
    }

    function challenge(Leaf memory leaf, address party, uint64 claimed) internal {
        vm.prank(party);
        guarantee.challenge(leaf, claimed);
    }

    function plead(Leaf memory leaf) internal {
        vm.prank(seller);
        guarantee.plead(leaf);
    }

    function rule(Leaf memory leaf, uint64 delivered, uint64 excused) internal {
        vm.prank(arbiter);
        guarantee.rule(leaf, delivered, excused);
    }

    function endChallengeWindow(Leaf memory leaf) internal {
        vm.warp(closesAt(leaf));
    }

    function endRulingWindow(Leaf memory leaf) internal {
        vm.warp(closesAt(leaf) + RULING_WINDOW);
    }

    /// Name an option of the fallback supplier in the seller's plan.
    function anOption(uint64 strike, bytes32 salt) internal returns (IStandby.Terms memory terms) {
        terms = termsOf(strike, salt);
        standIn.name(terms);
    }

    function call(Leaf memory leaf, IStandby.Terms memory terms) internal returns (bytes32) {
        vm.prank(buyer);
        return guarantee.callFallback(leaf, terms);
    }

    // --- looking ------------------------------------------------------------------------------------------------

    function termsOf(uint64 strike, bytes32 salt) internal view returns (IStandby.Terms memory) {
        return IStandby.Terms({
            holder: seller,
            supplier: fallbackSupplier,
            resource: anInstrument(2) >> 48,
            tier: 2,
            firstHour: HOUR,
            lastHour: HOUR + 24,
            lots: QUANTITY,
            strike: strike,
            premium: 1000,
            answerWindow: 10 minutes,
            openUntil: uint64(SLOT_END),
            salt: salt
        });
    }

    function closesAt(Leaf memory leaf) internal view returns (uint64) {
        return guarantee.stateOf(leaf.leafHash()).openedAt + CHALLENGE_WINDOW;
    }

    function readingsUntil(Leaf memory leaf) internal view returns (uint64) {
        return closesAt(leaf) - CHALLENGE_WINDOW / 2;
    }

    function freeOf(address participant) internal view returns (uint256) {
        return settlement.accountOf(participant).free;
    }

    function assertStage(Leaf memory leaf, Stage stage) internal view {
        assertEq(uint256(guarantee.stateOf(leaf.leafHash()).stage), uint256(stage), "stage");
    }

    /// All that ever was deposited is free again.
    function assertNothingLocked() internal view {
        assertEq(settlement.accountOf(buyer).locked, 0, "buyer locked");
        assertEq(settlement.accountOf(seller).locked, 0, "seller locked");
        uint256 free = freeOf(buyer) + freeOf(seller) + freeOf(feeRecipient) + freeOf(fallbackSupplier);
        assertEq(free, 2 * uint256(FUNDS), "all money is free");
    }
}
