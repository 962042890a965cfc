// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Where a guaranteed contract stands. Each kind of contract passes through those that apply to it.
enum Stage {
    None,
    /// Signed by one side, or by both and not in force.
    Proposed,
    /// In force: the money is locked.
    Active,
    /// Its hour, or a period of it, is being delivered.
    Delivering,
    /// What was delivered is known, or presumed, and may be contradicted.
    InChallenge,
    /// Contradicted; the arbiter has a time to decide.
    InDispute,
    /// A fallback supplier delivers the rest.
    Rescue,
    Closed
}

/// How a contract ended.
enum Outcome {
    None,
    /// All that was promised came.
    Fulfilled,
    /// It fell short, and whoever suffered was compensated.
    Compensated,
    /// It ended before its time, by notice or by default.
    Terminated
}
