// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Payout} from "../libraries/Periods.sol";
import {Activation} from "../types/Activation.sol";
import {Outcome, Stage} from "../types/Stage.sol";
import {CumulativeReading, PeriodStatement, ReplacementPrice} from "../types/Statements.sol";
import {IDisputes} from "./IDisputes.sol";

/// Long-term agreements, settled period by period. EIP-712 domain: `CCEI Market`, version `1`, this contract.
///
/// Both sides of a negotiated agreement sign an `Activation`. From then on each has a stake locked in `Settlement`,
/// which holds all money. A period that went well is settled by what both sign, and nothing of the terms is told. In
/// trouble anyone who has the confidential terms presents them with the meters' readings, and after a challenge window
/// the period pays what they say. Then the stakes are filled up from free money for the next one.
///
/// Wherever terms are presented, `terms` is the ABI encoding of `ExecutionTerms`; `LongTermRules` applies them.
///
/// Stages: `Active` (stored), which `stateOf` tells as `Delivering` once the first period has begun; `InChallenge`,
/// `InDispute`, and after the last period `Closed`. Before activation an agreement is `None`; a retracted one is
/// `Closed` without outcome. Every step but the parties' own is open to anyone, and every agreement can be brought to
/// `Closed` without the help of either party or the arbiter; what is then locked behind it is nothing.
///
/// Trust: the two signatures bind both sides to what they name, so a hostile counterparty gains what the signed stakes
/// and terms allow and no more. Meters, price source and certificates are those that the terms name; one that lies is
/// answered by a challenge, within the stakes. The arbiter is bounded (see `IDisputes`). Money beyond a stake is never
/// at risk: what is locked of a side at any time is one stake, and the bonds of its own claims.
///
/// Between the end of a period and its settlement the stakes of that period also cover what is delivered of the next. A
/// buyer who then does not fill up loses its deposit and no more, so the deposit should cover what is delivered until
/// that shows.
interface ILongTerm is IDisputes {
    /// Where an agreement stands; kept per id. Periods are counted from 0.
    struct State {
        Stage stage;
        Outcome outcome;
        /// The period that runs, or that is over and not settled.
        uint16 period;
        /// How many periods there are; fewer than were signed after a notice.
        uint16 ends;
        /// Both stakes are full for `period`.
        bool funded;
        /// Some period paid the buyer out of the seller's stake.
        bool compensated;
        /// When the period before was settled, or the stakes filled up if that was later.
        uint64 since;
        /// When the first period begins.
        uint64 begins;
    }

    /// What is known of a period that was reported; kept per agreement and period.
    struct Report {
        /// What the meters counted in the period, in lots.
        uint64 metered;
        uint64 checked;
        uint64 replacement;
        /// When the terms, or a reading after them, came: the challenge window counts from here.
        uint40 reportedAt;
        bool hasMetered;
        bool hasChecked;
        bool hasReplacement;
        /// What the arbiter ruled, if it did, in lots.
        uint64 ruledDelivered;
        uint64 ruledExcused;
        bool ruled;
    }

    event AgreementActivated(bytes32 indexed id, address indexed buyer, address indexed seller, Activation activation);
    event AgreementRetracted(bytes32 indexed id, address indexed by);
    /// Both stakes are full for the period.
    event PeriodFunded(bytes32 indexed id, uint16 indexed period);
    /// The terms are public from here on, as they were presented: all that anyone needs to bring the period to its end.
    event TermsPresented(bytes32 indexed id, bytes terms);
    event PeriodReported(bytes32 indexed id, uint16 indexed period);
    /// Nobody presented the terms in time, so the period moved nothing.
    event PeriodLapsed(bytes32 indexed id, uint16 indexed period);
    /// `toSeller` and `fee` came out of the buyer's stake, `toBuyer` out of the seller's.
    event PeriodSettled(bytes32 indexed id, uint16 indexed period, uint256 toSeller, uint256 fee, uint256 toBuyer);
    event NoticeGiven(bytes32 indexed id, address indexed by, uint16 ends);
    /// Certificates went from the seller to the buyer, and count for the period.
    event GreenDelivered(bytes32 indexed id, uint16 indexed period, uint256 indexed certificateId, uint256 amount);
    /// A stake was not filled up in time.
    event AgreementDefaulted(
        bytes32 indexed id, uint16 indexed period, bool ofBuyer, bool ofSeller, uint256 toSeller, uint256 toBuyer
    );
    /// It is over, and nothing is locked behind it.
    event AgreementClosed(bytes32 indexed id, Outcome outcome);

