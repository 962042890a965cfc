// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Leaf} from "../types/Leaf.sol";
import {Payout} from "../types/Payout.sol";
import {Reading} from "../types/Reading.sol";
import {Outcome, Stage} from "../types/Stage.sol";
import {IDisputes} from "./IDisputes.sol";
import {IStandby} from "./IStandby.sol";

/// Sees short trades through: a late reading, a dispute, a fallback supplier, and the payout, the buyer first. Holds no
/// money: it shares out what the leaf locks in `Settlement`.
///
/// A guarantee is `InChallenge` once opened, `InDispute` from a party's first claim on, `Rescue` once it is final what the
/// seller delivered and something of it was done, and `Closed` when it paid out: `Fulfilled` if the seller delivered
/// everything after all, else `Compensated`. Whatever happens it can be paid out at a time that `payableFrom` tells, and
/// then leaves nothing locked.
///
/// Trust: `Settlement` and `Standby`, which are as immutable as this is. The arbiter is trusted within the bounds of
/// `IDisputes`, the parties not at all: each acts for itself only, by `msg.sender`, and nothing that either does or leaves
/// undone puts off the payout beyond the windows, and a call of the buyer's beyond what `Standby` bounds. An order signed for the settlement accepts these rules. Amounts are
/// micros, quantities lots, times Unix seconds; what holds until a time is over then.
interface IGuarantee is IDisputes {
    /// What binds every trade, for good.
    struct Rules {
        address arbiter;
        /// Seconds from the opening in which claims come; readings come in the first half of it.
        uint64 challengeWindow;
        /// Seconds after the challenge window in which the arbiter rules.
        uint64 rulingWindow;
        /// Seconds in which the buyer calls the seller's fallback suppliers, once it is final what was delivered.
        uint64 rescueWindow;
        /// What a claim is bonded with, in parts per million of the trade's payment; at least a micro.
        uint32 bondRate;
        /// Most of what is missing that force majeure may excuse, in parts per million.
        uint32 excuseMost;
    }

    /// Where a guarantee stands, in two storage words; kept per leaf hash.
    struct State {
        uint64 batchNumber;
        uint64 openedAt;
        /// Since when `delivered` and `excused` are final; 0 in `InChallenge` and `InDispute`.
        uint64 finalAt;
        Stage stage;
        Outcome outcome;
        /// Place in the seller's plan of the fallback that is called next, or was called.
        uint8 rank;
        /// The arbiter ruled.
        bool ruled;
        /// Lots that the seller is paid for.
        uint64 delivered;
        /// Lots of the meter's reading that the trade was given: `delivered`, less what was ruled beyond the reading.
        uint64 allotted;
        /// Lots that force majeure excuses.
        uint64 excused;
        /// Lots that a fallback supplier delivered.
        uint64 rescued;
    }

    /// `hadReading` is false if the trade counts as undelivered because no reading came.
    event GuaranteeOpened(
        uint64 indexed batchNumber,
        uint32 indexed position,
        uint64 indexed tradeNumber,
        uint64 delivered,
        bool hadReading
    );
    /// A reading came in time, and this is what was delivered.
    event GuaranteeReported(
        uint64 indexed batchNumber, uint32 indexed position, uint64 indexed tradeNumber, uint64 delivered
    );
    /// The fallback supplier at this place of the seller's plan was asked to deliver.
    event FallbackCalled(bytes32 indexed leafHash, uint8 rank, bytes32 indexed callId, uint64 lots);
    /// The option at this place cannot serve; `reason` is the error that says why.
    event FallbackPassedOver(bytes32 indexed leafHash, uint8 rank, bytes32 indexed optionId, bytes reason);
    /// The supplier declined, or did not answer in time.
    event FallbackDeclined(bytes32 indexed leafHash, uint8 rank, bytes32 indexed callId);
    /// The fallback's hour is over; it is paid the strike for what it delivered.
    event FallbackDelivered(bytes32 indexed leafHash, address indexed supplier, uint64 lots);
    /// A party against whom a claim was upheld pays the other, out of what the payout gave it.
    event PenaltyPaid(bytes32 indexed leafHash, address indexed from, address indexed to, uint256 amount);
    /// See `Payout`. Penalties are not in these figures.
    event GuaranteePaidOut(
        uint64 indexed batchNumber,
        uint32 indexed position,
        uint64 indexed tradeNumber,
        uint64 delivered,
        uint256 paidToSeller,
        uint256 fee,
        uint256 returnedToBuyer,
        uint256 compensation,
        uint256 paidToFallback,
        uint256 gap
    );

