// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "solady/utils/EIP712.sol";
import {IOperated} from "./interfaces/IOperated.sol";

/// The operator's account and the EIP-712 domain that both halves of the settlement share.
abstract contract Operated is IOperated, EIP712 {
    /// @inheritdoc IOperated
    address public immutable operator;

    modifier onlyOperator() {
        _requireOperator();
        _;
    }

    constructor(address operator_) {
        if (operator_ == address(0)) revert ZeroAddress();
        operator = operator_;
    }

    /// @inheritdoc IOperated
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparator();
    }

    /// A function, since a modifier's code stands again wherever it is used.
    function _requireOperator() private view {
        if (msg.sender != operator) revert NotOperator(msg.sender);
    }

    function _domainNameAndVersion() internal pure override returns (string memory name, string memory version) {
        return ("CCEI Market", "1");
    }
}
