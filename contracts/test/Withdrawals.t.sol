// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICustody} from "../src/interfaces/ICustody.sol";
import {Market} from "./support/Market.sol";

contract Withdrawals is Market {
    uint64 private constant NONCE = 9;
    uint64 private deadline;

    function signedBy(address signer, uint128 amount) private view returns (bytes memory) {
        bytes32 hash = keccak256(
            abi.encode(
                keccak256("Withdrawal(address participant,uint128 amount,uint64 nonce,uint64 deadline)"),
                buyer,
                amount,
                NONCE,
                deadline
            )
        );
        return signDigest(signer, digestOf(hash));
    }

    function withdrawAs(address caller, uint128 amount, bytes memory signature) private {
        vm.prank(caller);
        settlement.withdraw(buyer, amount, NONCE, deadline, signature);
    }

    function setUp() public override {
        super.setUp();
        deadline = uint64(block.timestamp + 1 hours);
    }

    function test_counter_signed_withdrawal_pays_the_participant_at_once() public {
        bytes memory signature = signedBy(operator, 4e6);
        vm.expectEmit();
        emit ICustody.Withdrawn(buyer, 4e6, NONCE);
        withdrawAs(buyer, 4e6, signature);
        assertEq(token.balanceOf(buyer), 4e6, "paid");
        assertAccount(buyer, FUNDS - 4e6, 0, "buyer");
        assertTrue(settlement.withdrawalUsed(buyer, NONCE), "used");
    }

    function test_operator_may_relay_and_still_pays_the_participant() public {
        withdrawAs(operator, 4e6, signedBy(operator, 4e6));
        assertEq(token.balanceOf(buyer), 4e6, "paid");
    }

    function test_stranger_may_not_choose_the_moment() public {
        bytes memory signature = signedBy(operator, 4e6);
        vm.expectRevert(abi.encodeWithSelector(ICustody.NotParticipantOrOperator.selector, stranger));
        withdrawAs(stranger, 4e6, signature);
    }

    function test_a_nonce_works_once() public {
        bytes memory signature = signedBy(operator, 4e6);
        withdrawAs(buyer, 4e6, signature);
        vm.expectRevert(abi.encodeWithSelector(ICustody.WithdrawalAlreadyUsed.selector, buyer, NONCE));
        withdrawAs(buyer, 4e6, signature);
    }

    function test_the_deadline_is_the_last_second() public {
        bytes memory signature = signedBy(operator, 4e6);
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(ICustody.WithdrawalExpired.selector, deadline));
        withdrawAs(buyer, 4e6, signature);
        vm.warp(deadline);
        withdrawAs(buyer, 4e6, signature);
    }

    function test_nobody_else_can_counter_sign() public {
        bytes memory signature = signedBy(buyer, 4e6);
        vm.expectRevert(abi.encodeWithSelector(ICustody.OperatorSignatureInvalid.selector));
        withdrawAs(buyer, 4e6, signature);
    }

    function test_another_amount_is_not_signed() public {
        bytes memory signature = signedBy(operator, 4e6);
        vm.expectRevert(abi.encodeWithSelector(ICustody.OperatorSignatureInvalid.selector));
        withdrawAs(buyer, 5e6, signature);
    }

    function test_a_signature_of_another_chain_is_worthless() public {
        bytes memory signature = signedBy(operator, 4e6);
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(ICustody.OperatorSignatureInvalid.selector));
        withdrawAs(buyer, 4e6, signature);
    }

    function test_locked_money_cannot_leave() public {
        settleOne(aBid(), anOffer(), aFill());
        uint128 free = uint128(FUNDS - PAYMENT - FEE);
        bytes memory signature = signedBy(operator, free + 1);
        vm.expectRevert(abi.encodeWithSelector(ICustody.InsufficientFree.selector, buyer, free, free + 1));
        withdrawAs(buyer, free + 1, signature);
        withdrawAs(buyer, free, signedBy(operator, free));
        assertAccount(buyer, 0, PAYMENT + FEE, "buyer");
    }

    function test_nothing_is_no_withdrawal() public {
        bytes memory signature = signedBy(operator, 0);
        vm.expectRevert(abi.encodeWithSelector(ICustody.NothingToMove.selector));
        withdrawAs(buyer, 0, signature);
    }
}
