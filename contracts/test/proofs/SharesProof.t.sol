// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ProRata} from "../../src/libraries/ProRata.sol";

/// Proofs by halmos that a reading is shared out to the last lot, and no lot twice.
///
/// Widths: products of 64-bit numbers are beyond the solver, so what needs them multiplied out is proved for 4 bits
/// each, which exercises every rounding; the telescoping itself holds for 64 bits, since equal terms cancel.
contract SharesProof {
    function check_shares_telescope(uint64 units, uint64 sold, uint64 before, uint64 first, uint64 second) public pure {
        if (sold == 0 || uint256(before) + first + second > sold) return;
        uint256 one = ProRata.delivered(units, sold, before, first);
        uint256 next = ProRata.delivered(units, sold, uint256(before) + first, second);
        assert(one + next == ProRata.delivered(units, sold, before, uint256(first) + second));
    }

    function check_a_share_is_at_most_what_was_sold(uint8 units, uint8 sold, uint8 before, uint8 quantity) public pure {
        if (units > 15 || sold > 15 || uint256(before) + quantity > sold) return;
        assert(ProRata.delivered(units, sold, before, quantity) <= quantity);
    }

    function check_all_shares_are_the_reading(uint8 units, uint8 sold) public pure {
        if (units > 15 || sold > 15) return;
        assert(ProRata.delivered(units, sold, 0, sold) == (units < sold ? units : sold));
    }
}
