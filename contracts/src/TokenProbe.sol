// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface IERC20 {
    function balanceOf(address holder) external view returns (uint256);
    function approve(address spender, uint256 amount) external returns (bool);
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

/// Ask a token whether it moves exactly what it is told to, as the settlement relies on.
///
/// Never deployed: `ccei deploy` has a node simulate this code at an address to which the simulation lends tokens, before
/// anything is sent. It trusts nobody and keeps nothing; deployed for real it could move only what it was given.
contract TokenProbe {
    /// What became of one transfer of the amount.
    struct Moved {
        /// Whether the token did not revert.
        bool succeeded;
        /// Whether it answered as ERC-20 asks, with true, or as some older ones do, with nothing.
        bool accepted;
        /// By how much the sender had less afterwards, and the receiver more.
        uint256 left;
        uint256 arrived;
    }

    /// Where the tokens go in the simulation: an address that nobody has a key of.
    address public constant SINK = address(uint160(uint256(keccak256("CCEI Market: token probe"))));

    /// Send half of `amount` by `transfer`, half by `approve` and `transferFrom`.
    function probe(address token, uint256 amount) external returns (Moved memory sent, Moved memory pulled) {
        uint256 half = amount / 2;
        sent = _move(token, abi.encodeCall(IERC20.transfer, (SINK, half)));
        // Low-level calls, because a probe must outlive whatever the token does.
        // solhint-disable-next-line avoid-low-level-calls
        (bool approved,) = token.call(abi.encodeCall(IERC20.approve, (address(this), half)));
        if (approved) pulled = _move(token, abi.encodeCall(IERC20.transferFrom, (address(this), SINK, half)));
    }

    function _move(address token, bytes memory order) private returns (Moved memory moved) {
        uint256 mine = IERC20(token).balanceOf(address(this));
        uint256 theirs = IERC20(token).balanceOf(SINK);
        bytes memory answer;
        // solhint-disable-next-line avoid-low-level-calls
        (moved.succeeded, answer) = token.call(order);
        moved.accepted = moved.succeeded && (answer.length == 0 || _isTrue(answer));
        moved.left = mine - IERC20(token).balanceOf(address(this));
        moved.arrived = IERC20(token).balanceOf(SINK) - theirs;
    }

    function _isTrue(bytes memory answer) private pure returns (bool) {
        return answer.length >= 32 && abi.decode(answer, (uint256)) == 1;
    }
}
