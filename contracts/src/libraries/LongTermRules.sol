// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILongTerm} from "../interfaces/ILongTerm.sol";
import {ExecutionTerms} from "../types/ExecutionTerms.sol";
import {CumulativeReading, ReplacementPrice} from "../types/Statements.sol";
import {Certificates} from "./Certificates.sol";
import {Instruments} from "./Instruments.sol";
import {Delivery, Payout, Periods, Stakes} from "./Periods.sol";
import {Signatures} from "./Signatures.sol";

/// Hold what was reported of a period against the terms of its agreement, which come as their ABI encoding.
///
/// Linked to `LongTerm`, whose code would not fit one contract with it; it has no storage of its own.
library LongTermRules {
    using Certificates for uint256;
    using Periods for ExecutionTerms;

    /// What a meter counted last for an agreement; `through` is 0 if nothing was.
    struct Count {
        uint64 units;
        uint32 through;
    }

    /// Which period of which agreement, and where signatures count.
    struct Period {
        bytes32 domainSeparator;
        bytes32 id;
        bytes32 termsHash;
        uint16 number;
        /// The hours at which a meter's count begins and ends, both counted through.
        uint256 before;
        uint256 last;
    }

    /// Return the EIP-712 struct hash of terms.
    function termsHashOf(bytes calldata terms) external pure returns (bytes32) {
        return abi.decode(terms, (ExecutionTerms)).termsHash();
    }

    /// Add readings and a replacement price to a report: what it lacks is taken, what it has stands.
    ///
    /// A reading that is added starts the challenge window again.
    /// @return complete Whether all readings are there that the terms ask for.
    function add(
        mapping(address meter => Count) storage counts,
        ILongTerm.Report storage report,
        Period memory period,
        bytes calldata encodedTerms,
        CumulativeReading[] calldata readings,
        ReplacementPrice calldata replacement
    ) external returns (bool complete) {
        ExecutionTerms memory terms = decoded(period.termsHash, encodedTerms);
        // An instrument that nobody knows has no price, and the period could never be paid out.
        Instruments.lotsPerUnit(terms.instrument);
        requireReadings(period, terms, readings);
        if (!report.hasMetered) {
            (report.hasMetered, report.metered) = count(counts, period, terms.meter, readings);
            if (report.hasMetered) report.reportedAt = uint40(block.timestamp);
        }
        bool alone = terms.checkMeter == address(0) || terms.checkMeter == terms.meter;
        if (!report.hasChecked && !alone) {
            (report.hasChecked, report.checked) = count(counts, period, terms.checkMeter, readings);
            if (report.hasChecked) report.reportedAt = uint40(block.timestamp);
        }
        addReplacement(period, terms, report, replacement);
        return report.hasMetered && (report.hasChecked || alone);
    }

    /// Return what the meters say was delivered of a period, of how much, and what bounds a dispute about it.
    function disputed(bytes32 termsHash, bytes calldata encodedTerms, uint256 period, ILongTerm.Report storage report)
        external
        view
        returns (uint64 contracted, uint64 metered, uint32 excuseMost, uint128 bond)
    {
        ExecutionTerms memory terms = decoded(termsHash, encodedTerms);
        uint256 promised = terms.contracted(period);
        (uint256 available,) = terms.measured(promised, report.metered, checkedOf(report));
        excuseMost = terms.excuseMost < Periods.PPM_ONE ? terms.excuseMost : uint32(Periods.PPM_ONE);
        // casting is safe because quantities of the terms have 64 bits, and `bond` sees to its 128
        // forge-lint: disable-next-line(unsafe-typecast)
        return (uint64(promised), uint64(available), excuseMost, uint128(terms.bond(promised)));
    }

    /// Return what a period pays by its report.
    function payoutOf(
        bytes32 termsHash,
        bytes calldata encodedTerms,
        uint256 period,
        ILongTerm.Report storage report,
        uint256 certificates,
        uint256 feeBps,
        Stakes memory stakes
    ) external view returns (Payout memory) {
        ExecutionTerms memory terms = decoded(termsHash, encodedTerms);
        return terms.payout(feeBps, delivered(terms, period, report, certificates), stakes);
    }

    /// Return what any delivery pays under any terms.
    function payoutFor(bytes calldata terms, uint256 feeBps, Delivery memory delivery, Stakes memory stakes)
        external
        pure
        returns (Payout memory)
    {
        return abi.decode(terms, (ExecutionTerms)).payout(feeBps, delivery, stakes);
    }

    /// Return the contract whose certificates count, and require one that does: carbon-free, and of the terms' place.
    function certificatesFor(bytes32 termsHash, bytes calldata encodedTerms, uint256 certificateId)
        external
        pure
        returns (address)
    {
        ExecutionTerms memory terms = decoded(termsHash, encodedTerms);
        bool fits = certificateId.isCarbonFree() && certificateId.samePlace(terms.instrument);
        if (!fits) revert ILongTerm.CertificateDoesNotFit(certificateId);
        return terms.certificates;
    }

    /// Read the terms, and require those that were signed.
    function decoded(bytes32 expected, bytes calldata encodedTerms) private pure returns (ExecutionTerms memory terms) {
        terms = abi.decode(encodedTerms, (ExecutionTerms));
        bytes32 found = terms.termsHash();
        if (found != expected) revert ILongTerm.TermsDiffer(expected, found);
    }

    /// Return what a period came to: by the arbiter if it ruled, else by the meters.
    function delivered(
        ExecutionTerms memory terms,
        uint256 period,
        ILongTerm.Report storage report,
        uint256 certificates
    ) private view returns (Delivery memory delivery) {
        uint256 checked = checkedOf(report);
        delivery.contracted = terms.contracted(period);
        if (report.ruled) {
            delivery.available = report.ruledDelivered;
            delivery.excused = report.ruledExcused;
            // Without take-or-pay the claims were about what both meters say together.
            delivery.taken = terms.takeOrPay == 0 ? delivery.available : Periods.min(delivery.available, checked);
        } else {
            (delivery.available, delivery.taken) = terms.measured(delivery.contracted, report.metered, checked);
        }
        if (terms.priceSource == address(0)) delivery.replacement = terms.replacementCap;
        else delivery.replacement = Periods.min(report.replacement, terms.replacementCap);
        delivery.certificates = certificates;
    }

    /// Return what the second meter counted; without it, what leaves the first alone.
    function checkedOf(ILongTerm.Report storage report) private view returns (uint256) {
        return report.hasChecked ? report.checked : type(uint256).max;
    }

    /// Require that every reading is signed by a meter of the terms, for the end of the period or of the one before.
    function requireReadings(Period memory period, ExecutionTerms memory terms, CumulativeReading[] calldata readings)
        private
        view
    {
        for (uint256 i = 0; i < readings.length; ++i) {
            (address meter, uint32 hour) = (readings[i].meter, readings[i].throughHour);
            bool named = meter == terms.meter || meter == terms.checkMeter;
            if (!named || (hour != period.before && hour != period.last)) {
                revert ILongTerm.ReadingOfAnother(meter, hour);
            }
            requireSigned(period, readings[i].readingHash(period.id), meter, readings[i].signature);
        }
    }

    /// Return what a meter counted in the period, if that is known, and remember its count.
    function count(
        mapping(address meter => Count) storage counts,
        Period memory period,
        address meter,
        CumulativeReading[] calldata readings
    ) private returns (bool known, uint64 units) {
        Count memory begin = counts[meter];
        Count memory end;
        bool begun = period.number == 0 || begin.through == period.before;
        for (uint256 i = 0; i < readings.length; ++i) {
            CumulativeReading calldata reading = readings[i];
            if (reading.meter != meter) continue;
            if (reading.throughHour == period.last) {
                end = Count(reading.units, reading.throughHour);
            } else if (!begun) {
                requireNotBefore(meter, begin.units, reading.units);
                (begin.units, begun) = (reading.units, true);
            }
        }
        if (!begun || end.through == 0) return (false, 0);
        requireNotBefore(meter, begin.units, end.units);
        counts[meter] = end;
        return (true, end.units - begin.units);
    }

    /// Add the replacement price if there is one, the terms ask for it, and none came before.
    function addReplacement(
        Period memory period,
        ExecutionTerms memory terms,
        ILongTerm.Report storage report,
        ReplacementPrice calldata replacement
    ) private {
        if (replacement.signature.length == 0 || report.hasReplacement) return;
        if (terms.priceSource == address(0)) revert ILongTerm.PriceNotAsked();
        bytes32 hash = replacement.priceHash(period.id, period.number);
        requireSigned(period, hash, terms.priceSource, replacement.signature);
        (report.replacement, report.hasReplacement) = (replacement.price, true);
    }

    function requireNotBefore(address meter, uint64 before, uint64 found) private pure {
        if (found < before) revert ILongTerm.ReadingRunsBack(meter, before, found);
    }

    function requireSigned(Period memory period, bytes32 structHash, address signer, bytes calldata signature)
        private
        view
    {
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", period.domainSeparator, structHash));
        if (!Signatures.isSignedBy(digest, signer, signature)) revert ILongTerm.SignatureInvalid(signer);
    }
}
