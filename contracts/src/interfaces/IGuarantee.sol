// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Leaf} from "../types/Leaf.sol";
import {Reading} from "../types/Reading.sol";
import {IModule} from "./IModule.sol";

/// Pays out trades that fell short, the buyer first. Holds no money: it shares out the lock of a leaf in `Settlement`.
///
/// Everything here is open to anyone, since the leaf, its reading and the clock leave nothing to choose. It trusts
/// `Settlement` alone. Amounts are micros, quantities lots.
interface IGuarantee is IModule {
    enum Status {
        None,
        Open,
        PaidOut
    }

    /// Where a guarantee stands; kept per leaf hash.
    struct State {
        uint64 batchNumber;
        /// When it was opened, Unix seconds.
        uint64 openedAt;
        Status status;
    }

    /// `hadReading` is false if the trade counts as undelivered because no reading came.
    event GuaranteeOpened(
        uint64 indexed batchNumber,
        uint32 indexed position,
        uint64 indexed tradeNumber,
        uint64 delivered,
        bool hadReading
    );
    /// A reading came inside the challenge window and changes what was delivered.
    event GuaranteeReported(
        uint64 indexed batchNumber, uint32 indexed position, uint64 indexed tradeNumber, uint64 delivered
    );
    /// `returnedToBuyer` is what the buyer had locked and did not owe; `compensation` comes on top, from the collateral.
    event GuaranteePaidOut(
        uint64 indexed batchNumber,
        uint32 indexed position,
        uint64 indexed tradeNumber,
        uint64 delivered,
        uint256 paidToSeller,
        uint256 fee,
        uint256 returnedToBuyer,
        uint256 compensation
    );

    error LengthsDiffer(uint256 leaves, uint256 proofs);
    /// No guarantee is open for this leaf: never opened, or paid out.
    error GuaranteeNotOpen(bytes32 leafHash);
    error ChallengeWindowOpen(uint256 closesAt);
    error ChallengeWindowClosed(uint256 closedAt);
    /// The reading is of another meter or hour than the leaf.
    error ReadingOfAnotherSlot(address meter, uint32 startHour);

    /// Open the guarantee of a short leaf; see `ISettlement.openLeaf` for what short means.
    function open(uint64 batchNumber, Leaf calldata leaf, bytes32[] calldata proof) external;

    /// Open the guarantees of several leaves of one batch; all or none.
    function openMany(uint64 batchNumber, Leaf[] calldata leaves, bytes32[][] calldata proofs) external;

    /// Bring a missing reading inside the challenge window.
    ///
    /// A reading that reaches `Settlement` by another way inside the window counts just the same.
    function report(Leaf calldata leaf, Reading calldata reading) external;

    /// Pay out a guarantee whose challenge window is over.
    ///
    /// The seller is paid for what was delivered. The buyer pays the fee on that, gets the rest back, and is compensated
    /// with the higher of cover (reference price less price, for what is missing) and the tier's ladder credit (a
    /// share of the whole price), at most the collateral. A reading counts if it arrived by the window's last second; in
    /// that second, what comes first in the block decides.
    function payOut(Leaf calldata leaf) external;

    /// Pay out several guarantees; all or none.
    function payOutMany(Leaf[] calldata leaves) external;

    /// Return where the guarantee of a leaf stands.
    function stateOf(bytes32 leafHash) external view returns (State memory);

    /// Return the seconds between opening and paying out.
    function challengeWindow() external view returns (uint64);
}
