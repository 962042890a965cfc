// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// One operator, and one EIP-712 domain (`CCEI Market`, version `1`) for all that is signed.
interface IOperated {
    error NotOperator(address caller);
    /// The zero address was given where somebody belongs.
    error ZeroAddress();

    /// Return the one account that submits batches, registers meters and counter-signs withdrawals. It never changes.
    function operator() external view returns (address);

    /// Return the EIP-712 domain separator on this chain.
    function domainSeparator() external view returns (bytes32);
}
