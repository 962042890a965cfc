"""Twin of `Stage.sol`: where a guaranteed contract stands, and how it ended."""

from enum import IntEnum


class Stage(IntEnum):
    """Where a guaranteed contract stands. Each kind of contract passes through those that apply to it."""

    NONE = 0
    PROPOSED = 1
    ACTIVE = 2
    DELIVERING = 3
    IN_CHALLENGE = 4
    IN_DISPUTE = 5
    RESCUE = 6
    CLOSED = 7


class Outcome(IntEnum):
    """How a contract ended."""

    NONE = 0
    FULFILLED = 1
    COMPENSATED = 2
    TERMINATED = 3