    /// Windows, stakes or periods that make no sense: see `activate`.
    error ActivationMalformed();
    error ActivationExpired(uint256 until);
    /// This one of the parties, meters or price sources did not sign it.
    error SignatureInvalid(address signer);
    error WrongStage(bytes32 id, Stage found);
    error TermsDiffer(bytes32 expected, bytes32 found);
    error PeriodNotOver(uint256 endsAt);
    /// The stakes must be filled up first.
    error NotFunded(bytes32 id, uint16 period);
    error AlreadyFunded(bytes32 id, uint16 period);
    error StatementExpired(uint256 deadline);
    error StatementOfAnotherPeriod(uint16 expected, uint16 found);
    /// More was agreed than the participant has locked.
    error BeyondStake(address participant, uint256 held, uint256 wanted);
    /// Not all readings are here, and they may still come.
    error ReadingsAwaited(uint256 until);
    /// The reading is of a meter that the terms do not name, or of an hour that neither ends the period nor the one
    /// before.
    error ReadingOfAnother(address meter, uint32 throughHour);
    /// The meter counted less than before.
    error ReadingRunsBack(address meter, uint64 before, uint64 found);
    error PriceNotAsked();
    error WindowOpen(uint256 until);
    error WindowClosed(uint256 since);
    error GraceRuns(uint256 until);
    /// Both sides can fill up their stakes.
    error NotInDefault(bytes32 id);
    /// The agreement ends by then anyway.
    error NoticeTooLate(uint16 ends);
    /// The certificate is of no carbon-free source, another place, or an hour of no open period.
    error CertificateDoesNotFit(uint256 certificateId);

    /// Put an agreement in force: lock both stakes. Anyone may send what both signed, before the first period begins.
    ///
    /// Refuses one party on both sides or as arbiter, no arbiter, no period or hours, a deposit above the stake, a fee
    /// above the whole, and windows of nothing or above 30 days. The venue is not asked: nothing here uses its
    /// operator.
    /// @return id What it is kept under: the digest that both signed.
    function activate(Activation calldata activation, bytes calldata buyerSignature, bytes calldata sellerSignature)
        external
        returns (bytes32 id);

    /// Take back what the caller may have signed, for good. Either party, before activation.
    function retract(Activation calldata activation) external;

    /// Settle a period that is over as both sides agreed, and fill up for the next. Anyone may send what both signed.
    ///
    /// Also while a report of it may be challenged; no longer in dispute. Nothing of the terms is told. Bounded by what
    /// is locked; the fee comes on top of `toSeller`.
    function settleAgreed(
        Activation calldata activation,
        PeriodStatement calldata statement,
        bytes calldata buyerSignature,
        bytes calldata sellerSignature
    ) external;

    /// Present the terms of a period that is over, with the meters' readings and a replacement price. Anyone who knows
    /// them.
    ///
    /// A period needs of each meter the readings at its end and at the end of the period before, unless that is known
    /// or there is none. They are awaited for the reading window; after it, what is missing is missing: without the
    /// first meter nothing was delivered, without the second the first alone counts. Until the challenge window is
    /// over, anyone may add what is missing, here too; what came first stands. A reading that is added starts the
    /// window again, so that none can be held back until nobody may challenge it; with two meters that happens twice at
    /// most. Without a signed replacement price there is no cover, unless the terms name no source.
    ///
    /// The terms are public from then on. A hostile caller can begin the challenge window early, and no more.
    function reportPeriod(
        Activation calldata activation,
        bytes calldata terms,
        CumulativeReading[] calldata readings,
        ReplacementPrice calldata replacement
    ) external;