    error ArbiterMissing();
    /// A window of no time at all, or of more than 30 days.
    error WindowOutOfRange(uint256 found);
    /// More than the whole.
    error RateOutOfRange(uint256 found);
    /// The standby contract belongs to another settlement.
    error StandbyOfAnother(address standby, address settlement);
    error LengthsDiffer(uint256 leaves, uint256 proofs);
    /// No guarantee is open for this leaf: never opened, or paid out.
    error GuaranteeNotOpen(bytes32 leafHash);
    /// Half of the challenge window is over.
    error ReadingTooLate(uint256 since);
    /// The reading is of another meter or hour than the leaf.
    error ReadingOfAnotherSlot(address meter, uint32 startHour);
    /// Readings, claims, the ruling or a fallback may still come.
    error NotPayableYet(uint256 from);
    /// It is not final yet what was delivered.
    error NotFinalYet(uint256 from);
    error NotBuyer(address caller);
    /// Nothing is missing that the seller has to replace.
    error NothingToRescue(bytes32 leafHash);
    error RescueOver(uint256 since);
    /// The seller named nobody, or nobody more.
    error PlanExhausted(bytes32 leafHash);
    /// These are not the terms of the option that is next.
    error NotTheFallback(bytes32 expected, bytes32 found);
    /// A supplier was called and has not answered or delivered yet: see `concludeFallback`.
    error FallbackPending(bytes32 callId);
    error NoFallbackCalled(bytes32 leafHash);
    /// `Standby` refused without a reason, as it does when it has too little gas.
    error StandbyFailed();
    /// Why an option is passed over: its strike would cost the seller more than its collateral.
    error StrikeBeyondCollateral(uint256 gap, uint256 collateral);

    /// Open the guarantee of a short leaf; see `ISettlement.openLeaf` for what short means. Anyone may.
    function open(uint64 batchNumber, Leaf calldata leaf, bytes32[] calldata proof) external;

    /// Open the guarantees of several leaves of one batch; all or none.
    function openMany(uint64 batchNumber, Leaf[] calldata leaves, bytes32[][] calldata proofs) external;

    /// Bring a missing reading in the first half of the challenge window. Anyone may.
    ///
    /// The other half is left to those who doubt it: a reading that was kept back until the last second could not be
    /// contradicted. One that reaches `Settlement` by another way in this time counts just the same.
    function report(Leaf calldata leaf, Reading calldata reading) external;

    /// Claim inside the challenge window that `claimed` lots were delivered. Buyer or seller, once, bonded.
    function challenge(Leaf calldata leaf, uint64 claimed) external;

    /// Ask inside the challenge window that force majeure excuse what is missing. Seller, instead of a challenge, bonded.
    function plead(Leaf calldata leaf) external;

    /// Rule on the claims, after the challenge window and before the ruling window ends. Arbiter only.
    ///
    /// @param delivered Lots for which the seller is paid, between the reading and the claims.
    /// @param excused Lots of the rest that cost the seller neither cover nor credit, and that no fallback replaces.
    function rule(Leaf calldata leaf, uint64 delivered, uint64 excused) external;

    /// Call the next fallback supplier of the seller's plan for what is missing and not excused. Buyer only, in the rescue
    /// window, once it is final what was delivered.
    ///
    /// The buyer chooses whether to call, and neither whom nor in which sequence. An option that cannot serve is passed
    /// over, so that none can block those behind it: when its strike would cost more than the collateral, or when `Standby`
    /// refuses and says why. (A refusal without a reason is what a call with too little gas looks like; it reverts.)
    /// @return callId The call, or 0 if the option was passed over.
    function callFallback(Leaf calldata leaf, IStandby.Terms calldata terms) external returns (bytes32 callId);

    /// Draw the conclusion from a fallback's call, and bring it to its end if that is due. Anyone may.
    ///
    /// Declined, the next of the plan can be called in what is left of the rescue window. Delivered, in full or in part,
    /// the guarantee pays out at once. `Standby` refuses as long as the call is open, and terms that are not the call's: the
    /// plan is not asked again, since an option that failed may have left it.
    function concludeFallback(Leaf calldata leaf, IStandby.Terms calldata terms) external;

    /// Pay out a guarantee when nothing can come any more. Anyone may.
    ///
    /// See `payoutOf`. Afterwards, one against whom a claim was upheld pays the amount of its bond (see `IDisputes` for who
    /// does), as far as the payout gave it so much. Bonds of claims on which the arbiter was silent are free again.
    function payOut(Leaf calldata leaf) external;

    /// Pay out several guarantees; all or none.
    function payOutMany(Leaf[] calldata leaves) external;

    /// Return where the guarantee of a leaf stands.
    function stateOf(bytes32 leafHash) external view returns (State memory);

    /// Return the call of a fallback supplier that is not concluded, or 0.
    function callOf(bytes32 leafHash) external view returns (bytes32);

    /// Return from when on a guarantee can be paid out as things stand: the largest number while a fallback's call runs.
    function payableFrom(Leaf calldata leaf) external view returns (uint256);

    /// Return who gets what if of a leaf's lots `delivered` came, `excused` are excused, and a fallback delivered
    /// `rescued` at `strike` per unit. Reverts if these are more than its quantity.
    ///
    /// The seller is paid for what it delivered, the fallback its strike, the venue its fee on both at the price of the
    /// trade; the buyer has the rest back. The collateral pays what the strike is above the price, and compensates the
    /// buyer: together the higher of gap and cover (reference price less price, for lots that nobody delivered and
    /// nothing excused) and the tier's ladder credit on what was delivered or excused, at most the collateral.
    function payoutOf(Leaf calldata leaf, uint64 delivered, uint64 excused, uint64 rescued, uint64 strike)
        external
        pure
        returns (Payout memory);

    /// Return what binds every trade.
    function rules() external view returns (Rules memory);

    /// Return the standby contract, or the zero address if there is none.
    function standby() external view returns (address);
}
