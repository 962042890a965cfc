// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILongTerm} from "../../src/interfaces/ILongTerm.sol";
import {Activation} from "../../src/types/Activation.sol";
import {ExecutionTerms, Rung} from "../../src/types/ExecutionTerms.sol";
import {Outcome, Stage} from "../../src/types/Stage.sol";
import {CumulativeReading, PeriodStatement, ReplacementPrice} from "../../src/types/Statements.sol";
import {CertificateMarket} from "./CertificateMarket.sol";

/// The market with a long-term agreement: three days of 100 kWh of silver solar energy each, at 0.05, fee 1 %.
///
/// A day costs 5.00 and 0.05 of fees. The buyer's stake is 6.05, of which 1.00 is the deposit, the seller's 2.00.
abstract contract LongTermMarket is CertificateMarket {
    uint32 internal constant FIRST_HOUR = HOUR + 1;
    uint256 internal constant BEGINS = uint256(FIRST_HOUR) * 1 hours;
    uint16 internal constant PERIODS = 3;
    uint64 internal constant LOTS = 100_000;
    uint256 internal constant PRICE_OF_DAY = 5e6;
    uint256 internal constant FEE_OF_DAY = 50_000;
    uint256 internal constant BUYER_STAKE = 6_050_000;
    uint256 internal constant BUYER_DEPOSIT = 1e6;
    uint256 internal constant SELLER_STAKE = 2e6;
    uint32 internal constant READING = 2 hours;
    uint32 internal constant CHALLENGE = 1 hours;
    uint32 internal constant RULING = 12 hours;
    uint32 internal constant GRACE = 6 hours;

    address internal checkMeter = withKey(0xC3E);
    address internal priceSource = withKey(0x9A1C);

    // --- what is agreed -------------------------------------------------------------------------------------------

    function someTerms() internal view returns (ExecutionTerms memory terms) {
        terms.agreement = keccak256("negotiated");
        terms.instrument = energy("SOLAR", FIRST_HOUR);
        terms.quantities = new uint64[](PERIODS);
        for (uint256 i = 0; i < PERIODS; ++i) {
            terms.quantities[i] = LOTS;
        }
        terms.price = 50_000;
        terms.ladder = new Rung[](3);
        terms.ladder[0] = Rung(995_000, 100_000);
        terms.ladder[1] = Rung(990_000, 300_000);
        terms.ladder[2] = Rung(950_000, 1_000_000);
        terms.replacementCap = 80_000;
        terms.meter = meter;
        terms.certificates = address(certificate);
        terms.excuseMost = 500_000;
        terms.bondRate = 100_000;
        terms.salt = keccak256("salt");
    }

    function anActivation(ExecutionTerms memory terms) internal view returns (Activation memory) {
        return Activation({
            termsHash: hashOf(terms),
            buyer: buyer,
            seller: seller,
            arbiter: arbiter,
            buyerStake: uint128(BUYER_STAKE),
            buyerDeposit: uint128(BUYER_DEPOSIT),
            sellerStake: uint128(SELLER_STAKE),
            firstHour: FIRST_HOUR,
            hoursPerPeriod: 24,
            periods: PERIODS,
            feeBps: FEE_BPS,
            readingWindow: READING,
            challengeWindow: CHALLENGE,
            rulingWindow: RULING,
            grace: GRACE,
            notice: 1 days,
            activateUntil: uint64(BEGINS),
            salt: keccak256("activation")
        });
    }

    // --- signing: written out, so that a mistake in the contract's own hashing shows --------------------------------

    function hashOf(ExecutionTerms memory terms) internal pure returns (bytes32) {
        bytes memory rungs;
        for (uint256 i = 0; i < terms.ladder.length; ++i) {
            rungs = bytes.concat(
                rungs, keccak256(abi.encode(keccak256("Rung(uint32 below,uint32 credit)"), terms.ladder[i]))
            );
        }
        bytes memory lots;
        for (uint256 i = 0; i < terms.quantities.length; ++i) {
            lots = bytes.concat(lots, bytes32(uint256(terms.quantities[i])));
        }
        bytes memory words = abi.encode(
            keccak256(
                "ExecutionTerms(bytes32 agreement,uint256 instrument,uint64[] quantities,uint64 price,Rung[] ladder,address priceSource,uint64 replacementCap,address meter,address checkMeter,uint32 takeOrPay,uint32 greenShare,uint64 greenPrice,address certificates,uint32 excuseMost,uint32 bondRate,bytes32 salt)Rung(uint32 below,uint32 credit)"
            ),
            terms.agreement,
            terms.instrument,
            keccak256(lots),
            terms.price,
            keccak256(rungs)
        );
        words = bytes.concat(words, abi.encode(terms.priceSource, terms.replacementCap, terms.meter, terms.checkMeter));
        words = bytes.concat(words, abi.encode(terms.takeOrPay, terms.greenShare, terms.greenPrice));
        return
            keccak256(bytes.concat(words, abi.encode(terms.certificates, terms.excuseMost, terms.bondRate, terms.salt)));
    }

    function longTermDigest(bytes32 structHash) internal view returns (bytes32) {
        bytes32 separator = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("CCEI Market"),
                keccak256("1"),
                block.chainid,
                address(longTerm)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", separator, structHash));
    }

    function idOf(Activation memory activation) internal view returns (bytes32) {
        bytes32 typeHash = keccak256(
            "Activation(bytes32 termsHash,address buyer,address seller,address arbiter,uint128 buyerStake,uint128 buyerDeposit,uint128 sellerStake,uint32 firstHour,uint16 hoursPerPeriod,uint16 periods,uint16 feeBps,uint32 readingWindow,uint32 challengeWindow,uint32 rulingWindow,uint32 grace,uint32 notice,uint64 activateUntil,bytes32 salt)"
        );
        return longTermDigest(keccak256(abi.encode(typeHash, activation)));
    }

    function digestOf(Activation memory activation, PeriodStatement memory statement) internal view returns (bytes32) {
        bytes32 typeHash = keccak256(
            "PeriodStatement(bytes32 agreement,uint16 period,uint128 toSeller,uint128 toBuyer,uint64 deadline)"
        );
        return longTermDigest(keccak256(abi.encode(typeHash, idOf(activation), statement)));
    }

    function aCount(Activation memory activation, address meter_, uint32 throughHour, uint64 units)
        internal
        view
        returns (CumulativeReading memory)
    {
        bytes32 typeHash =
            keccak256("CumulativeReading(bytes32 agreement,address meter,uint32 throughHour,uint64 units)");
        bytes32 digest = longTermDigest(keccak256(abi.encode(typeHash, idOf(activation), meter_, throughHour, units)));
        return CumulativeReading(meter_, throughHour, units, signDigest(meter_, digest));
    }

    function aReplacement(Activation memory activation, uint16 period, uint64 price)
        internal
        view
        returns (ReplacementPrice memory)
    {
        bytes32 typeHash = keccak256("ReplacementPrice(bytes32 agreement,uint16 period,uint64 price)");
        bytes32 digest = longTermDigest(keccak256(abi.encode(typeHash, idOf(activation), period, price)));
        return ReplacementPrice(price, signDigest(priceSource, digest));
    }

    // --- doing ----------------------------------------------------------------------------------------------------

    function activated(Activation memory activation) internal returns (bytes32) {
        bytes32 id = idOf(activation);
        return longTerm.activate(activation, signDigest(buyer, id), signDigest(seller, id));
    }

    /// Settle the running period as both agree, once it is over.
    function settleQuietly(Activation memory activation, uint128 toSeller, uint128 toBuyer) internal {
        uint16 period = stateOf(activation).period;
        warpTo(endOf(period));
        settleAgreed(activation, PeriodStatement(period, toSeller, toBuyer, type(uint64).max));
    }

    function settleAgreed(Activation memory activation, PeriodStatement memory statement) internal {
        bytes32 digest = digestOf(activation, statement);
        longTerm.settleAgreed(activation, statement, signDigest(buyer, digest), signDigest(seller, digest));
    }

    /// Report that the first meter counted so much by the end of a period and nothing before that is not known.
    function reportUnits(Activation memory activation, ExecutionTerms memory terms, uint64 units) internal {
        uint16 period = stateOf(activation).period;
        warpTo(endOf(period));
        report(activation, terms, list(aCount(activation, meter, lastHourOf(period), units)));
    }

    function report(Activation memory activation, ExecutionTerms memory terms, CumulativeReading[] memory readings)
        internal
    {
        longTerm.reportPeriod(activation, abi.encode(terms), readings, ReplacementPrice(0, ""));
    }

    /// Report the period, let the window pass and pay out.
    function settleMetered(Activation memory activation, ExecutionTerms memory terms, uint64 units) internal {
        reportUnits(activation, terms, units);
        wait(CHALLENGE);
        longTerm.payOut(activation, abi.encode(terms));
    }

    function wait(uint256 time) internal {
        vm.warp(vm.getBlockTimestamp() + time);
    }

    function warpTo(uint256 time) internal {
        if (vm.getBlockTimestamp() < time) vm.warp(time);
    }

    /// Leave `participant` so much of free money.
    function keepOnly(address participant, uint256 amount) internal {
        uint128 free = settlement.accountOf(participant).free;
        vm.prank(participant);
        settlement.requestExit(uint128(free - amount));
        wait(NOTICE);
        settlement.executeExit(participant);
    }

    // --- looking --------------------------------------------------------------------------------------------------

    function stateOf(Activation memory activation) internal view returns (ILongTerm.State memory) {
        return longTerm.stateOf(idOf(activation));
    }

    function endOf(uint256 period) internal pure returns (uint256) {
        return BEGINS + (period + 1) * 24 hours;
    }

    function lastHourOf(uint256 period) internal pure returns (uint32) {
        return uint32(FIRST_HOUR + (period + 1) * 24 - 1);
    }

    function escrowed(Activation memory activation, address participant) internal view returns (uint256) {
        return settlement.escrowOf(address(longTerm), idOf(activation), participant);
    }

    function assertStage(Activation memory activation, Stage stage, string memory what) internal view {
        assertEq(uint256(stateOf(activation).stage), uint256(stage), what);
    }

    function assertClosed(Activation memory activation, Outcome outcome) internal view {
        assertStage(activation, Stage.Closed, "closed");
        assertEq(uint256(stateOf(activation).outcome), uint256(outcome), "outcome");
        assertEq(escrowed(activation, buyer) + escrowed(activation, seller), 0, "nothing stays locked");
    }

    // --- lists ----------------------------------------------------------------------------------------------------

    function none() internal pure returns (CumulativeReading[] memory) {
        return new CumulativeReading[](0);
    }

    function list(CumulativeReading memory one) internal pure returns (CumulativeReading[] memory readings) {
        readings = new CumulativeReading[](1);
        readings[0] = one;
    }

    function list(CumulativeReading memory one, CumulativeReading memory two)
        internal
        pure
        returns (CumulativeReading[] memory readings)
    {
        readings = new CumulativeReading[](2);
        (readings[0], readings[1]) = (one, two);
    }
}
