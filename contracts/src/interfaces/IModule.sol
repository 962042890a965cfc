// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A contract that the settlement lets lock and share out money for its own contracts between participants.
interface IModule {
    /// Return the settlement that this module belongs to. It never changes.
    function settlement() external view returns (address);
}
