// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Outcome, Stage} from "../types/Stage.sol";
import {IModule} from "./IModule.sol";

/// Standby capacity: a supplier keeps lots ready for a holder, who sets a premium aside now and pays the strike when it
/// calls. What a supplier of a trade names as its emergency plan is a list of such options that it holds itself.
///
/// One who declines a call, lets it lapse or delivers less than it accepted loses the premium to the holder, and nothing
/// else. One who was never called, or delivered, has the premium when the last hour is over. Times are Unix seconds,
/// quantities lots, money micros. The venue earns no fee here: what it earns on a trade, the guarantee charges.
///
/// An option is `Active` from its opening on and `Delivering` while a call of it is not over. The first failure ends it:
/// the premium goes back to the holder at once, nothing more can be called, and when the calls that are under way are
/// over it is `Closed`, `Compensated`. Otherwise it is `Closed`, `Fulfilled`, when the last hour is over. One that was
/// retracted before it was opened is `Closed`, `Terminated`. The other stages do not apply.
///
/// Trust: an option is trusted with what both parties signed. The settlement's guarantee is trusted to call an option only
/// for a short trade of its holder; the operator, to register honest meters; the supplier's meter, to measure truly.
/// Nobody else has a choice: anyone may open what was signed, conclude what is over and close what has run out.
interface IStandby is IModule {
    /// What holder and supplier sign (EIP-712, this contract's domain). Presented each time; its hash is what is kept.
    struct Terms {
        /// Who may call, and whose short trades it covers once it is in the holder's plan.
        address holder;
        address supplier;
        /// The instrument id of what is delivered, without its low 48 bits.
        uint256 resource;
        uint8 tier;
        /// The hours in which it can be called to deliver, both included.
        uint32 firstHour;
        uint32 lastHour;
        /// Most that is delivered over all calls.
        uint64 lots;
        /// Price per unit of what is delivered.
        uint64 strike;
        uint128 premium;
        /// Seconds within which a call is answered.
        uint32 answerWindow;
        /// When the two signatures lapse.
        uint64 openUntil;
        bytes32 salt;
    }

    enum CallStatus {
        None,
        /// Waits for the supplier's answer.
        Asked,
        /// The supplier chose an hour, which is counted as sold.
        Accepted,
        /// Declined, or not answered in time.
        Declined,
        /// The hour is over and its reading, or the lack of one, is final.
        Over
    }

    /// A call; kept under its id.
    struct Call {
        CallStatus status;
        uint64 lots;
        uint64 delivered;
        uint64 answerBy;
        uint32 startHour;
        uint64 soldBefore;
        address meter;
    }

    /// All that is needed to call it is told here, for those who may have to: the terms are not kept.
    event OptionOpened(bytes32 indexed id, address indexed holder, address indexed supplier, Terms terms);
    event OptionRetracted(bytes32 indexed id, address indexed by);
    /// `place` counts from 0: the sequence in which a plan is called.
    event PlanJoined(address indexed holder, uint256 indexed resource, bytes32 indexed id, uint256 place);
    /// `cause` is 0 if the holder called. The supplier answers until `answerBy`, with an hour up to `lastHour`.
    event Called(
        bytes32 indexed callId, bytes32 indexed id, bytes32 indexed cause, uint64 lots, uint64 answerBy, uint32 lastHour
    );
    event CallAccepted(bytes32 indexed callId, bytes32 indexed id, uint32 startHour, address meter, uint64 soldBefore);
    /// `lapsed` if nobody answered in time.
    event CallDeclined(bytes32 indexed callId, bytes32 indexed id, bool lapsed);
    /// `paid` is what the supplier earned here: 0 if the guarantee called, which pays out of the trade.
    event CallOver(bytes32 indexed callId, bytes32 indexed id, uint64 lots, uint64 delivered, uint256 paid);
    event PremiumPaid(bytes32 indexed id, address indexed participant, uint256 premium);
    event OptionClosed(bytes32 indexed id, Outcome outcome);

    /// The delivery window is too short for any call to be answered, or longer than is good for who waits.
    error DeliveryWindowUnfit(uint64 found, uint64 least, uint64 most);
    /// The parties are one, or one is missing.
    error PartiesUnfit(address holder, address supplier);
    /// No lots are offered.
    error NothingOffered();
    /// The resource cannot be settled by the hour, or there is no such tier.
    error NotDeliverable(uint256 resource, uint8 tier);
    /// The hours have begun, are in the wrong sequence, lie too far ahead, or end before a call can be answered.
    error HoursUnfit(uint32 firstHour, uint32 lastHour);
    error AnswerWindowUnfit(uint32 found, uint64 most);
    error OpeningExpired(uint64 openUntil);
    /// `party` did not sign these terms.
    error SignatureInvalid(address party);
    /// The option was opened or retracted before.
    error OptionUsed(bytes32 id);
    error NotParty(address caller);
    error NotHolder(address caller);
    error NotSupplier(address caller);
    /// So many lots cannot be called: none, or more than are left. None are left before opening and after a failure.
    error LotsNotLeft(bytes32 id, uint64 left, uint64 wanted);
    /// No hour is left in which a call made now could be delivered: the first possible one is not before `end`.
    error NoHourLeft(uint256 earliest, uint256 end);
    /// The option is in a plan: the trades that rely on it come first.
    error OptionPlanned(bytes32 id);
    /// The plan holds as many options as it may, and none is closed.
    error PlanFull(uint256 most);
    /// There is no such call of this option.
    error NotTheCall(bytes32 callId, bytes32 id);
    /// The call does not wait for an answer.
    error CallNotAsked(bytes32 callId, CallStatus status);
    error AnswerOverdue(uint64 answerBy);
    error HourUnfit(uint32 startHour, uint32 firstHour, uint32 lastHour);
    /// The call may still be answered, or metered, until this time.
    error CallNotOver(bytes32 callId, uint256 until);
    /// Not open: never opened, or closed.
    error OptionNotOpen(bytes32 id);
    error CallsPending(bytes32 id, uint32 pending);
    error HoursNotOver(uint256 endsAt);

