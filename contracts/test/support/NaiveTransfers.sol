// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface IERC20 {
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

/// What settlement costs if nothing is checked: an operator whom everybody trusts pulls both sides' money in.
///
/// No signature, limit, quantity or repetition is looked at, and nobody could find out from the chain what was agreed.
contract NaiveTransfers {
    struct Trade {
        address buyer;
        address seller;
        uint128 payment;
        uint128 collateral;
    }

    IERC20 private immutable _token;

    constructor(IERC20 token) {
        _token = token;
    }

    function settle(Trade[] calldata trades) external {
        for (uint256 i = 0; i < trades.length; ++i) {
            Trade calldata trade = trades[i];
            _token.transferFrom(trade.buyer, address(this), trade.payment);
            _token.transferFrom(trade.seller, address(this), trade.collateral);
        }
    }

    function deliver(Trade[] calldata trades) external {
        for (uint256 i = 0; i < trades.length; ++i) {
            _token.transfer(trades[i].seller, trades[i].payment + trades[i].collateral);
        }
    }
}
