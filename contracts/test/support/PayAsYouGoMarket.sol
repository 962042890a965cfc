// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IPayAsYouGo} from "../../src/interfaces/IPayAsYouGo.sol";
import {Outcome, Stage} from "../../src/types/Stage.sol";
import {Market} from "./Market.sol";

/// The market with a buyer who pays for compute as it goes: 2.00 per GPU·h, 1 % fee, a deposit that covers 5 GPU·h.
abstract contract PayAsYouGoMarket is Market {
    uint128 internal constant DEPOSIT = 10_100_000;
    uint32 internal constant STOP_NOTICE = 1 days;
    uint32 internal constant LAST_READING = 2 hours;

    // --- who and what -------------------------------------------------------------------------------------------

    function someTerms() internal view returns (IPayAsYouGo.Terms memory) {
        return IPayAsYouGo.Terms({
            buyer: buyer,
            seller: seller,
            meter: meter,
            resource: anInstrument(2) >> 48,
            price: 2_000_000,
            feeBps: FEE_BPS,
            deposit: DEPOSIT,
            notice: STOP_NOTICE,
            readingWindow: LAST_READING,
            openUntil: uint64(SLOT_END),
            salt: keccak256("salt")
        });
    }

    // --- signing: written out, so that a mistake in the contract's own hashing shows -----------------------------

    function idOf(IPayAsYouGo.Terms memory terms) internal view returns (bytes32) {
        return idIn(address(payAsYouGo), block.chainid, terms);
    }

    function idIn(address verifying, uint256 chainId, IPayAsYouGo.Terms memory terms) internal pure returns (bytes32) {
        bytes32 typeHash = keccak256(
            "PayAsYouGo(address buyer,address seller,address meter,uint256 resource,uint64 price,uint16 feeBps,uint128 deposit,uint32 notice,uint32 readingWindow,uint64 openUntil,bytes32 salt)"
        );
        return digestIn(verifying, chainId, keccak256(abi.encode(typeHash, terms)));
    }

    function digestIn(address verifying, uint256 chainId, bytes32 structHash) internal pure returns (bytes32) {
        bytes32 separator = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("CCEI Market"),
                keccak256("1"),
                chainId,
                verifying
            )
        );
        return keccak256(abi.encodePacked(hex"1901", separator, structHash));
    }

    function readingOf(IPayAsYouGo.Terms memory terms, uint256 through, uint256 units)
        internal
        view
        returns (IPayAsYouGo.CumulativeReading memory)
    {
        return readingBy(meter, terms, through, units);
    }

    function readingBy(address signer, IPayAsYouGo.Terms memory terms, uint256 through, uint256 units)
        internal
        view
        returns (IPayAsYouGo.CumulativeReading memory)
    {
        bytes32 typeHash = keccak256("CumulativeReading(bytes32 agreement,address meter,uint64 through,uint64 units)");
        bytes32 structHash = keccak256(abi.encode(typeHash, idOf(terms), terms.meter, through, units));
        bytes32 digest = digestIn(address(payAsYouGo), block.chainid, structHash);
        return IPayAsYouGo.CumulativeReading(uint64(through), uint64(units), signDigest(signer, digest));
    }

    // --- doing ----------------------------------------------------------------------------------------------------

    function open(IPayAsYouGo.Terms memory terms) internal {
        bytes32 id = idOf(terms);
        payAsYouGo.open(terms, signDigest(terms.buyer, id), signDigest(terms.seller, id));
    }

    function opened() internal returns (IPayAsYouGo.Terms memory terms) {
        terms = someTerms();
        open(terms);
    }

    /// Wait, and draw what was metered up to then.
    function drawAfter(IPayAsYouGo.Terms memory terms, uint256 time, uint256 units) internal {
        vm.warp(vm.getBlockTimestamp() + time);
        draw(terms, units);
    }

    function draw(IPayAsYouGo.Terms memory terms, uint256 units) internal {
        payAsYouGo.draw(terms, readingOf(terms, vm.getBlockTimestamp(), units));
    }

    function topUp(IPayAsYouGo.Terms memory terms, uint256 amount) internal {
        vm.prank(terms.buyer);
        payAsYouGo.topUp(terms, amount);
    }

    function stop(IPayAsYouGo.Terms memory terms, address by) internal {
        vm.prank(by);
        payAsYouGo.stop(terms);
    }

    // --- looking --------------------------------------------------------------------------------------------------

    function left(IPayAsYouGo.Terms memory terms) internal view returns (uint256) {
        return settlement.escrowOf(address(payAsYouGo), idOf(terms), terms.buyer);
    }

    function stateOf(IPayAsYouGo.Terms memory terms) internal view returns (IPayAsYouGo.State memory) {
        return payAsYouGo.stateOf(idOf(terms));
    }

    function assertStands(IPayAsYouGo.Terms memory terms, Stage stage, Outcome outcome) internal view {
        IPayAsYouGo.State memory state = stateOf(terms);
        assertEq(uint256(state.stage), uint256(stage), "stage");
        assertEq(uint256(state.outcome), uint256(outcome), "outcome");
    }
}