    /// Claim that another quantity was delivered (with take-or-pay: was available), against a bond. Either party, once
    /// per period, inside the challenge window. What the second meter says was taken is not in dispute.
    function challenge(Activation calldata activation, bytes calldata terms, uint64 delivered) external;

    /// Claim that force majeure excuses what is missing, against a bond. The seller, instead of a challenge.
    function plead(Activation calldata activation, bytes calldata terms) external;

    /// Decide on the claims of a period: how many lots were delivered, and how many of the missing are excused.
    ///
    /// The arbiter, once, after the challenge window and within the ruling window; see `IDisputes` for its bounds.
    /// Excused lots stay unpaid, and give neither cover nor credit.
    function rule(Activation calldata activation, bytes calldata terms, uint64 delivered, uint64 excused) external;

    /// Pay a reported period that nobody may contradict any more, and fill up for the next. Anyone.
    ///
    /// In one netted movement the seller is paid for what came, the buyer is compensated, and the venue earns its fee; a
    /// side against which a claim was upheld pays the bond's amount (see `IDisputes` for who does), as far as its stake
    /// goes. If the arbiter was silent the readings stand.
    function payOut(Activation calldata activation, bytes calldata terms) external;

    /// Pass over a period of which nobody presented the terms in the reading window and the grace. Anyone.
    ///
    /// Nothing moves: whoever is owed something can present the terms until then, counted from when the stakes were
    /// full.
    function lapse(Activation calldata activation) external;

    /// Fill up the stakes for the period as far as free money allows: each in full or not at all. Anyone.
    ///
    /// The consent is in the activation. Settling a period does the same, so this is for a side that was short of
    /// money.
    function roll(Activation calldata activation) external;

    /// End an agreement whose stakes were not filled up in the grace. Anyone.
    ///
    /// A side is in default if what it has locked and free is less than its stake. The buyer in default pays the seller
    /// its deposit, the seller in default pays the buyer its stake, each as far as it is still locked; if both are,
    /// neither pays.
    function terminate(Activation calldata activation) external;

    /// End the agreement with the period that contains the end of the notice. Either party.
    ///
    /// Before the first period nothing is owed, and it ends at once if the notice does too.
    function giveNotice(Activation calldata activation) external;

    /// Send the caller's certificates to the buyer, and count them for the period of their hour. The seller only.
    ///
    /// The seller has approved this contract with the certificates. The terms are told by this; in a quiet life certificates
    /// are simply sent. Calls the contract that the terms name, which calls the buyer if that is a contract: both can refuse.
    /// A buyer that does is still owed what it refused, so a seller promises certificates only to one that can take them.
    function deliverGreen(Activation calldata activation, bytes calldata terms, uint256 certificateId, uint256 amount)
        external;

    /// Return the id of an agreement: the EIP-712 digest that both sides sign.
    function idOf(Activation calldata activation) external view returns (bytes32);

    /// Return where an agreement stands now.
    function stateOf(bytes32 id) external view returns (State memory);

    /// Return what is known of a period.
    function reportOf(bytes32 id, uint16 period) external view returns (Report memory);

    /// Return the certificates (Wh) that were delivered for a period.
    function certificatesOf(bytes32 id, uint16 period) external view returns (uint256);

    /// Return the subject under which claims about a period are kept.
    function subjectOf(bytes32 id, uint16 period) external pure returns (bytes32);

    /// Return what a period would pay by what is known of it now, and by what is locked now.
    function payoutOf(Activation calldata activation, bytes calldata terms, uint16 period)
        external
        view
        returns (Payout memory);
}
