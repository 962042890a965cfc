// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "solady/auth/Ownable.sol";
import {ERC20} from "solady/tokens/ERC20.sol";

/// Test money with six decimals and EIP-2612 permits. Its owner mints as much as it likes: never use it for real.
contract SettlementToken is ERC20, Ownable {
    constructor(address owner_) {
        _initializeOwner(owner_);
    }

    /// Give `to` new tokens. Owner only.
    function mint(address to, uint256 amount) external onlyOwner {
        _mint(to, amount);
    }

    function name() public pure override returns (string memory) {
        return "CCEI test token";
    }

    function symbol() public pure override returns (string memory) {
        return "CUSD";
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// Let nobody spend without being allowed to: solady's default lends Permit2 an unlimited allowance.
    function _givePermit2InfiniteAllowance() internal pure override returns (bool) {
        return false;
    }
}
