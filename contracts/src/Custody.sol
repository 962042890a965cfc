// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReentrancyGuard} from "solady/utils/ReentrancyGuard.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {Operated} from "./Operated.sol";
import {ICustody} from "./interfaces/ICustody.sol";
import {Signatures} from "./libraries/Signatures.sol";

interface IERC20Permit {
    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external;
}

/// Keep the participants' tokens. Only this part of the settlement touches the token.
abstract contract Custody is ICustody, Operated, ReentrancyGuard {
    using SafeCastLib for uint256;
    using SafeTransferLib for address;

    bytes32 private constant WITHDRAWAL_TYPEHASH =
        keccak256("Withdrawal(address participant,uint128 amount,uint64 nonce,uint64 deadline)");

    /// @inheritdoc ICustody
    address public immutable token;
    /// @inheritdoc ICustody
    uint64 public immutable noticePeriod;

    mapping(address participant => Account) private _accounts;
    mapping(address participant => Exit) private _exits;
    mapping(address participant => mapping(uint64 nonce => bool)) private _withdrawalUsed;

    constructor(address token_, uint64 noticePeriod_) {
        if (token_ == address(0)) revert ZeroAddress();
        token = token_;
        noticePeriod = noticePeriod_;
    }

    /// @inheritdoc ICustody
    function deposit(uint256 amount) external nonReentrant {
        _pull(msg.sender, msg.sender, amount);
    }

    /// @inheritdoc ICustody
    function depositFor(address participant, uint256 amount) external nonReentrant {
        _pull(msg.sender, participant, amount);
    }

    /// @inheritdoc ICustody
    function depositWithPermit(address owner, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        nonReentrant
    {
        try IERC20Permit(token).permit(owner, address(this), amount, deadline, v, r, s) {}
        catch {
            if (msg.sender != owner) revert PermitFailed();
        }
        _pull(owner, owner, amount);
    }

    /// @inheritdoc ICustody
    function withdraw(
        address participant,
        uint128 amount,
        uint64 nonce,
        uint64 deadline,
        bytes calldata operatorSignature
    ) external nonReentrant {
        if (msg.sender != participant && msg.sender != operator) {
            revert NotParticipantOrOperator(msg.sender);
        }
        if (block.timestamp > deadline) revert WithdrawalExpired(deadline);
        if (_withdrawalUsed[participant][nonce]) revert WithdrawalAlreadyUsed(participant, nonce);
        bytes32 digest =
            _hashTypedData(keccak256(abi.encode(WITHDRAWAL_TYPEHASH, participant, amount, nonce, deadline)));
        if (!Signatures.isSignedBy(digest, operator, operatorSignature)) revert OperatorSignatureInvalid();

        _withdrawalUsed[participant][nonce] = true;
        emit Withdrawn(participant, amount, nonce);
        _pay(participant, amount);
    }

    /// @inheritdoc ICustody
    function requestExit(uint128 amount) external {
        uint64 effectiveAt = uint64(block.timestamp) + noticePeriod;
        _exits[msg.sender] = Exit(amount, effectiveAt);
        emit ExitRequested(msg.sender, amount, effectiveAt);
    }

    /// @inheritdoc ICustody
    function executeExit(address participant) external nonReentrant {
        Exit memory wanted = _exits[participant];
        if (wanted.amount == 0) revert NoExitRequested(participant);
        if (block.timestamp < wanted.effectiveAt) revert NoticeNotOver(wanted.effectiveAt);
        uint128 free = _accounts[participant].free;
        uint128 amount = wanted.amount < free ? wanted.amount : free;

        delete _exits[participant];
        emit Exited(participant, amount);
        _pay(participant, amount);
    }

    /// @inheritdoc ICustody
    function accountOf(address participant) external view returns (Account memory) {
        return _accounts[participant];
    }

    /// @inheritdoc ICustody
    function exitOf(address participant) external view returns (Exit memory) {
        return _exits[participant];
    }

    /// @inheritdoc ICustody
    function withdrawalUsed(address participant, uint64 nonce) external view returns (bool) {
        return _withdrawalUsed[participant][nonce];
    }

    function _free(address participant) internal view returns (uint256) {
        return _accounts[participant].free;
    }

    /// Move `amount` of `participant` from free to locked.
    function _lock(address participant, uint256 amount) internal {
        Account memory account = _accounts[participant];
        account.free -= amount.toUint128();
        account.locked += amount.toUint128();
        _accounts[participant] = account;
    }

    /// Take `unlocked` out of what `participant` has locked, and give it `earned` of free money.
    ///
    /// The caller sees to it that over all participants the two add up to the same.
    function _unlock(address participant, uint256 unlocked, uint256 earned) internal {
        Account memory account = _accounts[participant];
        account.locked -= unlocked.toUint128();
        account.free += earned.toUint128();
        _accounts[participant] = account;
    }

    /// Credit what arrived, which a token that takes a fee makes less than `amount`.
    function _pull(address from, address participant, uint256 amount) private {
        if (participant == address(0)) revert ZeroAddress();
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(from, address(this), amount);
        uint256 arrived = token.balanceOf(address(this)) - before;
        if (arrived == 0) revert NothingToMove();
        _accounts[participant].free += arrived.toUint128();
        emit Deposited(participant, arrived);
    }

    function _pay(address participant, uint128 amount) private {
        if (amount == 0) revert NothingToMove();
        uint128 free = _accounts[participant].free;
        if (amount > free) revert InsufficientFree(participant, free, amount);
        _accounts[participant].free = free - amount;
        token.safeTransfer(participant, amount);
    }
}
