// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMetering} from "../../src/interfaces/IMetering.sol";
import {IStandby} from "../../src/interfaces/IStandby.sol";
import {Outcome, Stage} from "../../src/types/Stage.sol";
import {Market} from "./Market.sol";

/// The market with a holder of standby capacity and its supplier, who has a meter for the market's resource.
///
/// `aTerms` is for 3 GPU·h in a day's hours at 2.40 per GPU·h, for a premium of 1.00.
abstract contract StandbyMarket is Market {
    uint64 internal constant LOTS = 3000;
    uint64 internal constant STRIKE = 2_400_000;
    uint128 internal constant PREMIUM = 1e6;
    uint32 internal constant ANSWER_WINDOW = 15 minutes;
    uint256 internal constant BEGIN = SLOT_END - 1 hours;
    uint64 internal constant ANYTIME = type(uint64).max;

    address internal holder = withKey(0x401D);
    address internal supplier = withKey(0x5B11);
    address internal supplierMeter = withKey(0x5B3E);

    function setUp() public virtual override {
        super.setUp();
        fund(holder, FUNDS);
        fund(supplier, FUNDS);
        registerMeter(supplier, anInstrument(2), supplierMeter);
    }

    // --- what -----------------------------------------------------------------------------------------------------

    function aTerms() internal view returns (IStandby.Terms memory) {
        return IStandby.Terms({
            holder: holder,
            supplier: supplier,
            resource: anInstrument(2) >> 48,
            tier: 2,
            firstHour: HOUR,
            lastHour: HOUR + 23,
            lots: LOTS,
            strike: STRIKE,
            premium: PREMIUM,
            answerWindow: ANSWER_WINDOW,
            openUntil: uint64(BEGIN),
            salt: keccak256("salt")
        });
    }

    function salted(uint256 salt) internal view returns (IStandby.Terms memory terms) {
        terms = aTerms();
        terms.salt = bytes32(salt);
    }

    /// The id, written out, so that a mistake in the contract's own hashing shows.
    function idOf(IStandby.Terms memory terms) internal view returns (bytes32) {
        bytes32 typeHash = keccak256(
            "Standby(address holder,address supplier,uint256 resource,uint8 tier,uint32 firstHour,uint32 lastHour,uint64 lots,uint64 strike,uint128 premium,uint32 answerWindow,uint64 openUntil,bytes32 salt)"
        );
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("CCEI Market"),
                keccak256("1"),
                block.chainid,
                address(standby)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, keccak256(abi.encode(typeHash, terms))));
    }

    function list(IStandby.Terms memory one) internal pure returns (IStandby.Terms[] memory many) {
        many = new IStandby.Terms[](1);
        many[0] = one;
    }

    // --- doing ----------------------------------------------------------------------------------------------------

    function open(IStandby.Terms memory terms) internal returns (bytes32) {
        bytes32 id = idOf(terms);
        return standby.open(terms, signDigest(terms.holder, id), signDigest(terms.supplier, id));
    }

    function refuseOpening(IStandby.Terms memory terms, bytes memory reason) internal {
        bytes32 id = idOf(terms);
        bytes memory byHolder = signDigest(terms.holder, id);
        bytes memory bySupplier = signDigest(terms.supplier, id);
        vm.expectRevert(reason);
        standby.open(terms, byHolder, bySupplier);
    }

    function join(IStandby.Terms memory terms) internal {
        vm.prank(terms.holder);
        standby.joinPlan(list(terms));
    }

    /// Call as the holder.
    function callDirectly(IStandby.Terms memory terms, uint64 lots) internal returns (bytes32) {
        vm.prank(terms.holder);
        return standby.call(terms, lots, ANYTIME);
    }

    /// Call as the guarantee.
    function callForTrade(IStandby.Terms memory terms, uint64 lots) internal returns (bytes32) {
        vm.prank(address(guarantee));
        return standby.callFor(keccak256("a short trade"), terms, lots);
    }

    function accept(bytes32 callId, IStandby.Terms memory terms, uint32 hour) internal {
        vm.prank(terms.supplier);
        standby.accept(callId, terms, hour);
    }

    function decline(bytes32 callId, IStandby.Terms memory terms) internal {
        vm.prank(terms.supplier);
        standby.decline(callId, terms);
    }

    /// Report what the supplier's meter measured, once the hour is over.
    function supply(uint32 hour, uint64 units) internal {
        uint256 endsAt = (uint256(hour) + 1) * 1 hours;
        if (vm.getBlockTimestamp() < endsAt) vm.warp(endsAt);
        settlement.report(list(aReading(supplierMeter, hour, units)));
    }

    // --- looking --------------------------------------------------------------------------------------------------

    function supplied(uint32 hour) internal view returns (IMetering.Slot memory) {
        return settlement.slotOf(supplierMeter, hour);
    }

    function assertStage(bytes32 id, Stage stage, Outcome outcome) internal view {
        assertEq(uint256(standby.stageOf(id)), uint256(stage), "stage");
        assertEq(uint256(standby.outcomeOf(id)), uint256(outcome), "outcome");
    }

    function assertStatus(bytes32 callId, IStandby.CallStatus status) internal view {
        assertEq(uint256(standby.callOf(callId).status), uint256(status), "status");
    }
}
