// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC1155} from "solady/tokens/ERC1155.sol";
import {ICertificate} from "../src/interfaces/ICertificate.sol";
import {CertificateMarket} from "./support/CertificateMarket.sol";

contract CertificateRetire is CertificateMarket {
    function retire(ICertificate.Retirement memory claim) private {
        vm.prank(seller);
        certificate.retire(seller, list(claim));
    }

    function test_a_claim_is_told_in_full() public {
        uint256 id = issued(1000);
        bytes32 statement = keccak256("the training run of March");
        vm.expectEmit();
        emit ICertificate.Retired(id, seller, buyer, 300, HOUR, 1, PLACE, statement);
        retire(aRetirement(id, 300));
        assertHeld(seller, id, 700, "seller");
        assertHeld(buyer, id, 0, "gone for good");
    }

    function test_what_is_retired_cannot_be_retired_or_sent_or_issued_again() public {
        uint256 id = issued(1000);
        retire(aRetirement(id, 1000));
        bytes memory nothingLeft = abi.encodeWithSelector(ERC1155.InsufficientBalance.selector);
        vm.expectRevert(nothingLeft);
        retire(aRetirement(id, 1));
        vm.expectRevert(nothingLeft);
        vm.prank(seller);
        certificate.safeTransferFrom(seller, buyer, id, 1, "");
        vm.expectRevert(abi.encodeWithSelector(ICertificate.NothingToIssue.selector, id));
        issue();
    }

    function test_many_claims_are_made_together_or_not_at_all() public {
        uint256 id = issued(1000);
        ICertificate.Retirement[] memory claims = new ICertificate.Retirement[](2);
        claims[0] = aRetirement(id, 600);
        claims[1] = aRetirement(id, 401);
        claims[1].beneficiary = stranger;
        vm.expectRevert(abi.encodeWithSelector(ERC1155.InsufficientBalance.selector));
        vm.prank(seller);
        certificate.retire(seller, claims);
        claims[1].amount = 400;
        vm.prank(seller);
        certificate.retire(seller, claims);
        assertHeld(seller, id, 0, "seller");
    }

    function test_the_claimed_period_contains_the_hour() public {
        uint256 id = issued(1000);
        ICertificate.Retirement memory claim = aRetirement(id, 1);
        fits(claim, HOUR, 1, true);
        fits(claim, HOUR, 0, false);
        fits(claim, HOUR + 1, 1, false);
        fits(claim, HOUR - 1, 1, false);
        fits(claim, HOUR - 1, 2, true);
        fits(claim, HOUR - 8759, 8760, true); // a year
        fits(claim, HOUR - 8760, 8760, false);
        fits(claim, 0, type(uint16).max, false);
        fits(claim, type(uint32).max, type(uint16).max, false);
    }

    function fits(ICertificate.Retirement memory claim, uint32 start, uint16 hours_, bool does) private {
        (claim.periodStart, claim.periodHours) = (start, hours_);
        if (!does) {
            vm.expectRevert(abi.encodeWithSelector(ICertificate.PeriodDoesNotFit.selector, HOUR, start, hours_));
        }
        retire(claim);
    }

    function test_a_claim_names_an_amount_and_somebody() public {
        ICertificate.Retirement memory claim = aRetirement(issued(1000), 0);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.NothingToMove.selector));
        retire(claim);
        (claim.amount, claim.beneficiary) = (1, address(0));
        vm.expectRevert(abi.encodeWithSelector(ICertificate.ZeroAddress.selector));
        retire(claim);
    }

    function test_only_the_holder_or_whom_it_approved_retires() public {
        uint256 id = issued(1000);
        vm.expectRevert(abi.encodeWithSelector(ERC1155.NotOwnerNorApproved.selector));
        vm.prank(operator);
        certificate.retire(seller, list(aRetirement(id, 1)));
        vm.prank(seller);
        certificate.setApprovalForAll(stranger, true);
        vm.prank(stranger);
        certificate.retire(seller, list(aRetirement(id, 1)));
        assertHeld(seller, id, 999, "seller");
    }

    function test_what_is_locked_cannot_be_retired() public {
        uint256 id = issued(1000);
        vm.prank(seller);
        certificate.lock(id, 600, keccak256("leaf"), LONG);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.CertificatesLocked.selector, seller, id, 599, 600));
        retire(aRetirement(id, 401));
        retire(aRetirement(id, 400));
    }

    function testFuzz_no_more_is_retired_than_is_held(uint256 first, uint256 second, uint64 units) public {
        units = uint64(bound(units, 1, type(uint48).max));
        uint256 id = issued(units);
        (first, second) = (bound(first, 1, units), bound(second, 1, type(uint128).max));
        retire(aRetirement(id, first));
        vm.prank(seller);
        try certificate.retire(seller, list(aRetirement(id, second))) {
            assertTrue(first + second <= units, "held");
            assertHeld(seller, id, units - first - second, "rest");
        } catch {
            assertTrue(first + second > units, "not held");
            assertHeld(seller, id, units - first, "rest");
        }
    }
}
