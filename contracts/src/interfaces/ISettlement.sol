// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Amounts, Leaf} from "../types/Leaf.sol";
import {Reading} from "../types/Reading.sol";
import {IEscrow} from "./IEscrow.sol";
import {IMetering} from "./IMetering.sol";
import {IOrders} from "./IOrders.sol";

/// Locks what was traded and releases it when it was delivered. EIP-712 domain: `CCEI Market`, version `1`.
///
/// A locked trade moves the buyer's payment and fee, and the seller's collateral, from free to locked. Delivered in full,
/// the seller gets payment and collateral and the fee goes to the fee recipient (`deliverBatch`). Anything less
/// is opened and shared out by the one `Guarantee` contract named at deployment.
///
/// Trust: the operator chooses which signed orders meet and in which sequence, and may refuse to submit. It cannot invent
/// a trade, repeat one, exceed a signed limit, quantity, fee or time, or move money out. Leaves are published in
/// `TradesLocked`, so delivery needs nobody's help.
interface ISettlement is IOrders, IMetering, IEscrow {
    /// Why a fill was left out. The batch goes on without it; checks run in this sequence and the first failure is told.
    enum SkipCode {
        /// 0: never emitted.
        None,
        /// 1: a fill names an order that the batch does not carry.
        OrderMissing,
        /// 2: the trade number is not above that of the fill before.
        TradeNumberNotIncreasing,
        /// 3: the first order does not buy, or the second does not sell.
        WrongSide,
        /// 4: the two orders name different instruments.
        InstrumentDiffers,
        /// 5: the id cannot be read, or its window is not one hour.
        InstrumentNotSettleable,
        /// 6: the two orders name different reference prices; in a bundle, the offer's is below what the buyer signed.
        ReferencePriceDiffers,
        /// 7: buyer and seller are one.
        SelfTrade,
        /// 8: the price is above the bid or below the offer; for legs, what all cost together is above the bid.
        PriceOutsideLimits,
        /// 9: the batch's fee is above the bid's cap.
        FeeAboveCap,
        /// 10: a fill of zero lots.
        QuantityZero,
        /// 11, 12: not signed by its participant.
        BuySignatureInvalid,
        SellSignatureInvalid,
        /// 13, 14: `settleUntil` has passed.
        BuyExpired,
        SellExpired,
        /// 15, 16: a cancellation on chain has taken effect.
        BuyCancelled,
        SellCancelled,
        /// 17, 18: more than remains of the order.
        BuyOverfilled,
        SellOverfilled,
        /// 19: the seller has no meter for this resource.
        MeterNotRegistered,
        /// 20: the slot has been metered, so its sales are final.
        SlotAlreadyMetered,
        /// 21: the slot's sales would not fit 64 bits.
        SlotFull,
        /// 22: the buyer's free money does not cover payment and fee.
        BuyerFundsInsufficient,
        /// 23: the seller's free money does not cover the collateral.
        SellerCollateralInsufficient,
        /// 24: the instruments, or what goes with them, are not what the bid of a bundle commits to.
        NotCommitted,
        /// 25: the quantities of a bundle's parts do not make up its own.
        QuantitiesDiffer,
        /// 26: another part of the bundle failed.
        OtherPartFailed
    }

    /// Who is who, for good. Times are seconds.
    struct Setup {
        address token;
        address operator;
        /// May stop new batches, and nothing else.
        address guardian;
        address feeRecipient;
        uint64 noticePeriod;
        uint64 readingWindow;
        /// The guarantee, then whatever else may lock and share out money; each names this settlement as its own.
        address[] modules;
    }

    /// These trades were locked, if any: `packedLeaves` is all that is needed to deliver the batch or to open a leaf.
    event TradesLocked(uint64 indexed batchNumber, bytes packedLeaves);
    event TradeSkipped(uint64 indexed batchNumber, uint64 indexed tradeNumber, SkipCode code);
    /// `recordHash` ties the batch to the exchange's record; `root` is 0 if `locked`, the number of leaves, is 0.
    event BatchSettled(uint64 indexed batchNumber, bytes32 recordHash, bytes32 root, uint256 locked, uint16 feeBps);
    /// A batch came a second time; nothing was done.
    event BatchRepeated(uint64 indexed batchNumber);
    /// The leaves of this bitmap (bit i is position i) were released now.
    event BatchDelivered(uint64 indexed batchNumber, uint256 released);
    event LeafOpened(uint64 indexed batchNumber, uint32 indexed position, bytes32 leafHash);
    event BatchesPaused();
    event BatchesResumed();

    error NotGuarantee(address caller);
    error NotGuardian(address caller);
    error BatchesArePaused();
    /// Batches are numbered 1, 2, 3, … without gaps.
    error BatchOutOfSequence(uint64 expected, uint64 found);
    error TooManyFills(uint256 found, uint256 most);
    /// The participant at this place is not above the one before: one named twice would have its money twice.
    error ParticipantsNotAscending(uint256 place);
    /// The bytes are no array of bundles.
    error BundlesMalformed();
    /// The bundle at this place has no parts.
    error BundleEmpty(uint256 place);
    /// A fee above the whole value.
    error FeeTooHigh(uint16 found, uint16 most);
    /// These are not all leaves of the batch in position order, or the leaf and proof do not lead to its root.
    error NotTheBatch(uint64 batchNumber, bytes32 root, bytes32 found);
    /// The leaf was released or opened before.
    error LeafAlreadyMarked(uint64 batchNumber, uint32 position);
    /// The leaf is not short: delivered in full, or its reading may still come until `readingDeadline`.
    error LeafNotShort(bytes32 leafHash, uint256 readingDeadline);

