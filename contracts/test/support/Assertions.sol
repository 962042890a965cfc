// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "./Vm.sol";

/// What a test says when it fails, and a way to draw numbers within bounds.
abstract contract Assertions {
    Vm internal constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

    error NotEqual(string what, uint256 found, uint256 expected);
    error NotTrue(string what);

    /// Printed by `forge test -vv`.
    event log_named_uint(string key, uint256 value);

    function assertEq(uint256 found, uint256 expected, string memory what) internal pure {
        if (found != expected) revert NotEqual(what, found, expected);
    }

    function assertEq(bytes32 found, bytes32 expected, string memory what) internal pure {
        assertEq(uint256(found), uint256(expected), what);
    }

    function assertEq(address found, address expected, string memory what) internal pure {
        assertEq(uint160(found), uint160(expected), what);
    }

    function assertTrue(bool holds, string memory what) internal pure {
        if (!holds) revert NotTrue(what);
    }

    function bound(uint256 drawn, uint256 least, uint256 most) internal pure returns (uint256) {
        if (drawn >= least && drawn <= most) return drawn;
        return least + drawn % (most - least + 1);
    }
}
