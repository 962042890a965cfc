// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Assertions} from "./Assertions.sol";

/// Deploy the committed artifacts, which are what is deployed, and measure what a transaction of its own costs.
abstract contract Artifacts is Assertions {
    function code(string memory name) internal view returns (bytes memory) {
        return vm.parseJsonBytes(json(name), ".bytecode");
    }

    /// The bytecode, with the address of one library in its places.
    function linked(string memory name, string memory library_, address where)
        internal
        view
        returns (bytes memory made)
    {
        made = code(name);
        uint256[] memory places = vm.parseJsonUintArray(json(name), string.concat(".links.", library_));
        for (uint256 i = 0; i < places.length; ++i) {
            for (uint256 j = 0; j < 20; ++j) {
                made[places[i] + j] = bytes20(where)[j];
            }
        }
    }

    function create(bytes memory creation) internal returns (address created) {
        assembly {
            created := create(0, add(creation, 0x20), mload(creation))
        }
        assertTrue(created != address(0), "created");
    }

    /// Send it as a transaction of its own (the test must be isolated), which may use so much gas.
    function send(string memory what, address from, address to, bytes memory data, uint256 most)
        internal
        returns (bytes memory answer)
    {
        vm.prank(from);
        bool done;
        (done, answer) = to.call(data);
        assertTrue(done, what);
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        emit log_named_uint(what, gas);
        assertTrue(gas <= most, string.concat(what, ": more gas than stated"));
    }

    function json(string memory name) private view returns (string memory) {
        return vm.readFile(string.concat("artifacts/", name, ".json"));
    }
}