    /// Open an option that both parties signed, and lock the premium of the holder.
    ///
    /// Anyone may relay it until `openUntil`; what it does is all in the signed terms, and it works once. Keys and EIP-1271
    /// wallets sign. The supplier must have a meter for the resource, so that accepting depends on nobody else.
    /// @return id What the option is kept under.
    function open(Terms calldata terms, bytes calldata holderSignature, bytes calldata supplierSignature)
        external
        returns (bytes32 id);

    /// Make terms that are not open useless for good. Holder or supplier only.
    ///
    /// Whoever signed can thus take the signature back; one who is merely named can refuse beforehand.
    function retract(Terms calldata terms) external;

    /// Append options to the caller's plan of their resource. Holder only; all or none.
    ///
    /// From then on the guarantee alone calls them: the holder could otherwise use up what its trades rely on. A plan has
    /// at most `PLAN_MOST` options; when it is full, the first closed one gives its place to the next that joins.
    function joinPlan(Terms[] calldata options) external;

    /// Ask the supplier for `lots` at the strike, to be delivered in an hour that ends by `until`. Holder only.
    ///
    /// Locks the strike of all lots, rounded up; what is not owed in the end goes back. Refused as `callFor` is, and for an
    /// option in a plan.
    /// @return callId What the call is kept under.
    function call(Terms calldata terms, uint64 lots, uint64 until) external returns (bytes32 callId);

    /// Accept a call and choose its hour. Supplier only, until `answerBy`.
    ///
    /// The hour lies ahead, among the option's, and begins at most `deliveryWindow` after the call. The lots count as sold
    /// of the supplier's meter and share with its trades of the hour whatever comes of it. Nothing is locked of the
    /// supplier: what it risks is the premium.
    function accept(bytes32 callId, Terms calldata terms, uint32 startHour) external;

    /// Refuse a call, which ends the option. Supplier only.
    function decline(bytes32 callId, Terms calldata terms) external;

    /// Close an option whose last hour is over and of which no call is pending: the premium goes to the supplier.
    ///
    /// Anyone may; pending calls can be concluded by anyone first.
    function close(Terms calldata terms) external;

    /// Ask the supplier for `lots` on account of a short trade, kept under `cause` by the guarantee. Guarantee only.
    ///
    /// Nothing is locked here: the guarantee pays the strike out of what the trade locks. Reverts unless the option is
    /// open, has so many lots left, and can deliver in an hour that begins after the answer is due.
    /// @return callId What the call is kept under.
    function callFor(bytes32 cause, Terms calldata terms, uint64 lots) external returns (bytes32 callId);

    /// Bring a call to its end if it can be: an unanswered one lapses, an accepted one is over when its hour was metered
    /// or the reading window has passed. Anyone may; reverts if it is too early.
    ///
    /// A reading counts if it arrived within the reading window, whenever this is called. A call that is over already
    /// stays as it is. A supplier called by the holder is paid the strike of what came.
    /// @return ended What became of it: `Declined`, or `Over` with the lots delivered, which are allotted to it.
    function conclude(bytes32 callId, Terms calldata terms) external returns (Call memory ended);

    /// Return a call.
    function callOf(bytes32 callId) external view returns (Call memory);

    /// Return the ids of the options that a holder named for a resource, in the order in which they are called.
    ///
    /// An option stays in its place until it is closed, so that nobody can withdraw from a plan what a trade relied on.
    function planOf(address holder, uint256 resource) external view returns (bytes32[] memory);

    /// Return the id of an option: the EIP-712 digest that both sign.
    function idOf(Terms calldata terms) external view returns (bytes32);

    /// Return whether `callFor` would be taken now: open, with so many lots and an hour left.
    function isCallable(Terms calldata terms, uint64 lots) external view returns (bool);

    /// Return where an option stands: `None`, `Active`, `Delivering` or `Closed`.
    function stageOf(bytes32 id) external view returns (Stage);

    /// Return how an option ended, or will end when its calls are over.
    function outcomeOf(bytes32 id) external view returns (Outcome);

    /// Return the lots that can still be called of an option.
    function lotsLeft(bytes32 id) external view returns (uint64);

    /// Return whether an option is in its holder's plan.
    function isPlanned(bytes32 id) external view returns (bool);

    /// Return the strike of `lots`, rounded down: what a supplier who delivers them earns.
    function strikeOf(Terms calldata terms, uint64 lots) external pure returns (uint256);

    /// Return the EIP-712 domain separator on this chain.
    function domainSeparator() external view returns (bytes32);

    /// Return the seconds after a call within which its hour must begin.
    function deliveryWindow() external view returns (uint64);

    /// Return the most options that a plan holds.
    function PLAN_MOST() external view returns (uint256);
}
