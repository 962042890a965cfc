// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC1155} from "solady/tokens/ERC1155.sol";
import {ICertificate} from "../src/interfaces/ICertificate.sol";
import {CertificateMarket} from "./support/CertificateMarket.sol";
import {Receiver} from "./support/Receivers.sol";

contract CertificateTransfer is CertificateMarket {
    function ids(uint256 first, uint256 second) private pure returns (uint256[] memory both) {
        both = new uint256[](2);
        (both[0], both[1]) = (first, second);
    }

    function test_a_holder_sends_certificates_on() public {
        uint256 id = issued(1500);
        vm.prank(seller);
        certificate.safeTransferFrom(seller, buyer, id, 400, "");
        assertHeld(seller, id, 1100, "seller");
        assertHeld(buyer, id, 400, "buyer");
    }

    function test_nobody_else_moves_them_without_approval() public {
        uint256 id = issued(1500);
        bytes memory notApproved = abi.encodeWithSelector(ERC1155.NotOwnerNorApproved.selector);
        vm.expectRevert(notApproved);
        vm.prank(operator);
        certificate.safeTransferFrom(seller, operator, id, 1, "");
        vm.expectRevert(notApproved);
        vm.prank(operator);
        certificate.safeBatchTransferFrom(seller, operator, ids(id, id), ids(1, 1), "");

        vm.prank(seller);
        certificate.setApprovalForAll(stranger, true);
        vm.prank(stranger);
        certificate.safeTransferFrom(seller, buyer, id, 1, "");
        vm.prank(seller);
        certificate.setApprovalForAll(stranger, false);
        vm.expectRevert(notApproved);
        vm.prank(stranger);
        certificate.safeTransferFrom(seller, buyer, id, 1, "");
    }

    function test_what_is_locked_stays() public {
        uint256 id = issued(1500);
        vm.prank(seller);
        certificate.lock(id, 1000, keccak256("leaf"), LONG);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.CertificatesLocked.selector, seller, id, 999, 1000));
        vm.prank(seller);
        certificate.safeTransferFrom(seller, buyer, id, 501, "");
        vm.prank(seller);
        certificate.safeTransferFrom(seller, buyer, id, 500, "");
        assertHeld(seller, id, 1000, "seller");
    }

    /// Each half alone would leave enough.
    function test_what_is_locked_stays_though_a_batch_names_it_twice() public {
        uint256 id = issued(1500);
        vm.prank(seller);
        certificate.lock(id, 700, keccak256("leaf"), LONG);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.CertificatesLocked.selector, seller, id, 100, 700));
        vm.prank(seller);
        certificate.safeBatchTransferFrom(seller, buyer, ids(id, id), ids(700, 700), "");
        vm.prank(seller);
        certificate.safeBatchTransferFrom(seller, buyer, ids(id, id), ids(400, 400), "");
        assertHeld(buyer, id, 800, "buyer");
    }

    /// The receiver is called when the lock was checked, so it cannot be used to get around it.
    function test_a_receiver_cannot_move_what_is_locked() public {
        uint256 id = issued(1500);
        Receiver wallet = new Receiver();
        vm.prank(seller);
        certificate.safeTransferFrom(seller, address(wallet), id, 1500, "");
        wallet.run(address(certificate), abi.encodeCall(certificate.lock, (id, 1500, keccak256("leaf"), LONG)));
        bytes memory away = abi.encodeCall(certificate.safeTransferFrom, (address(wallet), stranger, id, 1, bytes("")));
        vm.expectRevert(
            abi.encodeWithSelector(ICertificate.CertificatesLocked.selector, address(wallet), id, 1499, 1500)
        );
        wallet.run(address(certificate), away);
    }

    function test_a_wallet_may_refuse() public {
        uint256 id = issued(1500);
        Receiver wallet = new Receiver();
        wallet.setRefusing(true);
        vm.expectRevert();
        vm.prank(seller);
        certificate.safeTransferFrom(seller, address(wallet), id, 1, "");
        vm.expectRevert(abi.encodeWithSelector(ERC1155.TransferToNonERC1155ReceiverImplementer.selector));
        vm.prank(seller);
        certificate.safeTransferFrom(seller, address(token), id, 1, "");
    }

    function test_it_says_that_it_is_an_erc1155() public view {
        assertTrue(certificate.supportsInterface(0xd9b67a26), "ERC-1155");
        assertTrue(certificate.supportsInterface(0x01ffc9a7), "ERC-165");
    }

    function testFuzz_a_transfer_moves_exactly_what_is_free(uint256 amount, uint64 locked) public {
        uint256 id = issued(1500);
        locked = uint64(bound(locked, 1, 1500));
        vm.prank(seller);
        certificate.lock(id, locked, keccak256("leaf"), LONG);
        amount = bound(amount, 0, 2000);
        vm.prank(seller);
        try certificate.safeTransferFrom(seller, buyer, id, amount, "") {
            assertTrue(amount + locked <= 1500, "only what is free");
            assertHeld(buyer, id, amount, "buyer");
        } catch {
            assertTrue(amount + locked > 1500, "all that is free");
        }
        assertEq(certificate.balanceOf(seller, id) + certificate.balanceOf(buyer, id), 1500, "none is lost");
    }
}
