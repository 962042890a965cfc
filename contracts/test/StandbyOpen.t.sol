// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Standby} from "../src/Standby.sol";
import {ICustody} from "../src/interfaces/ICustody.sol";
import {IMetering} from "../src/interfaces/IMetering.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {IStandby} from "../src/interfaces/IStandby.sol";
import {Outcome, Stage} from "../src/types/Stage.sol";
import {StandbyMarket} from "./support/StandbyMarket.sol";

contract Wallet {
    bytes32 private immutable _approved;

    constructor(bytes32 approved) {
        _approved = approved;
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return digest == _approved ? this.isValidSignature.selector : bytes4(0);
    }
}

/// Options are opened as both signed them, once, and close with the premium paid.
contract StandbyOpenTest is StandbyMarket {
    function test_what_both_signed_is_opened_and_its_premium_locked() public {
        IStandby.Terms memory terms = aTerms();
        bytes32 id = idOf(terms);
        assertEq(standby.idOf(terms), id, "id");
        assertStage(id, Stage.None, Outcome.None);
        vm.expectEmit();
        emit IStandby.OptionOpened(id, holder, supplier, terms);
        assertEq(open(terms), id, "returned");
        assertStage(id, Stage.Active, Outcome.None);
        assertEq(standby.lotsLeft(id), LOTS, "lots");
        assertAccount(holder, FUNDS - PREMIUM, PREMIUM, "holder");
        assertAccount(supplier, FUNDS, 0, "supplier");
        assertEq(settlement.escrowOf(address(standby), id, holder), PREMIUM, "behind the id");
    }

    function testFuzz_any_sound_terms_open_and_close_with_every_micro(
        uint32 ahead,
        uint32 hours_,
        uint64 lots,
        uint64 strike,
        uint128 premium,
        uint32 answerWindow
    ) public {
        IStandby.Terms memory terms = aTerms();
        terms.firstHour = HOUR + uint32(bound(ahead, 0, 8000));
        terms.lastHour = terms.firstHour + uint32(bound(hours_, 0, 700));
        terms.answerWindow = uint32(bound(answerWindow, 1, 59 minutes));
        terms.premium = uint128(bound(premium, 0, FUNDS));
        (terms.lots, terms.strike) = (uint64(bound(lots, 1, type(uint64).max)), strike);
        bytes32 id = open(terms);
        assertEq(standby.lotsLeft(id), terms.lots, "lots");
        uint256 endsAt = (uint256(terms.lastHour) + 1) * 1 hours;
        vm.warp(endsAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IStandby.HoursNotOver.selector, endsAt));
        standby.close(terms);
        vm.warp(endsAt);
        standby.close(terms);
        assertStage(id, Stage.Closed, Outcome.Fulfilled);
        assertAccount(holder, FUNDS - terms.premium, 0, "holder");
        assertAccount(supplier, FUNDS + terms.premium, 0, "supplier");
    }

    function test_an_option_is_opened_once() public {
        IStandby.Terms memory terms = aTerms();
        bytes32 id = open(terms);
        refuseOpening(terms, abi.encodeWithSelector(IStandby.OptionUsed.selector, id));
    }

    function test_each_party_signs_these_very_terms() public {
        IStandby.Terms memory terms = aTerms();
        bytes32 id = idOf(terms);
        bytes memory byHolder = signDigest(holder, id);
        bytes memory bySupplier = signDigest(supplier, id);
        bytes memory byStranger = signDigest(stranger, id);
        vm.expectRevert(abi.encodeWithSelector(IStandby.SignatureInvalid.selector, holder));
        standby.open(terms, byStranger, bySupplier);
        vm.expectRevert(abi.encodeWithSelector(IStandby.SignatureInvalid.selector, supplier));
        standby.open(terms, byHolder, byStranger);
        terms.strike += 1;
        vm.expectRevert(abi.encodeWithSelector(IStandby.SignatureInvalid.selector, holder));
        standby.open(terms, byHolder, bySupplier);
    }

    function test_a_signature_counts_on_one_chain_and_contract() public {
        IStandby.Terms memory terms = aTerms();
        bytes memory byHolder = signDigest(holder, idOf(terms));
        bytes memory bySupplier = signDigest(supplier, idOf(terms));
        Standby other = new Standby(settlement, DELIVERY_WINDOW);
        vm.expectRevert(abi.encodeWithSelector(IStandby.SignatureInvalid.selector, holder));
        other.open(terms, byHolder, bySupplier);
        vm.chainId(4);
        vm.expectRevert(abi.encodeWithSelector(IStandby.SignatureInvalid.selector, holder));
        standby.open(terms, byHolder, bySupplier);
    }

    function test_a_wallet_signs_too() public {
        IStandby.Terms memory terms = aTerms();
        terms.premium = 0;
        address foretold = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        terms.holder = foretold;
        bytes32 id = idOf(terms);
        Wallet wallet = new Wallet(id);
        assertEq(address(wallet), foretold, "wallet");
        standby.open(terms, "", signDigest(supplier, id));
        assertStage(id, Stage.Active, Outcome.None);
    }

    function test_unfit_parties_are_refused() public {
        address[2][3] memory cases = [[address(0), supplier], [holder, address(0)], [supplier, supplier]];
        for (uint256 i = 0; i < cases.length; ++i) {
            IStandby.Terms memory terms = aTerms();
            (terms.holder, terms.supplier) = (cases[i][0], cases[i][1]);
            vm.expectRevert(abi.encodeWithSelector(IStandby.PartiesUnfit.selector, terms.holder, terms.supplier));
            standby.open(terms, "", "");
        }
    }

    function test_nothing_cannot_be_offered() public {
        IStandby.Terms memory terms = aTerms();
        terms.lots = 0;
        refuseOpening(terms, abi.encodeWithSelector(IStandby.NothingOffered.selector));
    }

    function test_signatures_lapse() public {
        IStandby.Terms memory terms = aTerms();
        terms.openUntil = uint64(vm.getBlockTimestamp()) - 1;
        refuseOpening(terms, abi.encodeWithSelector(IStandby.OpeningExpired.selector, terms.openUntil));
        terms.openUntil += 1;
        open(terms);
    }

    function test_unfit_hours_are_refused() public {
        uint32 farthest = uint32((vm.getBlockTimestamp() + 366 days) / 1 hours);
        uint32[2][4] memory cases =
            [[HOUR + 1, HOUR], [HOUR - 1, HOUR], [HOUR, farthest + 1], [uint32(0), type(uint32).max]];
        for (uint256 i = 0; i < cases.length; ++i) {
            IStandby.Terms memory terms = aTerms();
            (terms.firstHour, terms.lastHour) = (cases[i][0], cases[i][1]);
            refuseOpening(terms, abi.encodeWithSelector(IStandby.HoursUnfit.selector, terms.firstHour, terms.lastHour));
        }
        IStandby.Terms memory edge = aTerms();
        edge.lastHour = farthest;
        open(edge);
    }

    function test_hours_that_end_before_a_call_can_be_answered_are_refused() public {
        IStandby.Terms memory terms = aTerms();
        terms.lastHour = terms.firstHour;
        terms.answerWindow = 1 hours;
        refuseOpening(terms, abi.encodeWithSelector(IStandby.HoursUnfit.selector, HOUR, HOUR));
        terms.answerWindow = 1 hours - 1;
        bytes32 id = open(terms);
        callDirectly(terms, LOTS);
        assertStage(id, Stage.Delivering, Outcome.None);
    }

    function test_unfit_answer_windows_are_refused() public {
        uint32 most = uint32(DELIVERY_WINDOW) - 1 hours;
        uint32[2] memory cases = [0, most + 1];
        for (uint256 i = 0; i < cases.length; ++i) {
            IStandby.Terms memory terms = aTerms();
            terms.lastHour = HOUR + 100;
            terms.answerWindow = cases[i];
            refuseOpening(terms, abi.encodeWithSelector(IStandby.AnswerWindowUnfit.selector, cases[i], most));
        }
        IStandby.Terms memory edge = aTerms();
        (edge.lastHour, edge.answerWindow) = (HOUR + 100, most);
        bytes32 id = open(edge);
        callDirectly(edge, 1);
        assertStage(id, Stage.Delivering, Outcome.None);
    }

    function test_what_cannot_be_delivered_is_refused() public {
        IStandby.Terms memory terms = aTerms();
        terms.tier = 5;
        refuseOpening(terms, abi.encodeWithSelector(IStandby.NotDeliverable.selector, terms.resource, 5));
        terms.tier = 0x12;
        refuseOpening(terms, abi.encodeWithSelector(IStandby.NotDeliverable.selector, terms.resource, 0x12));
        terms = aTerms();
        terms.resource |= 1 << 208;
        refuseOpening(terms, abi.encodeWithSelector(IStandby.NotDeliverable.selector, terms.resource, 2));
        terms.resource = instrumentOf(7, HOUR, 1, 2) >> 48;
        refuseOpening(terms, abi.encodeWithSelector(IStandby.NotDeliverable.selector, terms.resource, 2));
    }

    function test_a_supplier_without_a_meter_is_refused() public {
        IStandby.Terms memory terms = aTerms();
        terms.supplier = stranger;
        refuseOpening(terms, abi.encodeWithSelector(IMetering.MeterMissing.selector, stranger, terms.resource));
    }

    function test_a_premium_that_is_not_there_is_refused() public {
        IStandby.Terms memory terms = aTerms();
        terms.premium = FUNDS + 1;
        refuseOpening(
            terms, abi.encodeWithSelector(ICustody.InsufficientFree.selector, holder, FUNDS, uint256(FUNDS) + 1)
        );
    }

    function test_either_party_retracts_before_it_is_opened() public {
        address[2] memory parties = [holder, supplier];
        for (uint256 i = 0; i < parties.length; ++i) {
            IStandby.Terms memory terms = salted(i);
            bytes32 id = idOf(terms);
            vm.expectEmit();
            emit IStandby.OptionRetracted(id, parties[i]);
            vm.prank(parties[i]);
            standby.retract(terms);
            assertStage(id, Stage.Closed, Outcome.Terminated);
            refuseOpening(terms, abi.encodeWithSelector(IStandby.OptionUsed.selector, id));
            vm.expectRevert(abi.encodeWithSelector(IStandby.OptionUsed.selector, id));
            vm.prank(parties[i]);
            standby.retract(terms);
        }
    }

    function test_nobody_else_retracts_and_nobody_what_is_open() public {
        IStandby.Terms memory terms = aTerms();
        vm.expectRevert(abi.encodeWithSelector(IStandby.NotParty.selector, operator));
        vm.prank(operator);
        standby.retract(terms);
        bytes32 id = open(terms);
        vm.expectRevert(abi.encodeWithSelector(IStandby.OptionUsed.selector, id));
        vm.prank(holder);
        standby.retract(terms);
    }

    function testFuzz_a_stranger_never_retracts(address caller) public {
        IStandby.Terms memory terms = aTerms();
        vm.assume(caller != holder && caller != supplier);
        vm.expectRevert(abi.encodeWithSelector(IStandby.NotParty.selector, caller));
        vm.prank(caller);
        standby.retract(terms);
    }

    function test_what_is_not_open_cannot_be_closed() public {
        IStandby.Terms memory terms = aTerms();
        bytes32 id = idOf(terms);
        vm.expectRevert(abi.encodeWithSelector(IStandby.OptionNotOpen.selector, id));
        standby.close(terms);
        open(terms);
        vm.warp((uint256(terms.lastHour) + 1) * 1 hours);
        vm.expectEmit();
        emit IStandby.OptionClosed(id, Outcome.Fulfilled);
        vm.expectEmit();
        emit IStandby.PremiumPaid(id, supplier, PREMIUM);
        vm.prank(stranger);
        standby.close(terms);
        assertEq(standby.lotsLeft(id), 0, "nothing left to call");
        vm.expectRevert(abi.encodeWithSelector(IStandby.OptionNotOpen.selector, id));
        standby.close(terms);
    }

    function test_the_contract_knows_its_settlement_and_its_windows() public {
        assertEq(standby.settlement(), address(settlement), "settlement");
        assertTrue(settlement.isModule(address(standby)), "a module");
        assertEq(standby.deliveryWindow(), DELIVERY_WINDOW, "delivery window");
        assertTrue(standby.domainSeparator() != settlement.domainSeparator(), "a domain of its own");
        uint64[2] memory unfit = [uint64(2 hours - 1), uint64(30 days + 1)];
        for (uint256 i = 0; i < unfit.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IStandby.DeliveryWindowUnfit.selector, unfit[i], uint64(2 hours), uint64(30 days)
                )
            );
            new Standby(ISettlement(address(settlement)), unfit[i]);
        }
    }
}
