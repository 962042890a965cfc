// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOperated} from "./IOperated.sol";

/// Whose money it is: deposits, withdrawals and exits. All amounts are micros of the settlement token.
///
/// The token is chosen at deployment and trusted to move what it says, and to have a supply below 2^120 micros (with six
/// decimals, 10^30 tokens): an account is one storage word, and a number that would not fit reverts. No function sends
/// tokens anywhere but to the participant who owns them.
interface ICustody is IOperated {
    /// A participant's money: `free` to trade with or take out, `locked` in trades that are not over.
    struct Account {
        uint120 free;
        uint120 locked;
    }

    /// A wish to leave without the operator; `effectiveAt` is 0 when there is none.
    struct Exit {
        uint128 amount;
        uint64 effectiveAt;
    }

    event Deposited(address indexed participant, uint256 amount);
    event Withdrawn(address indexed participant, uint256 amount, uint64 nonce);
    event ExitRequested(address indexed participant, uint256 amount, uint256 effectiveAt);
    event Exited(address indexed participant, uint256 amount);

    /// Nothing arrived, or nothing was asked for.
    error NothingToMove();
    /// The permit failed, and somebody other than the owner of the tokens sent it.
    error PermitFailed();
    error InsufficientFree(address participant, uint256 free, uint256 needed);
    error NotParticipantOrOperator(address caller);
    error WithdrawalExpired(uint64 deadline);
    error WithdrawalAlreadyUsed(address participant, uint64 nonce);
    /// The operator did not sign this withdrawal.
    error OperatorSignatureInvalid();
    error NoExitRequested(address participant);
    error NoticeNotOver(uint256 effectiveAt);

    /// Pull `amount` from the caller and credit what arrived to the caller.
    function deposit(uint256 amount) external;

    /// Pull `amount` from the caller and credit what arrived to `participant`.
    ///
    /// Trusts nobody: the caller spends its own tokens, and can only enrich `participant`.
    function depositFor(address participant, uint256 amount) external;

    /// Use `owner`'s EIP-2612 permit, pull `amount` from `owner` and credit what arrived to `owner`.
    ///
    /// Anyone may relay it. A permit that fails (somebody used it first, to block the deposit) is forgiven only when
    /// `owner` calls: a stranger could otherwise move an old allowance of `owner` in here against `owner`'s will. For the
    /// same reason a stranger's permit must have used up a nonce: a token without permits might swallow the call.
    function depositWithPermit(address owner, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// Pay `amount` of free money to `participant` at once, counter-signed by the operator.
    ///
    /// The operator signs EIP-712 `Withdrawal(address participant,uint128 amount,uint64 nonce,uint64 deadline)`; a nonce
    /// works once per participant, until `deadline` inclusive. Only the participant or the operator may send it, so
    /// a stranger who sees the signature cannot choose the moment.
    function withdraw(
        address participant,
        uint128 amount,
        uint64 nonce,
        uint64 deadline,
        bytes calldata operatorSignature
    ) external;

    /// Ask to take out `amount` without the operator, `noticePeriod` seconds from now.
    ///
    /// The money stays free for trades already matched until then. A new request replaces the old one and starts the
    /// notice again; a request of 0 takes it back.
    function requestExit(uint128 amount) external;

    /// Pay out an exit whose notice is over: what was asked for, or what is free if that is less.
    ///
    /// Anyone may call it for anyone; the money goes to `participant` only. While some of it is locked, `participant` alone
    /// may be content with less than was asked for: paying out a part uses the notice up.
    function executeExit(address participant) external;

    /// Return `participant`'s money.
    function accountOf(address participant) external view returns (Account memory);

    /// Return `participant`'s pending exit.
    function exitOf(address participant) external view returns (Exit memory);

    /// Return whether a withdrawal of `participant` with this nonce was paid.
    function withdrawalUsed(address participant, uint64 nonce) external view returns (bool);

    /// Return the token that money is counted in.
    function token() external view returns (address);

    /// Return the seconds between a request (to exit, to cancel) and its effect.
    function noticePeriod() external view returns (uint64);
}
