// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PayAsYouGo} from "../src/PayAsYouGo.sol";
import {ICustody} from "../src/interfaces/ICustody.sol";
import {IPayAsYouGo} from "../src/interfaces/IPayAsYouGo.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Instruments} from "../src/libraries/Instruments.sol";
import {Outcome, Stage} from "../src/types/Stage.sol";
import {PayAsYouGoMarket} from "./support/PayAsYouGoMarket.sol";
import {Receiver} from "./support/Receivers.sol";

/// What opens an agreement, and what keeps one from opening.
contract PayAsYouGoOpen is PayAsYouGoMarket {
    function assertRefused(IPayAsYouGo.Terms memory terms, bytes memory reason) private {
        bytes32 id = idOf(terms);
        bytes memory bought = signDigest(terms.buyer, id);
        bytes memory sold = signDigest(terms.seller, id);
        vm.expectRevert(reason);
        payAsYouGo.open(terms, bought, sold);
        assertStands(terms, Stage.None, Outcome.None);
        assertAccount(terms.buyer, terms.buyer == buyer ? FUNDS : 0, 0, "buyer");
    }

    function test_what_both_sign_locks_the_deposit() public {
        IPayAsYouGo.Terms memory terms = someTerms();
        bytes32 id = idOf(terms);
        bytes memory bought = signDigest(buyer, id);
        bytes memory sold = signDigest(seller, id);
        vm.expectEmit();
        emit IPayAsYouGo.Opened(id, buyer, seller, terms);
        vm.prank(stranger);
        payAsYouGo.open(terms, bought, sold);

        assertStands(terms, Stage.Active, Outcome.None);
        assertEq(stateOf(terms).units, 0, "nothing drawn");
        assertEq(stateOf(terms).through, vm.getBlockTimestamp(), "counts from now");
        assertAccount(buyer, FUNDS - DEPOSIT, DEPOSIT, "buyer");
        assertAccount(seller, FUNDS, 0, "seller");
        assertEq(left(terms), DEPOSIT, "left");
    }

    function test_the_id_and_the_readings_digest_are_eip_712() public view {
        IPayAsYouGo.Terms memory terms = someTerms();
        assertEq(payAsYouGo.idOf(terms), idOf(terms), "id");
        bytes32 typeHash = keccak256("CumulativeReading(bytes32 agreement,address meter,uint64 through,uint64 units)");
        bytes32 structHash = keccak256(abi.encode(typeHash, idOf(terms), meter, uint64(7), uint64(9)));
        bytes32 expected = digestIn(address(payAsYouGo), block.chainid, structHash);
        assertEq(payAsYouGo.readingDigest(idOf(terms), meter, 7, 9), expected, "reading");
        assertEq(payAsYouGo.settlement(), address(settlement), "settlement");
        assertEq(keccak256(abi.encodePacked(hex"1901", payAsYouGo.domainSeparator(), structHash)), expected, "domain");
    }

    function test_terms_open_once() public {
        IPayAsYouGo.Terms memory terms = opened();
        bytes32 id = idOf(terms);
        bytes memory bought = signDigest(buyer, id);
        bytes memory sold = signDigest(seller, id);
        bytes memory refusal = abi.encodeWithSelector(IPayAsYouGo.AgreementNotNew.selector, id);
        vm.expectRevert(refusal);
        payAsYouGo.open(terms, bought, sold);
        stop(terms, buyer);
        vm.warp(vm.getBlockTimestamp() + STOP_NOTICE + LAST_READING + 1);
        payAsYouGo.close(terms);
        vm.expectRevert(refusal);
        payAsYouGo.open(terms, bought, sold);
    }

    function test_another_salt_makes_another_agreement() public {
        opened();
        IPayAsYouGo.Terms memory terms = someTerms();
        terms.salt = keccak256("another");
        open(terms);
        assertAccount(buyer, FUNDS - 2 * DEPOSIT, 2 * DEPOSIT, "buyer");
    }

    function test_signatures_lapse() public {
        IPayAsYouGo.Terms memory terms = someTerms();
        vm.warp(terms.openUntil + 1);
        assertRefused(terms, abi.encodeWithSelector(IPayAsYouGo.OpeningLapsed.selector, terms.openUntil));
        vm.warp(terms.openUntil);
        open(terms);
    }

    function test_both_must_sign() public {
        IPayAsYouGo.Terms memory terms = someTerms();
        bytes32 id = idOf(terms);
        (bytes memory bought, bytes memory sold) = (signDigest(buyer, id), signDigest(seller, id));
        vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.NotSignedBy.selector, buyer));
        payAsYouGo.open(terms, sold, sold);
        vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.NotSignedBy.selector, seller));
        payAsYouGo.open(terms, bought, bought);
        vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.NotSignedBy.selector, buyer));
        payAsYouGo.open(terms, "", sold);
    }

    function testFuzz_no_field_can_be_changed_after_signing(uint256 which, uint256 salt) public {
        IPayAsYouGo.Terms memory terms = someTerms();
        terms.deposit = 1e6;
        bytes32 id = idOf(terms);
        (bytes memory bought, bytes memory sold) = (signDigest(buyer, id), signDigest(seller, id));
        which = bound(which, 0, 5);
        if (which == 0) terms.price += uint64(bound(salt, 1, 1e6));
        if (which == 1) terms.feeBps += uint16(bound(salt, 1, 9000));
        if (which == 2) terms.deposit += uint128(bound(salt, 1, 9e6));
        if (which == 3) terms.notice += uint32(bound(salt, 1, 1e6));
        if (which == 4) terms.readingWindow += uint32(bound(salt, 1, 1e6));
        if (which == 5) terms.openUntil += uint64(bound(salt, 1, 1e6));
        vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.NotSignedBy.selector, buyer));
        payAsYouGo.open(terms, bought, sold);
    }

    function testFuzz_nothing_but_their_signatures_opens(bytes calldata noise, bool buyers) public {
        IPayAsYouGo.Terms memory terms = someTerms();
        bytes memory good = signDigest(buyers ? seller : buyer, idOf(terms));
        vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.NotSignedBy.selector, buyers ? buyer : seller));
        payAsYouGo.open(terms, buyers ? noise : good, buyers ? good : noise);
    }

    function test_signatures_for_another_chain_or_contract_are_worthless() public {
        IPayAsYouGo.Terms memory terms = someTerms();
        PayAsYouGo other = new PayAsYouGo(settlement);
        bytes32[2] memory elsewhere =
            [idIn(address(other), block.chainid, terms), idIn(address(payAsYouGo), block.chainid + 1, terms)];
        for (uint256 i = 0; i < 2; ++i) {
            (bytes memory bought, bytes memory sold) =
                (signDigest(buyer, elsewhere[i]), signDigest(seller, elsewhere[i]));
            vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.NotSignedBy.selector, buyer));
            payAsYouGo.open(terms, bought, sold);
        }
    }

    function test_a_wallet_signs_as_it_likes() public {
        IPayAsYouGo.Terms memory terms = someTerms();
        Receiver wallet = new Receiver();
        fund(address(wallet), FUNDS);
        terms.buyer = address(wallet);
        bytes memory sold = signDigest(seller, idOf(terms));
        payAsYouGo.open(terms, "anything", sold);
        assertAccount(address(wallet), FUNDS - DEPOSIT, DEPOSIT, "wallet");
    }

    function test_nobody_deals_with_itself() public {
        IPayAsYouGo.Terms memory terms = someTerms();
        terms.seller = buyer;
        assertRefused(terms, abi.encodeWithSelector(IPayAsYouGo.PartiesAreOne.selector, buyer));
    }

    function test_there_is_a_deposit_and_it_is_there() public {
        IPayAsYouGo.Terms memory terms = someTerms();
        terms.deposit = 0;
        assertRefused(terms, abi.encodeWithSelector(IPayAsYouGo.DepositMissing.selector));
        terms.deposit = FUNDS + 1;
        assertRefused(
            terms, abi.encodeWithSelector(ICustody.InsufficientFree.selector, buyer, uint256(FUNDS), uint256(FUNDS) + 1)
        );
    }

    function test_the_fee_is_at_most_all() public {
        IPayAsYouGo.Terms memory terms = someTerms();
        terms.feeBps = 10_001;
        assertRefused(terms, abi.encodeWithSelector(ISettlement.FeeTooHigh.selector, 10_001, 10_000));
    }

    function test_the_meter_is_the_one_registered() public {
        IPayAsYouGo.Terms memory terms = someTerms();
        terms.meter = stranger;
        assertRefused(terms, abi.encodeWithSelector(IPayAsYouGo.NotTheMeter.selector, stranger, meter));
        terms.resource += 1;
        assertRefused(terms, abi.encodeWithSelector(IPayAsYouGo.NotTheMeter.selector, stranger, address(0)));
        terms.meter = address(0);
        assertRefused(terms, abi.encodeWithSelector(IPayAsYouGo.NotTheMeter.selector, address(0), address(0)));
    }

    function test_a_resource_that_has_no_unit_is_refused() public {
        IPayAsYouGo.Terms memory terms = someTerms();
        terms.resource = instrumentOf(4, HOUR, 1, 2) >> 48;
        terms.meter = withKey(0x4444);
        registerMeter(seller, terms.resource << 48, terms.meter);
        assertRefused(terms, abi.encodeWithSelector(Instruments.CommodityUnknown.selector, 4));
    }

    // --- retracting -----------------------------------------------------------------------------------------------

    function test_either_side_takes_its_signature_back_before_opening() public {
        for (uint256 i = 0; i < 2; ++i) {
            IPayAsYouGo.Terms memory terms = someTerms();
            terms.salt = bytes32(i);
            bytes32 id = idOf(terms);
            address by = i == 0 ? buyer : seller;
            vm.expectEmit();
            emit IPayAsYouGo.Retracted(id, by);
            vm.prank(by);
            payAsYouGo.retract(terms);
            assertStands(terms, Stage.Closed, Outcome.Terminated);
            (bytes memory bought, bytes memory sold) = (signDigest(buyer, id), signDigest(seller, id));
            vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.AgreementNotNew.selector, id));
            payAsYouGo.open(terms, bought, sold);
        }
    }

    function test_nobody_else_retracts_and_nobody_what_is_open() public {
        IPayAsYouGo.Terms memory terms = someTerms();
        vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.NotAParty.selector, operator));
        vm.prank(operator);
        payAsYouGo.retract(terms);
        open(terms);
        vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.AgreementNotNew.selector, idOf(terms)));
        vm.prank(buyer);
        payAsYouGo.retract(terms);
    }

    function testFuzz_only_a_party_retracts(address by) public {
        IPayAsYouGo.Terms memory terms = someTerms();
        vm.assume(by != buyer && by != seller);
        vm.expectRevert(abi.encodeWithSelector(IPayAsYouGo.NotAParty.selector, by));
        vm.prank(by);
        payAsYouGo.retract(terms);
        open(terms);
    }

    function test_what_is_not_open_takes_nothing() public {
        IPayAsYouGo.Terms memory terms = someTerms();
        bytes memory refusal = abi.encodeWithSelector(IPayAsYouGo.AgreementNotActive.selector, idOf(terms));
        IPayAsYouGo.CumulativeReading memory reading = readingOf(terms, vm.getBlockTimestamp(), 1);
        vm.expectRevert(refusal);
        vm.prank(buyer);
        payAsYouGo.topUp(terms, 1);
        vm.expectRevert(refusal);
        payAsYouGo.draw(terms, reading);
        vm.expectRevert(refusal);
        vm.prank(buyer);
        payAsYouGo.stop(terms);
        vm.expectRevert(refusal);
        payAsYouGo.close(terms);
    }
}
