// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../src/interfaces/IEscrow.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Order} from "../src/types/Order.sol";
import {Market} from "./support/Market.sol";
import {Fill, Packing} from "./support/Packing.sol";

/// Those with an office (operator, guardian, meters, modules), alone and together.
contract MaliciousOperators is Market {
    bytes32 private constant KEY = keccak256("a contract");

    // --- silence ------------------------------------------------------------------------------------------------

    /// The operator submits nothing, signs nothing and relays nothing: everybody gets out, and what was locked is paid.
    function test_an_operator_that_falls_silent_keeps_nobody() public {
        Leaf memory leaf = settleOne(aBid(), anOffer(), aFill());
        vm.prank(buyer);
        settlement.cancelBelow(type(uint64).max);
        vm.prank(buyer);
        settlement.requestExit(FUNDS - uint128(PAYMENT + FEE));
        vm.warp(block.timestamp + NOTICE);
        vm.prank(stranger);
        settlement.executeExit(buyer);
        assertEq(token.balanceOf(buyer), FUNDS - PAYMENT - FEE, "what was free");

        vm.warp(SLOT_END);
        vm.prank(stranger);
        settlement.deliverBatch(1, Packing.leaves(list(leaf)), 1, list(aReading(meter, HOUR, 1500)));
        vm.prank(seller);
        settlement.requestExit(type(uint128).max);
        vm.warp(vm.getBlockTimestamp() + NOTICE);
        vm.prank(stranger);
        settlement.executeExit(seller);
        assertEq(token.balanceOf(seller), FUNDS + PAYMENT, "what it earned");
    }

    /// Operator and meter fall silent: the trade counts as undelivered, and anyone pays it out.
    function test_a_meter_that_falls_silent_too_keeps_nobody() public {
        Leaf memory leaf = settleOne(aBid(), anOffer(), aFill());
        vm.warp(SLOT_END + READING_WINDOW + 1);
        guarantee.open(1, leaf, new bytes32[](0));
        vm.warp(SLOT_END + READING_WINDOW + 1 + CHALLENGE_WINDOW);
        guarantee.payOut(leaf);
        assertAccount(buyer, FUNDS + COLLATERAL, 0, "buyer");
        assertAccount(seller, FUNDS - COLLATERAL, 0, "seller");
    }

    /// A guardian that pauses and never resumes stops new batches. What was locked ends, and whoever wants leaves.
    function test_a_guardian_that_never_resumes_keeps_nobody() public {
        uint64[] memory quantities = list(700, 500, 300);
        Leaf[] memory leaves = settleQuantities(quantities);
        vm.prank(guardian);
        settlement.pauseBatches();
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.BatchesArePaused.selector));
        settlement.settleBatch(2, RECORD_HASH, 0, "");
        report(1199);
        settlement.deliverBatch(1, Packing.leaves(leaves), 7, noReadings());
        for (uint32 i = 0; i < 3; ++i) {
            if (settlement.markedOf(1) >> i & 1 == 0) guarantee.open(1, leaves[i], proofOf(leaves, i));
        }
        vm.warp(vm.getBlockTimestamp() + CHALLENGE_WINDOW);
        for (uint256 i = 0; i < 3; ++i) {
            try guarantee.payOut(leaves[i]) {} catch {}
        }
        address[3] memory all = [buyer, seller, feeRecipient];
        uint256 paid;
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(settlement.accountOf(all[i]).locked, 0, "nothing stays locked");
            vm.prank(all[i]);
            settlement.requestExit(type(uint128).max);
        }
        vm.warp(vm.getBlockTimestamp() + NOTICE);
        for (uint256 i = 0; i < 3; ++i) {
            settlement.executeExit(all[i]);
            paid += token.balanceOf(all[i]);
        }
        assertEq(paid, 2 * FUNDS, "to the last unit");
    }

    function test_an_operator_cannot_put_off_what_was_asked_for() public {
        vm.prank(buyer);
        settlement.cancelOrder(1);
        uint256 from = settlement.cancelledFrom(buyer, 1);
        settleOne(aBid(), anOffer(), aFill());
        vm.warp(from);
        Fill memory fill = aFill();
        fill.quantity = 1;
        (, ISettlement.SkipCode[] memory skipped) = settle(pair(aBid(), anOffer()), list(fill));
        assertEq(
            uint256(skipped[0]), uint256(ISettlement.SkipCode.BuyCancelled), "cancelled, whatever it settled between"
        );
    }

    // --- collusion ----------------------------------------------------------------------------------------------

    /// Operator, guardian, meter, fee recipient and a seller of theirs have one signed bid of a victim, and do their worst.
    /// They get what the bid allows, and nothing of what the victim kept free; and the payment only against a reading.
    function testFuzz_all_offices_together_take_no_more_than_what_was_signed(
        uint64 price,
        uint64 quantity,
        uint64 units,
        uint256 seed
    ) public {
        Order memory bid = aBid();
        Order memory offer = anOffer();
        (offer.price, offer.quantity) = (0, type(uint64).max);
        uint256 most = uint256(bid.price) * bid.quantity / 1000;
        most += most * FEE_BPS / 10_000;
        for (uint256 i = 0; i < 4; ++i) {
            uint256 drawn = uint256(keccak256(abi.encode(seed, i)));
            Fill memory fill = aFill();
            fill.price = uint64(bound(i == 0 ? price : uint64(drawn), 0, 3_000_000));
            fill.quantity = uint64(bound(i == 0 ? quantity : uint64(drawn >> 64), 0, 2500));
            settle(pair(bid, offer), list(fill));
        }
        assertTrue(settlement.accountOf(buyer).locked <= most, "no more than the bid allows");
        assertTrue(settlement.accountOf(buyer).free >= FUNDS - most, "the rest stays free");
        uint256 free = settlement.accountOf(buyer).free;
        vm.warp(SLOT_END);
        settlement.report(list(aReading(meter, HOUR, units)));
        assertEq(settlement.accountOf(buyer).free, free, "readings touch nothing free");
        vm.prank(buyer);
        settlement.requestExit(uint128(free));
        vm.warp(SLOT_END + NOTICE);
        settlement.executeExit(buyer);
        assertEq(token.balanceOf(buyer), free, "and it leaves");
    }

    /// The operator's signature moves a participant's money to that participant, and to nobody else.
    function test_the_operators_signature_pays_the_participant_alone() public {
        bytes32 typeHash = keccak256("Withdrawal(address participant,uint128 amount,uint64 nonce,uint64 deadline)");
        bytes32 digest = digestOf(keccak256(abi.encode(typeHash, buyer, FUNDS, 1, type(uint64).max)));
        vm.prank(operator);
        settlement.withdraw(buyer, FUNDS, 1, type(uint64).max, signDigest(operator, digest));
        assertEq(token.balanceOf(buyer), FUNDS, "the buyer has it");
        assertEq(token.balanceOf(operator), 0, "the operator has not");
    }

    // --- modules that are wrong ---------------------------------------------------------------------------------

    function share(IEscrow.Share[] memory shares) private {
        vm.prank(address(guarantee));
        settlement.share(KEY, shares);
    }

    function secure(address participant, uint256 amount) private {
        vm.prank(address(guarantee));
        settlement.secure(KEY, participant, amount);
    }

    function test_one_who_is_named_twice_is_taken_from_twice_and_no_more_than_there_is() public {
        secure(buyer, 10e6);
        IEscrow.Share[] memory shares = new IEscrow.Share[](3);
        shares[0] = IEscrow.Share(buyer, 6e6, 0);
        shares[1] = IEscrow.Share(buyer, 6e6, 6e6);
        shares[2] = IEscrow.Share(seller, 0, 6e6);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.EscrowExceeded.selector, KEY, buyer, 4e6, 6e6));
        share(shares);
        shares[1].unlocked = 4e6;
        shares[2].earned = 4e6;
        share(shares);
        assertAccount(buyer, FUNDS - 4e6, 0, "buyer");
        assertAccount(seller, FUNDS + 4e6, 0, "seller");
    }

    /// Shares that add up only because they overflow are refused, as are those that a purse cannot hold.
    function test_shares_cannot_wrap_around() public {
        secure(buyer, 10e6);
        IEscrow.Share[] memory shares = new IEscrow.Share[](2);
        shares[0] = IEscrow.Share(seller, 0, type(uint256).max);
        shares[1] = IEscrow.Share(seller, 0, 1);
        vm.expectRevert();
        share(shares);
        shares[0] = IEscrow.Share(buyer, 0, type(uint120).max);
        vm.expectRevert();
        share(shares);
        shares[0] = IEscrow.Share(buyer, type(uint256).max, 0);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.EscrowExceeded.selector, KEY, buyer, 10e6, type(uint256).max));
        share(shares);
    }

    function test_a_module_cannot_reserve_or_allot_around_the_end_of_a_counter() public {
        vm.prank(address(guarantee));
        settlement.reserve(seller, anInstrument(2), type(uint64).max);
        vm.expectRevert();
        vm.prank(address(guarantee));
        settlement.reserve(seller, anInstrument(2), 1);
        (, ISettlement.SkipCode[] memory skipped) = settle(pair(aBid(), anOffer()), list(aFill()));
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.SlotFull), "full for trades too");
        report(10);
        vm.prank(address(guarantee));
        settlement.allot(seller, anInstrument(2), 10);
        vm.expectRevert();
        vm.prank(address(guarantee));
        settlement.allot(seller, anInstrument(2), type(uint64).max);
    }

    /// What a module locked elsewhere, or a batch locked, is not behind its key: so it cannot be shared out.
    function test_a_module_cannot_share_out_what_a_batch_locked() public {
        Leaf memory leaf = settleOne(aBid(), anOffer(), aFill());
        IEscrow.Share[] memory shares = new IEscrow.Share[](2);
        shares[0] = IEscrow.Share(buyer, 1, 0);
        shares[1] = IEscrow.Share(seller, 0, 1);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.EscrowExceeded.selector, leaf.leafHash(), buyer, 0, 1));
        vm.prank(address(guarantee));
        settlement.share(leaf.leafHash(), shares);
    }
}
