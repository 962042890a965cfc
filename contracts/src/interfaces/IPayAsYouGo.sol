// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Outcome, Stage} from "../types/Stage.sol";
import {IModule} from "./IModule.sol";

/// Pay-as-you-go: units are paid as they are metered, out of a deposit, until either side stops with notice.
///
/// Nothing is promised beyond that. The buyer owes no more than its deposit holds, and the seller no more than it likes:
/// there is no collateral, and units that do not come are simply not paid. Stages: `Active` from opening until it is
/// `Closed`. An agreement has no set time, so one that ends by notice is `Fulfilled`; it is `Terminated` if it was retracted
/// before it opened, or its seller stopped it for want of money.
///
/// Trust: the meter, which both sides name and the operator has registered for the seller. One that lies can give the
/// seller the deposit, or let it deliver for nothing, and no more. It signs for each agreement what went to that one; what
/// it measures for trades (`IMetering`) is another count, and only the meter can keep a unit out of the other. Everybody
/// else may relay what it signed, and can choose nothing. The fee is what both sides sign: the venue has no say in it.
///
/// What is owed is worked out from cumulative units: u units of the meter, in lots, are worth floor(price u / lots per
/// unit), and bear a fee of floor(worth feeBps / 10,000). A draw costs what these grew by since the one before, so
/// no rounding adds up however often is drawn. If the deposit does not cover it, all that is left goes to seller and
/// venue in the same proportion, the odd micro to the seller; what it does not cover is never owed, not even after
/// more was paid in. So a seller should deliver no more than the deposit covers, and a buyer have the last reading
/// drawn before it pays in more.
///
/// Amounts are micros, quantities lots, times Unix seconds.
interface IPayAsYouGo is IModule {
    /// What buyer and seller sign (EIP-712 `PayAsYouGo`, this contract's domain). Presented each time; only what
    /// became of it is kept, under its digest.
    struct Terms {
        address buyer;
        address seller;
        /// Whose cumulative readings count.
        address meter;
        /// The instrument id of what is delivered, without its low 48 bits.
        uint256 resource;
        /// Price per unit.
        uint64 price;
        /// Fee in basis points of delivered value, paid by the buyer.
        uint16 feeBps;
        /// What the buyer sets aside at opening.
        uint128 deposit;
        /// Seconds between stopping and the end.
        uint32 notice;
        /// Seconds after the end within which its last reading may be brought.
        uint32 readingWindow;
        /// When the two signatures lapse.
        uint64 openUntil;
        bytes32 salt;
    }

    /// What a meter counted for one agreement since it opened (EIP-712
    /// `CumulativeReading(bytes32 agreement,address meter,uint64 through,uint64 units)`).
    struct CumulativeReading {
        /// The second up to which it counted.
        uint64 through;
        uint64 units;
        /// The meter's signature, (r, s, v) or EIP-2098: meters have a key.
        bytes signature;
    }

    /// Where an agreement stands.
    struct State {
        Stage stage;
        /// Told as soon as the end is fixed.
        Outcome outcome;
        /// The last reading drawn: how much, and up to when; at first nothing, up to the opening.
        uint64 units;
        uint48 through;
        /// The end, 0 while nobody stopped it.
        uint48 endsAt;
        /// When the deposit was used up, 0 while something is left of it.
        uint48 exhaustedAt;
    }

    event Opened(bytes32 indexed agreement, address indexed buyer, address indexed seller, Terms terms);
    event Retracted(bytes32 indexed agreement, address indexed by);
    event ToppedUp(bytes32 indexed agreement, uint256 amount);
    /// The reading was drawn; `paid` and `fee` are what it moved to the seller and to the venue.
    event Drawn(bytes32 indexed agreement, uint64 through, uint64 units, uint256 paid, uint256 fee);
    /// Nothing is left of the deposit. `unpaid` is what this draw's units are worth beyond what was paid: it is not owed.
    event Exhausted(bytes32 indexed agreement, uint256 unpaid);
    event Stopped(bytes32 indexed agreement, address indexed by, uint256 endsAt);
    event Closed(bytes32 indexed agreement, uint256 returnedToBuyer);

    /// These terms were opened or retracted before.
    error AgreementNotNew(bytes32 agreement);
    error AgreementNotActive(bytes32 agreement);
    error OpeningLapsed(uint256 openUntil);
    /// Buyer and seller are one.
    error PartiesAreOne(address party);
    error DepositMissing();
    /// The terms name another meter than the one registered for the seller's resource.
    error NotTheMeter(address named, address registered);
    error NotSignedBy(address signer);
    error NotTheBuyer(address caller);
    /// The caller is neither buyer nor seller.
    error NotAParty(address caller);
    error ReadingInFuture(uint256 through);
    /// The reading does not reach beyond the last one drawn.
    error ReadingNotNewer(uint256 lastThrough, uint256 through);
    /// The reading counts less than the last one drawn.
    error ReadingFell(uint256 lastUnits, uint256 units);
    /// The reading reaches beyond the end.
    error ReadingBeyondEnd(uint256 endsAt, uint256 through);
    /// It is too late for readings: the window after the end is over.
    error ReadingWindowOver(uint256 closesAt);
    error NotStopped(bytes32 agreement);
    /// A reading may still come.
    error ReadingWindowOpen(uint256 closesAt);

    /// Open an agreement that both sides signed, and lock its deposit out of the buyer's free money.
    ///
    /// Anyone may send it. The terms are good once, and only until `openUntil`. A wallet's signature (EIP-1271) can be
    /// made to fail by sending too little gas, which opens nothing.
    function open(Terms calldata terms, bytes calldata buyerSignature, bytes calldata sellerSignature) external;

    /// Make terms that were not opened worthless, whoever signed them. Buyer or seller only.
    function retract(Terms calldata terms) external;

    /// Lock more of the buyer's free money. Buyer only.
    ///
    /// It is there for what is drawn from now on: for units delivered before and not drawn yet, too.
    function topUp(Terms calldata terms, uint256 amount) external;

    /// Pay for what the meter counted since the last draw, as far as the deposit goes.
    ///
    /// Anyone may send it, until the reading window after the end is over. Readings rise: each reaches beyond the last,
    /// and counts as much at least. One that was passed over is contained in the next.
    function draw(Terms calldata terms, CumulativeReading calldata reading) external;

    /// End the agreement when the notice is over. Buyer or seller only; once stopped, it changes nothing.
    ///
    /// A seller whose buyer has left the deposit used up for a whole notice ends it at once. A buyer that pays in
    /// crumbs can put that off and keep the seller to its notice; it gets nothing for it that it does not pay for.
    function stop(Terms calldata terms) external;

    /// Return what is left of the deposit to the buyer, once no further reading can come.
    ///
    /// Anyone may send it. That is when the reading window after the end is over, or the reading up to the end was drawn.
    function close(Terms calldata terms) external;

    /// Return the id of an agreement: the EIP-712 digest that both sides sign.
    function idOf(Terms calldata terms) external view returns (bytes32);

    /// Return where an agreement stands.
    function stateOf(bytes32 agreement) external view returns (State memory);

    /// Return the EIP-712 digest that the meter signs for a reading.
    function readingDigest(bytes32 agreement, address meter, uint64 through, uint64 units)
        external
        view
        returns (bytes32);

    /// Return what so many lots, counted from opening, come to: their worth, and the fee on it.
    function costOf(Terms calldata terms, uint64 units) external pure returns (uint256 worth, uint256 fee);

    /// Return the EIP-712 domain separator on this chain.
    function domainSeparator() external view returns (bytes32);
}
