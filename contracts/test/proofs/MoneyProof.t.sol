// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Money} from "../../src/libraries/Money.sol";
import {Terms} from "../../src/types/Terms.sol";

/// Proofs by halmos about the roundings of money: whoever splits a trade gains at most the micro that rounding leaves.
///
/// Widths: prices of 8 bits and quantities of 4, values of 8 bits for the fee, 1 and 1000 lots a unit; much wider
/// products are beyond the solver. That nothing overflows is proved for all 64-bit prices and quantities.
contract MoneyProof {
    function check_no_product_overflows(uint64 price, uint64 quantity, uint16 bps) public pure {
        uint256 value = uint256(price) * quantity;
        assert(value <= type(uint128).max);
        assert(type(uint256).max / type(uint128).max >= bps);
    }

    function check_parts_are_worth_the_whole(uint8 price, uint8 one, uint8 other, bool thousand) public pure {
        if (one > 15 || other > 15) return;
        Terms memory terms;
        terms.lotsPerUnit = thousand ? 1000 : 1;
        terms.collateralPrice = price;
        (uint256 paidOne,, uint256 heldOne) = Money.amounts(terms, price, one, 0);
        (uint256 paidOther,, uint256 heldOther) = Money.amounts(terms, price, other, 0);
        (uint256 paid,, uint256 held) = Money.amounts(terms, price, uint256(one) + other, 0);
        assert(paidOne + paidOther <= paid && paid <= paidOne + paidOther + 1);
        assert(heldOne + heldOther <= held && held <= heldOne + heldOther + 1);
    }

    function check_a_fee_is_at_most_the_value(uint8 value, uint16 bps) public pure {
        if (bps > Money.BPS_ONE) return;
        assert(Money.fee(value, bps) <= value);
    }
}