    /// Lock the fills of a batch. Operator only.
    ///
    /// A number already settled changes nothing (`BatchRepeated`), so sending twice is safe; a gap reverts. A
    /// failing fill is skipped with its code and does not stop the others. Each order's signature is checked once per
    /// batch, whatever was locked of it before: what is counted under an id does not say which order was signed.
    ///
    /// Hostile wallets among the participants can burn a capped amount of the operator's gas and no more. Bytes that are
    /// no batch revert, which only the operator can bring about. The caller must keep a batch within the block's gas.
    /// @param recordHash Hash of the exchange's record up to this batch, kept in the log for the audit.
    /// @param feeBps The fee of all fills of the batch, basis points of delivered value.
    /// @param packed Participants, terms, conditions, orders, at most 256 fills, and signatures; see `PackedBatch`. A
    /// signature is 65 bytes (r, s, v), 64 bytes (EIP-2098), or what an EIP-1271 wallet takes.
    function settleBatch(uint64 batchNumber, bytes32 recordHash, uint16 feeBps, bytes calldata packed) external;

    /// Lock bundles as a batch: trades that a buyer wants together, or not at all. Operator only.
    ///
    /// A bundle's bid commits to a set of instruments that would do, or to legs that it wants all of (see `Bundle`). Its
    /// parts are ordinary fills of sellers' ordinary offers; all are locked, or none. The part that fails is told with
    /// its code, the others with `OtherPartFailed`; what concerns the bid or the whole is told of every part. The bid is
    /// checked first, then each part, then the buyer's money.
    ///
    /// The batch counts in the same sequence as those of `settleBatch`, and its leaves are like theirs. Trust is the same,
    /// too: the operator chooses what meets, within what was signed. A hostile seller or wallet can make its bundle fail,
    /// and burn a capped amount of the operator's gas. Bytes that are no bundles revert, or are skipped for want of
    /// signatures, which only the operator can bring about.
    /// @param bundles `abi.encode` of a `Bundle[]`, of at most 128 parts together.
    function settleBundles(uint64 batchNumber, bytes32 recordHash, uint16 feeBps, bytes calldata bundles) external;

    /// Store `readings`, then release those leaves of `which` that were delivered in full and are not marked yet.
    ///
    /// Anyone may call it: the readings decide, not the caller. Leaves that are short or without a reading stay as
    /// they are, to be opened by the guarantee; `BatchDelivered` tells exactly which were released.
    /// @param packedLeaves All leaves of the batch in position order, as `TradesLocked` told them; see `PackedLeaves`.
    /// @param which Bitmap of positions to release.
    function deliverBatch(uint64 batchNumber, bytes calldata packedLeaves, uint256 which, Reading[] calldata readings)
        external;

    /// Take a short leaf out of its batch, and keep what it locks behind its hash. Guarantee only.
    ///
    /// Short is a reading that leaves it less than its quantity, or no reading `readingWindow` seconds after the hour.
    /// @return delivered Lots delivered, 0 without a reading.
    /// @return hadReading Whether a reading was present.
    function openLeaf(uint64 batchNumber, Leaf calldata leaf, bytes32[] calldata proof)
        external
        returns (uint64 delivered, bool hadReading);

    /// Count `quantity` as sold by `seller` in the instrument's hour, as a trade does that is locked. Module only.
    ///
    /// Reverts if the instrument cannot be settled, no meter is registered, or the hour has begun or can count no more.
    /// @return meter The meter that counts for it. @return soldBefore Lots sold of its hour before these.
    function reserve(address seller, uint256 instrument, uint64 quantity)
        external
        returns (address meter, uint64 soldBefore);

    /// Give lots that a meter measured to a contract that is over, never more than it measured. Module only.
    function allot(address seller, uint256 instrument, uint64 delivered) external;

    /// Refuse new batches until `resumeBatches`. Guardian only.
    ///
    /// Everything else goes on: deliveries, guarantees, cancellations, withdrawals and exits.
    function pauseBatches() external;

    /// Take new batches again. Guardian only.
    function resumeBatches() external;

    /// Return what a leaf locks.
    function amountsOf(Leaf calldata leaf) external pure returns (Amounts memory);

    /// Return the lots of a leaf that its slot's reading covers, and when that reading arrived (0 and 0 without one).
    ///
    /// A shortfall is shared pro rata: with R lots delivered of S sold, a leaf of q lots sold after c others gets
    /// ceil(R (c + q) / S) - ceil(R c / S). These add up to exactly R; what rounding leaves goes to the earliest.
    function deliveredOf(Leaf calldata leaf) external view returns (uint64 delivered, uint64 reportedAt);

    /// Return the number of the last settled batch, 0 before the first.
    function lastBatch() external view returns (uint64);

    /// Return the Merkle root over the leaves of a batch.
    function batchRoot(uint64 batchNumber) external view returns (bytes32);

    /// Return the bitmap of leaves of a batch that were released or opened.
    function markedOf(uint64 batchNumber) external view returns (uint256);

    /// Return whether new batches are refused.
    function batchesPaused() external view returns (bool);

    /// Return the account that may stop new batches.
    function guardian() external view returns (address);

    /// Return the account that earns the fees.
    function feeRecipient() external view returns (address);

    /// Return the seconds after an hour's end within which its reading is awaited.
    function readingWindow() external view returns (uint64);

    /// Return the one contract that may open leaves.
    function guarantee() external view returns (address);
}
