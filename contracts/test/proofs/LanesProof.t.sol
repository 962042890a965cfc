// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Lanes} from "../../src/libraries/Lanes.sol";

/// Proofs by halmos over all words: four orders share a word, and none can touch another's lane.
contract LanesProof {
    /// Counting as `Locking._count` does, of no more than `Locking._remaining` allows.
    function check_counting_stays_in_its_lane(uint256 word, uint64 id, uint64 other, uint64 quantity) public pure {
        uint256 shift = Lanes.shiftOf(id);
        uint256 before = Lanes.filled(word, shift);
        if (quantity > Lanes.FILLED_MAX - before) return;
        uint256 counted = word + (uint256(quantity) << shift);
        assert(Lanes.filled(counted, shift) == before + quantity);
        assert(Lanes.cancelAsked(counted, shift) == Lanes.cancelAsked(word, shift));
        assertOthers(word, counted, shift, Lanes.shiftOf(other));
    }

    function check_a_flag_stays_in_its_lane(uint256 word, uint64 id, uint64 other) public pure {
        uint256 shift = Lanes.shiftOf(id);
        uint256 asked = Lanes.withCancelAsked(word, shift);
        assert(Lanes.cancelAsked(asked, shift));
        assert(Lanes.filled(asked, shift) == Lanes.filled(word, shift));
        assertOthers(word, asked, shift, Lanes.shiftOf(other));
    }

    /// No two orders have the same counter: key and lane together tell participant and id.
    function check_an_order_has_a_lane_of_its_own(address one, uint64 id, address another, uint64 anotherId)
        public
        pure
    {
        if (one == another && id == anotherId) return;
        assert(Lanes.keyOf(one, id) != Lanes.keyOf(another, anotherId) || Lanes.shiftOf(id) != Lanes.shiftOf(anotherId));
    }

    function assertOthers(uint256 word, uint256 changed, uint256 shift, uint256 other) private pure {
        if (other == shift) return;
        assert(Lanes.filled(changed, other) == Lanes.filled(word, other));
        assert(Lanes.cancelAsked(changed, other) == Lanes.cancelAsked(word, other));
    }
}
