// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IModule} from "./IModule.sol";

/// Standby capacity: a supplier keeps lots ready for a holder, who sets a premium aside now and pays the strike when it
/// calls. What a supplier of a trade names as its emergency plan is a list of such options that it holds itself.
///
/// One who declines a call, lets it lapse or delivers less than it accepted loses the premium to the holder, and nothing
/// else. One who was never called, or delivered, has the premium when the last hour is over. Times are Unix seconds,
/// quantities lots, money micros.
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

    /// Ask the supplier for `lots` on account of a short trade, kept under `cause` by the guarantee. Guarantee only.
    ///
    /// Nothing is locked here: the guarantee pays the strike out of what the trade locks. Reverts unless the option is
    /// open, has so many lots left, and can deliver in an hour that begins after the answer is due.
    /// @return callId What the call is kept under.
    function callFor(bytes32 cause, Terms calldata terms, uint64 lots) external returns (bytes32 callId);

    /// Bring a call to its end if it can be: an unanswered one lapses, an accepted one is over when its hour was metered
    /// or the reading window has passed. Anyone may; reverts if it is too early.
    /// @return call What became of it: `Declined`, or `Over` with the lots delivered, which are allotted to it.
    function conclude(bytes32 callId, Terms calldata terms) external returns (Call memory call);

    /// Return a call.
    function callOf(bytes32 callId) external view returns (Call memory);

    /// Return the ids of the options that a holder named for a resource, in the order in which they are called.
    ///
    /// A plan only ever grows at its end, so that nobody can withdraw from it what a trade relied on.
    function planOf(address holder, uint256 resource) external view returns (bytes32[] memory);

    /// Return the id of an option: the EIP-712 digest that both sign.
    function idOf(Terms calldata terms) external view returns (bytes32);
}
