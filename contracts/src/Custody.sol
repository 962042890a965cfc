// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReentrancyGuard} from "solady/utils/ReentrancyGuard.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {Bookkeeping} from "./Bookkeeping.sol";
import {Operated} from "./Operated.sol";
import {ICustody} from "./interfaces/ICustody.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Purse} from "./types/Purse.sol";

interface IERC20Permit {
    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external;
    function nonces(address owner) external view returns (uint256);
}

/// Keep the participants' tokens. Only this part of the settlement touches the token.
abstract contract Custody is ICustody, Operated, Bookkeeping, ReentrancyGuard {
    using SafeCastLib for uint256;
    using SafeTransferLib for address;

    bytes32 private constant WITHDRAWAL_TYPEHASH =
        keccak256("Withdrawal(address participant,uint128 amount,uint64 nonce,uint64 deadline)");

    /// @inheritdoc ICustody
    address public immutable token;
    /// @inheritdoc ICustody
    uint64 public immutable noticePeriod;

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
        if (msg.sender == owner) {
            try IERC20Permit(token).permit(owner, address(this), amount, deadline, v, r, s) {} catch {}
        } else {
            _requirePermit(owner, amount, deadline, v, r, s);
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
        Purse purse = _purseOf(participant);
        uint256 amount = wanted.amount < purse.free() ? wanted.amount : purse.free();
        if (amount < wanted.amount && purse.locked() != 0 && msg.sender != participant) {
            revert InsufficientFree(participant, amount, wanted.amount);
        }

        delete _exits[participant];
        emit Exited(participant, amount);
        _pay(participant, amount);
    }

    /// @inheritdoc ICustody
    function accountOf(address participant) external view returns (Account memory) {
        Purse purse = _purseOf(participant);
        return Account(purse.free().toUint120(), purse.locked().toUint120());
    }

    /// @inheritdoc ICustody
    function exitOf(address participant) external view returns (Exit memory) {
        return _exits[participant];
    }

    /// @inheritdoc ICustody
    function withdrawalUsed(address participant, uint64 nonce) external view returns (bool) {
        return _withdrawalUsed[participant][nonce];
    }

    function _purseOf(address participant) internal view returns (Purse) {
        return _allBooks().purses[participant];
    }

    /// Store what became of a purse.
    ///
    /// The caller sees to it that over all participants, free and locked money add up to what they did before.
    function _setPurse(address participant, Purse purse) internal {
        _allBooks().purses[participant] = purse;
    }

    /// Take `unlocked` out of what `participant` has locked, and give it `earned` of free money.
    ///
    /// The caller sees to it that over all participants the two add up to the same.
    function _unlock(address participant, uint256 unlocked, uint256 earned) internal {
        _setPurse(participant, _purseOf(participant).release(unlocked, earned));
    }

    /// Use a stranger's permit. That it took a nonce proves that it was one: a token without permits may answer nothing.
    function _requirePermit(address owner, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) private {
        uint256 nonce = IERC20Permit(token).nonces(owner);
        try IERC20Permit(token).permit(owner, address(this), amount, deadline, v, r, s) {}
        catch {
            revert PermitFailed();
        }
        if (IERC20Permit(token).nonces(owner) == nonce) revert PermitFailed();
    }

    /// Credit what arrived, which a token that takes a fee makes less than `amount`.
    function _pull(address from, address participant, uint256 amount) private {
        if (participant == address(0)) revert ZeroAddress();
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(from, address(this), amount);
        uint256 arrived = token.balanceOf(address(this)) - before;
        if (arrived == 0) revert NothingToMove();
        _setPurse(participant, _purseOf(participant).credit(arrived));
        emit Deposited(participant, arrived);
    }

    function _pay(address participant, uint256 amount) private {
        if (amount == 0) revert NothingToMove();
        Purse purse = _purseOf(participant);
        if (amount > purse.free()) revert InsufficientFree(participant, purse.free(), amount);
        _setPurse(participant, purse.debit(amount));
        token.safeTransfer(participant, amount);
    }
}
