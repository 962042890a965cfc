// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Custody} from "./Custody.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IModule} from "./interfaces/IModule.sol";
import {Purse} from "./types/Purse.sol";

/// Let the modules lock money and share out what they locked.
abstract contract Escrow is IEscrow, Custody {
    address[] private _moduleList;
    mapping(address module => bool) private _modules;
    mapping(bytes32 escrowKey => uint256 amount) private _escrows;

    modifier onlyModule() {
        _requireModule();
        _;
    }

    constructor(address[] memory modules_) {
        for (uint256 i = 0; i < modules_.length; ++i) {
            address belongsTo = IModule(modules_[i]).settlement();
            if (belongsTo != address(this)) revert ModuleOfAnother(modules_[i], belongsTo);
            _modules[modules_[i]] = true;
        }
        _moduleList = modules_;
    }

    /// @inheritdoc IEscrow
    function secure(bytes32 key, address participant, uint256 amount) external onlyModule {
        if (amount == 0) return;
        Purse purse = _purseOf(participant);
        if (amount > purse.free()) revert InsufficientFree(participant, purse.free(), amount);
        _setPurse(participant, purse.lock(amount));
        _keep(msg.sender, key, participant, amount);
        emit Secured(msg.sender, key, participant, amount);
    }

    /// @inheritdoc IEscrow
    function share(bytes32 key, Share[] calldata shares) external onlyModule {
        uint256 unlocked = 0;
        uint256 earned = 0;
        for (uint256 i = 0; i < shares.length; ++i) {
            Share calldata one = shares[i];
            if (one.unlocked != 0) _take(key, one.participant, one.unlocked);
            _unlock(one.participant, one.unlocked, one.earned);
            unlocked += one.unlocked;
            earned += one.earned;
            emit Shared(msg.sender, key, one.participant, one.unlocked, one.earned);
        }
        if (unlocked != earned) revert SharesUnequal(unlocked, earned);
    }

    /// @inheritdoc IEscrow
    function escrowOf(address module, bytes32 key, address participant) external view returns (uint256) {
        return _escrows[_escrowKey(module, key, participant)];
    }

    /// @inheritdoc IEscrow
    function isModule(address account) external view returns (bool) {
        return _modules[account];
    }

    /// @inheritdoc IEscrow
    function modules() external view returns (address[] memory) {
        return _moduleList;
    }

    /// Keep money that is locked already behind a module's key.
    function _keep(address module, bytes32 key, address participant, uint256 amount) internal {
        _escrows[_escrowKey(module, key, participant)] += amount;
    }

    /// A function, since a modifier's code stands again wherever it is used.
    function _requireModule() private view {
        if (!_modules[msg.sender]) revert NotModule(msg.sender);
    }

    function _take(bytes32 key, address participant, uint256 amount) private {
        bytes32 escrowKey = _escrowKey(msg.sender, key, participant);
        uint256 held = _escrows[escrowKey];
        if (amount > held) revert EscrowExceeded(key, participant, held, amount);
        _escrows[escrowKey] = held - amount;
    }

    function _escrowKey(address module, bytes32 key, address participant) private pure returns (bytes32) {
        return keccak256(abi.encode(module, key, participant));
    }
}
