// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SettlementToken} from "../src/SettlementToken.sol";
import {TokenProbe} from "../src/TokenProbe.sol";
import {Assertions} from "./support/Assertions.sol";

/// A token that does what the test tells it to, whatever it says.
contract StrangeToken {
    mapping(address holder => uint256) public balanceOf;
    uint256 private immutable _fee;
    bytes private _answer;
    bool private _refusesApproval;

    constructor(uint256 fee, bytes memory answer, bool refusesApproval) {
        (_fee, _answer, _refusesApproval) = (fee, answer, refusesApproval);
    }

    function lend(address holder, uint256 amount) external {
        balanceOf[holder] = amount;
    }

    function approve(address, uint256) external view returns (bool) {
        require(!_refusesApproval, "no");
        return true;
    }

    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private {
        require(_answer.length != 1, "refused");
        balanceOf[from] -= amount;
        balanceOf[to] += amount - _fee;
        bytes memory answer = _answer;
        assembly ("memory-safe") {
            return(add(answer, 0x20), mload(answer))
        }
    }
}

/// What the probe says of tokens, good ones and odd ones.
contract TokenProbeTest is Assertions {
    TokenProbe private probe = new TokenProbe();

    function testFuzz_a_good_token_moves_what_it_is_told_to(uint128 amount) public {
        SettlementToken token = new SettlementToken(address(this));
        token.mint(address(probe), amount);
        (TokenProbe.Moved memory sent, TokenProbe.Moved memory pulled) = probe.probe(address(token), amount);
        assertMoved(sent, true, true, amount / 2, amount / 2);
        assertMoved(pulled, true, true, amount / 2, amount / 2);
    }

    function test_an_older_token_that_answers_nothing_is_accepted() public {
        (TokenProbe.Moved memory sent, TokenProbe.Moved memory pulled) = probed(new StrangeToken(0, "", false));
        assertMoved(sent, true, true, 500, 500);
        assertMoved(pulled, true, true, 500, 500);
    }

    function test_a_fee_on_transfer_shows() public {
        (TokenProbe.Moved memory sent, TokenProbe.Moved memory pulled) = probed(new StrangeToken(3, "", false));
        assertMoved(sent, true, true, 500, 497);
        assertMoved(pulled, true, true, 500, 497);
    }

    function test_an_answer_of_false_is_told() public {
        (TokenProbe.Moved memory sent,) = probed(new StrangeToken(0, abi.encode(false), false));
        assertMoved(sent, true, false, 500, 500);
    }

    function test_an_answer_that_is_no_word_is_told() public {
        (TokenProbe.Moved memory sent,) = probed(new StrangeToken(0, hex"0001", false));
        assertMoved(sent, true, false, 500, 500);
    }

    function test_an_answer_of_two_is_not_true() public {
        (TokenProbe.Moved memory sent,) = probed(new StrangeToken(0, abi.encode(2), false));
        assertMoved(sent, true, false, 500, 500);
    }

    function test_a_refusal_is_told() public {
        (TokenProbe.Moved memory sent, TokenProbe.Moved memory pulled) = probed(new StrangeToken(0, hex"01", false));
        assertMoved(sent, false, false, 0, 0);
        assertMoved(pulled, false, false, 0, 0);
    }

    function test_a_token_that_refuses_approval_is_not_pulled() public {
        (TokenProbe.Moved memory sent, TokenProbe.Moved memory pulled) = probed(new StrangeToken(0, "", true));
        assertMoved(sent, true, true, 500, 500);
        assertMoved(pulled, false, false, 0, 0);
    }

    function probed(StrangeToken token) private returns (TokenProbe.Moved memory sent, TokenProbe.Moved memory pulled) {
        token.lend(address(probe), 1000);
        return probe.probe(address(token), 1000);
    }

    function assertMoved(TokenProbe.Moved memory moved, bool succeeded, bool accepted, uint256 left, uint256 arrived)
        private
        pure
    {
        assertEq(moved.succeeded ? 1 : 0, succeeded ? 1 : 0, "succeeded");
        assertEq(moved.accepted ? 1 : 0, accepted ? 1 : 0, "accepted");
        assertEq(moved.left, left, "left");
        assertEq(moved.arrived, arrived, "arrived");
    }
}
