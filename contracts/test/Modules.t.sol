// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Settlement} from "../src/Settlement.sol";
import {ICustody} from "../src/interfaces/ICustody.sol";
import {IEscrow} from "../src/interfaces/IEscrow.sol";
import {IMetering} from "../src/interfaces/IMetering.sol";
import {IOperated} from "../src/interfaces/IOperated.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Order} from "../src/types/Order.sol";
import {Market} from "./support/Market.sol";

/// What the settlement lets its modules do with money and meters, and what it keeps even them from doing.
contract Modules is Market {
    bytes32 private constant KEY = keccak256("a contract");

    function asModule() private {
        vm.prank(address(guarantee));
    }

    function secure(address participant, uint256 amount) private {
        asModule();
        settlement.secure(KEY, participant, amount);
    }

    function shares(address one, uint256 unlocked, uint256 earned, address other, uint256 unlocked2, uint256 earned2)
        private
        pure
        returns (IEscrow.Share[] memory both)
    {
        both = new IEscrow.Share[](2);
        both[0] = IEscrow.Share(one, unlocked, earned);
        both[1] = IEscrow.Share(other, unlocked2, earned2);
    }

    function test_what_is_secured_is_locked_and_shared_out() public {
        vm.expectEmit();
        emit IEscrow.Secured(address(guarantee), KEY, buyer, 7e6);
        secure(buyer, 7e6);
        assertAccount(buyer, FUNDS - 7e6, 7e6, "buyer");
        vm.expectEmit();
        emit IEscrow.Shared(address(guarantee), KEY, buyer, 5e6, 1e6);
        vm.expectEmit();
        emit IEscrow.Shared(address(guarantee), KEY, seller, 0, 4e6);
        asModule();
        settlement.share(KEY, shares(buyer, 5e6, 1e6, seller, 0, 4e6));
        assertAccount(buyer, FUNDS - 6e6, 2e6, "buyer");
        assertAccount(seller, FUNDS + 4e6, 0, "seller");
        assertEq(settlement.escrowOf(address(guarantee), KEY, buyer), 2e6, "still behind the key");
    }

    function test_only_modules_lock_share_reserve_and_allot() public {
        address[4] memory others = [operator, guardian, seller, address(this)];
        for (uint256 i = 0; i < others.length; ++i) {
            assertTrue(!settlement.isModule(others[i]), "no module");
            bytes memory refusal = abi.encodeWithSelector(IEscrow.NotModule.selector, others[i]);
            vm.expectRevert(refusal);
            vm.prank(others[i]);
            settlement.secure(KEY, buyer, 1);
            vm.expectRevert(refusal);
            vm.prank(others[i]);
            settlement.share(KEY, new IEscrow.Share[](0));
            vm.expectRevert(refusal);
            vm.prank(others[i]);
            settlement.reserve(seller, anInstrument(2), 1);
            vm.expectRevert(refusal);
            vm.prank(others[i]);
            settlement.allot(seller, anInstrument(2), 1);
        }
        assertTrue(settlement.isModule(address(guarantee)), "a module");
        assertEq(settlement.modules()[0], address(guarantee), "the guarantee first");
    }

    function test_a_module_cannot_lock_more_than_is_free() public {
        vm.expectRevert(abi.encodeWithSelector(ICustody.InsufficientFree.selector, buyer, FUNDS, FUNDS + 1));
        secure(buyer, FUNDS + 1);
    }

    function test_a_module_cannot_take_what_is_locked_behind_another_key() public {
        secure(buyer, 7e6);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.EscrowExceeded.selector, KEY, buyer, 7e6, 7e6 + 1));
        asModule();
        settlement.share(KEY, shares(buyer, 7e6 + 1, 0, seller, 0, 7e6 + 1));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.EscrowExceeded.selector, bytes32(0), buyer, 0, 1));
        asModule();
        settlement.share(0, shares(buyer, 1, 0, seller, 0, 1));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.EscrowExceeded.selector, KEY, seller, 0, 1));
        asModule();
        settlement.share(KEY, shares(buyer, 0, 1, seller, 1, 0));
    }

    function test_a_module_cannot_make_or_burn_money() public {
        secure(buyer, 7e6);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.SharesUnequal.selector, 7e6, 7e6 + 1));
        asModule();
        settlement.share(KEY, shares(buyer, 7e6, 0, seller, 0, 7e6 + 1));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.SharesUnequal.selector, 7e6, 7e6 - 1));
        asModule();
        settlement.share(KEY, shares(buyer, 7e6, 0, seller, 0, 7e6 - 1));
    }

    function test_nothing_secured_leaves_no_trace() public {
        secure(buyer, 0);
        assertAccount(buyer, FUNDS, 0, "buyer");
    }

    function test_what_is_reserved_counts_as_sold() public {
        vm.warp(SLOT_END - 1 hours - 1);
        asModule();
        (address metered, uint64 soldBefore) = settlement.reserve(seller, anInstrument(2), 500);
        assertEq(metered, meter, "meter");
        assertEq(soldBefore, 0, "nothing before");
        asModule();
        (, soldBefore) = settlement.reserve(seller, anInstrument(2), 1);
        assertEq(soldBefore, 500, "after the first");
        assertEq(slot().sold, 501, "sold");
    }

    function test_an_hour_that_began_or_has_no_meter_cannot_be_reserved() public {
        vm.expectRevert(abi.encodeWithSelector(IMetering.NotReservable.selector, instrumentOf(1, HOUR, 2, 2)));
        asModule();
        settlement.reserve(seller, instrumentOf(1, HOUR, 2, 2), 1);
        vm.expectRevert(abi.encodeWithSelector(IMetering.MeterMissing.selector, buyer, anInstrument(2) >> 48));
        asModule();
        settlement.reserve(buyer, anInstrument(2), 1);
        vm.warp(SLOT_END - 1 hours);
        vm.expectRevert(abi.encodeWithSelector(IMetering.SlotBegun.selector, HOUR));
        asModule();
        settlement.reserve(seller, anInstrument(2), 1);
    }

    function test_a_module_cannot_allot_beyond_the_reading() public {
        report(1000);
        asModule();
        settlement.allot(seller, anInstrument(2), 999);
        vm.expectRevert(
            abi.encodeWithSelector(IMetering.AllottedBeyondReading.selector, seller, anInstrument(2), 1001, 1000)
        );
        asModule();
        settlement.allot(seller, anInstrument(2), 2);
    }

    // --- deployment ---------------------------------------------------------------------------------------------

    function test_modules_of_another_settlement_are_refused() public {
        address[] memory modules = deployModules(address(settlement));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ModuleOfAnother.selector, modules[0], address(settlement)));
        new Settlement(aSetup(address(token), modules));
    }

    function test_a_settlement_needs_everybody() public {
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotModule.selector, address(0)));
        new Settlement(aSetup(address(token), new address[](0)));
        for (uint256 missing = 0; missing < 4; ++missing) {
            ISettlement.Setup memory setup = aSetup(address(token), new address[](0));
            if (missing == 0) setup.token = address(0);
            if (missing == 1) setup.operator = address(0);
            if (missing == 2) setup.guardian = address(0);
            if (missing == 3) setup.feeRecipient = address(0);
            vm.expectRevert(abi.encodeWithSelector(IOperated.ZeroAddress.selector));
            new Settlement(setup);
        }
    }

    // --- pausing ------------------------------------------------------------------------------------------------

    function test_the_guardian_stops_new_batches_and_nothing_else() public {
        (Order memory bid, Order memory offer) = (aBid(), anOffer());
        settleOne(bid, offer, aFill());
        vm.expectEmit();
        emit ISettlement.BatchesPaused();
        vm.prank(guardian);
        settlement.pauseBatches();
        assertTrue(settlement.batchesPaused(), "paused");
        vm.expectRevert(abi.encodeWithSelector(ISettlement.BatchesArePaused.selector));
        vm.prank(operator);
        settlement.settleBatch(2, RECORD_HASH, FEE_BPS, "");

        fund(buyer, 1e6);
        vm.prank(buyer);
        settlement.requestExit(1e6);
        vm.prank(buyer);
        settlement.cancelOrder(1);
        report(1500);
        settlement.executeExit(buyer);
        assertAccount(buyer, FUNDS - PAYMENT - FEE, PAYMENT + FEE, "buyer");

        vm.expectEmit();
        emit ISettlement.BatchesResumed();
        vm.prank(guardian);
        settlement.resumeBatches();
        assertTrue(!settlement.batchesPaused(), "resumed");
    }

    function test_nobody_else_pauses() public {
        bytes memory refusal = abi.encodeWithSelector(ISettlement.NotGuardian.selector, operator);
        vm.expectRevert(refusal);
        vm.prank(operator);
        settlement.pauseBatches();
        vm.expectRevert(refusal);
        vm.prank(operator);
        settlement.resumeBatches();
    }
}
