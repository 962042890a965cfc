// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Settlement} from "../src/Settlement.sol";
import {SettlementToken} from "../src/SettlementToken.sol";
import {ICustody} from "../src/interfaces/ICustody.sol";
import {IOperated} from "../src/interfaces/IOperated.sol";
import {Market} from "./support/Market.sol";

/// Keeps a hundredth of every transfer.
contract GreedyToken is SettlementToken {
    constructor() SettlementToken(msg.sender) {}

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        super.transferFrom(from, to, amount);
        _burn(to, amount / 100);
        return true;
    }
}

/// Deposits as much again from within a deposit, so that the outer one would see both arrive.
contract ReentrantToken is SettlementToken {
    bool private _entered;

    constructor() SettlementToken(msg.sender) {}

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (!_entered) {
            _entered = true;
            _mint(address(this), amount);
            _approve(address(this), to, amount);
            Settlement(to).depositFor(from, amount);
        }
        return super.transferFrom(from, to, amount);
    }
}

contract Deposits is Market {
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    function give(uint256 amount) private {
        token.mint(stranger, amount);
        vm.prank(stranger);
        token.approve(address(settlement), amount);
    }

    function permitOf(address owner, uint256 amount) private view returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 hash = keccak256(
            abi.encode(PERMIT_TYPEHASH, owner, address(settlement), amount, token.nonces(owner), block.timestamp)
        );
        return vm.sign(keyOf[owner], keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), hash)));
    }

    function test_deposit_credits_the_caller() public {
        give(5e6);
        vm.expectEmit();
        emit ICustody.Deposited(stranger, 5e6);
        vm.prank(stranger);
        settlement.deposit(5e6);
        assertAccount(stranger, 5e6, 0, "stranger");
        assertEq(token.balanceOf(address(settlement)), 2 * FUNDS + 5e6, "custody");
    }

    function test_depositFor_spends_the_callers_tokens_for_another() public {
        give(5e6);
        vm.prank(stranger);
        settlement.depositFor(buyer, 5e6);
        assertAccount(buyer, FUNDS + 5e6, 0, "buyer");
        assertAccount(stranger, 0, 0, "stranger");
    }

    function test_permit_can_be_relayed_by_anyone() public {
        token.mint(buyer, 5e6);
        (uint8 v, bytes32 r, bytes32 s) = permitOf(buyer, 5e6);
        vm.prank(stranger);
        settlement.depositWithPermit(buyer, 5e6, block.timestamp, v, r, s);
        assertAccount(buyer, FUNDS + 5e6, 0, "buyer");
    }

    function test_owner_deposits_though_a_permit_was_used_before() public {
        token.mint(buyer, 5e6);
        (uint8 v, bytes32 r, bytes32 s) = permitOf(buyer, 5e6);
        vm.prank(stranger);
        token.permit(buyer, address(settlement), 5e6, block.timestamp, v, r, s);
        vm.prank(buyer);
        settlement.depositWithPermit(buyer, 5e6, block.timestamp, v, r, s);
        assertAccount(buyer, FUNDS + 5e6, 0, "buyer");
    }

    function test_stranger_cannot_use_an_old_allowance_of_another() public {
        give(5e6);
        vm.expectRevert(abi.encodeWithSelector(ICustody.PermitFailed.selector));
        settlement.depositWithPermit(stranger, 5e6, block.timestamp, 27, 0, 0);
    }

    function test_what_really_arrived_is_credited() public {
        GreedyToken greedy = new GreedyToken();
        settlement = deploySettlement(address(greedy));
        greedy.mint(address(this), 100e6);
        greedy.approve(address(settlement), 100e6);
        settlement.deposit(100e6);
        assertAccount(address(this), 99e6, 0, "depositor");
    }

    function test_a_reentrant_token_cannot_be_credited_twice() public {
        ReentrantToken reentrant = new ReentrantToken();
        settlement = deploySettlement(address(reentrant));
        reentrant.mint(address(this), 1e6);
        reentrant.approve(address(settlement), 1e6);
        vm.expectRevert(abi.encodeWithSignature("TransferFromFailed()"));
        settlement.deposit(1e6);
    }

    function test_nothing_and_nobody_are_refused() public {
        vm.expectRevert(abi.encodeWithSelector(ICustody.NothingToMove.selector));
        settlement.deposit(0);
        vm.expectRevert(abi.encodeWithSelector(IOperated.ZeroAddress.selector));
        settlement.depositFor(address(0), 1);
    }

    function test_test_money_is_minted_by_its_owner_only() public {
        assertEq(keccak256(bytes(token.name())), keccak256("CCEI test token"), "name");
        assertEq(keccak256(bytes(token.symbol())), keccak256("CUSD"), "symbol");
        assertEq(token.decimals(), 6, "decimals");
        vm.expectRevert(abi.encodeWithSignature("Unauthorized()"));
        vm.prank(stranger);
        token.mint(stranger, 1);
    }

    function testFuzz_deposits_add_up(uint128 first, uint128 second) public {
        uint256 one = bound(first, 1, type(uint120).max / 2);
        uint256 other = bound(second, 1, type(uint120).max / 2);
        fund(stranger, one);
        fund(stranger, other);
        assertAccount(stranger, one + other, 0, "stranger");
        assertEq(token.balanceOf(address(settlement)), 2 * uint256(FUNDS) + one + other, "custody");
    }
}
