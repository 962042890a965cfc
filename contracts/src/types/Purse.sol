// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A participant's money in the one word in which it is stored, in micros:
///
///     unused 15 | has cancelled below 1 | locked 120 | free 120
///
/// Free and locked money together never exceed `PURSE_MAX`, so that no locking can carry one number into the next. The
/// flag spares whoever never called `cancelBelow` a storage read in every batch.
type Purse is uint256;

uint256 constant PURSE_MAX = type(uint120).max;
uint256 constant LOCKED_SHIFT = 120;
uint256 constant CANCELLED_BELOW = 1 << 240;
// Added once, it takes one micro out of what is free and puts it into what is locked.
uint256 constant LOCK_ONE = (1 << LOCKED_SHIFT) - 1;

/// More than free and locked money together may be.
error PurseFull(uint256 found, uint256 most);

using {free, locked, hasCancelledBelow, withCancelledBelow, lock, credit, debit, release} for Purse global;

function free(Purse purse) pure returns (uint256) {
    return Purse.unwrap(purse) & PURSE_MAX;
}

function locked(Purse purse) pure returns (uint256) {
    return Purse.unwrap(purse) >> LOCKED_SHIFT & PURSE_MAX;
}

function hasCancelledBelow(Purse purse) pure returns (bool) {
    return Purse.unwrap(purse) & CANCELLED_BELOW != 0;
}

function withCancelledBelow(Purse purse) pure returns (Purse) {
    return Purse.wrap(Purse.unwrap(purse) | CANCELLED_BELOW);
}

/// Move `amount` from free to locked. The caller has checked that so much is free.
function lock(Purse purse, uint256 amount) pure returns (Purse) {
    unchecked {
        return Purse.wrap(Purse.unwrap(purse) + amount * LOCK_ONE);
    }
}

/// Add `amount` to what is free. Reverts if the purse cannot hold it.
function credit(Purse purse, uint256 amount) pure returns (Purse) {
    return purse.release(0, amount);
}

/// Take `amount` out of what is free. Reverts if there is less.
function debit(Purse purse, uint256 amount) pure returns (Purse) {
    return Purse.wrap((Purse.unwrap(purse) & ~PURSE_MAX) | (purse.free() - amount));
}

/// Take `unlocked` out of what is locked and add `earned` to what is free. Reverts if there is less, or no room.
function release(Purse purse, uint256 unlocked, uint256 earned) pure returns (Purse) {
    uint256 kept = purse.locked() - unlocked;
    uint256 gained = purse.free() + earned;
    if (kept + gained > PURSE_MAX) revert PurseFull(kept + gained, PURSE_MAX);
    return Purse.wrap((Purse.unwrap(purse) & CANCELLED_BELOW) | kept << LOCKED_SHIFT | gained);
}
