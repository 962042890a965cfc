// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CANCELLED_BELOW, LOCKED_SHIFT, Purse, PURSE_MAX} from "../../src/types/Purse.sol";

/// Proofs by halmos over all purses and amounts: whatever is done to a purse, no micro appears, vanishes or carries over.
///
/// A valid purse has 15 zero bits, a flag, and free and locked money that together are at most `PURSE_MAX`.
contract PurseProof {
    /// Locking multiplies, which is the shift and the subtraction that the next proof is about.
    function check_lock_adds_above_what_it_takes_below(uint256 word, uint256 amount) public pure {
        unchecked {
            assert(Purse.unwrap(Purse.wrap(word).lock(amount)) == word + (amount << LOCKED_SHIFT) - amount);
        }
    }

    function check_what_is_added_and_taken_is_moved(uint120 free, uint120 locked, bool flag, uint120 amount)
        public
        pure
    {
        if (!isValid(free, locked) || amount > free) return;
        unchecked {
            uint256 moved = Purse.unwrap(aPurse(free, locked, flag)) + (uint256(amount) << LOCKED_SHIFT) - amount;
            assertPurse(Purse.wrap(moved), uint256(free) - amount, uint256(locked) + amount, flag);
        }
    }

    function check_credit_adds_to_free_alone(uint120 free, uint120 locked, bool flag, uint256 amount) public view {
        if (!isValid(free, locked)) return;
        try this.credit(aPurse(free, locked, flag), amount) returns (Purse credited) {
            assertPurse(credited, uint256(free) + amount, locked, flag);
            assert(credited.free() + credited.locked() <= PURSE_MAX);
        } catch {
            assert(amount > PURSE_MAX - free - locked);
        }
    }

    function check_debit_takes_from_free_alone(uint120 free, uint120 locked, bool flag, uint256 amount) public view {
        if (!isValid(free, locked)) return;
        try this.debit(aPurse(free, locked, flag), amount) returns (Purse debited) {
            assertPurse(debited, free - amount, locked, flag);
        } catch {
            assert(amount > free);
        }
    }

    function check_release_takes_and_gives_exactly(
        uint120 free,
        uint120 locked,
        bool flag,
        uint256 unlocked,
        uint256 earned
    ) public view {
        if (!isValid(free, locked)) return;
        try this.release(aPurse(free, locked, flag), unlocked, earned) returns (Purse released) {
            assertPurse(released, uint256(free) + earned, locked - unlocked, flag);
            assert(released.free() + released.locked() <= PURSE_MAX);
        } catch {}
    }

    function check_the_flag_touches_no_money(uint120 free, uint120 locked, bool flag) public pure {
        if (!isValid(free, locked)) return;
        assertPurse(aPurse(free, locked, flag).withCancelledBelow(), free, locked, true);
    }

    // --- through calls, so that a revert is caught and not taken for a path that does not count -----------------

    function credit(Purse purse, uint256 amount) external pure returns (Purse) {
        return purse.credit(amount);
    }

    function debit(Purse purse, uint256 amount) external pure returns (Purse) {
        return purse.debit(amount);
    }

    function release(Purse purse, uint256 unlocked, uint256 earned) external pure returns (Purse) {
        return purse.release(unlocked, earned);
    }

    function isValid(uint256 free, uint256 locked) private pure returns (bool) {
        return free + locked <= PURSE_MAX;
    }

    function aPurse(uint256 free, uint256 locked, bool flag) private pure returns (Purse) {
        return Purse.wrap((flag ? CANCELLED_BELOW : 0) | locked << LOCKED_SHIFT | free);
    }

    /// Compare the whole word: an equal word has no stray bit.
    function assertPurse(Purse purse, uint256 free, uint256 locked, bool flag) private pure {
        assert(Purse.unwrap(purse) == Purse.unwrap(aPurse(free, locked, flag)));
    }
}
