// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICustody} from "./ICustody.sol";

/// Money set aside for a contract: locked, kept under who put it there, and shared out by the module that keeps the contract.
///
/// The modules (guarantee, standby, long-term, pay-as-you-go) are named at deployment, know this settlement as theirs, and
/// never change. They hold no tokens. A module is trusted to lock a participant's free money only with that participant's
/// signature or call; this contract sees to the rest: what a module shares out was locked behind the same key, by the same
/// module, for the same participant, and not a micro appears or vanishes. A hostile module could therefore lock free
/// money and hand it round; that is why there is no way to name another one.
interface IEscrow is ICustody {
    /// What a contract's end, or a step of it, means for somebody, in micros.
    struct Share {
        address participant;
        /// Taken out of what `participant` has locked behind the key.
        uint256 unlocked;
        /// Given to `participant` as free money.
        uint256 earned;
    }

    event Secured(address indexed module, bytes32 indexed key, address indexed participant, uint256 amount);
    event Shared(
        address indexed module, bytes32 indexed key, address indexed participant, uint256 unlocked, uint256 earned
    );

    error NotModule(address caller);
    /// The module named at deployment belongs to another settlement.
    error ModuleOfAnother(address module, address settlement);
    /// What is taken out of locked money is not what is given.
    error SharesUnequal(uint256 unlocked, uint256 earned);
    /// More would be taken than the participant has locked behind the key.
    error EscrowExceeded(bytes32 key, address participant, uint256 held, uint256 wanted);

    /// Lock `amount` of `participant`'s free money behind the caller's `key`, on top of what is there. Module only.
    ///
    /// Reverts with `InsufficientFree` if there is less. 0 does nothing.
    function secure(bytes32 key, address participant, uint256 amount) external;

    /// Share out money that is locked behind the caller's `key`. Module only.
    ///
    /// One who is named twice is served twice. What nobody's share takes stays locked.
    function share(bytes32 key, Share[] calldata shares) external;

    /// Return what `participant` has locked behind a module's key.
    function escrowOf(address module, bytes32 key, address participant) external view returns (uint256);

    /// Return whether the account may lock and share out.
    function isModule(address account) external view returns (bool);

    /// Return who may lock and share out, the guarantee first. It never changes.
    function modules() external view returns (address[] memory);
}
