// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICertificate} from "../src/interfaces/ICertificate.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {CertificateMarket} from "./support/CertificateMarket.sol";

/// Certificates that go with a trade of anything: here the sun of an earlier hour with compute.
contract CertificateLock is CertificateMarket {
    bytes32[] private NO_PROOF;

    /// 1.5 GPU·h sold to the buyer, 1,000 Wh of sun in the seller's hands.
    function computeAndSun() private returns (Leaf memory leaf) {
        leaf = settleOne(aBid(), anOffer(), aFill());
        issued(1000);
    }

    function locked(uint256 amount, Leaf memory leaf) private returns (ICertificate.Lock memory terms) {
        terms = ICertificate.Lock(seller, solarId(), leaf.leafHash(), LONG);
        vm.prank(seller);
        certificate.lock(terms.id, amount, terms.leafHash, terms.until);
    }

    function hashOf(ICertificate.Lock memory terms) private pure returns (bytes32) {
        return keccak256(abi.encode(terms.owner, terms.id, terms.leafHash, terms.until));
    }

    function test_a_lock_is_told_and_kept() public {
        Leaf memory leaf = computeAndSun();
        bytes32 hash = hashOf(ICertificate.Lock(seller, solarId(), leaf.leafHash(), LONG));
        vm.expectEmit();
        emit ICertificate.Locked(hash, solarId(), seller, leaf.leafHash(), LONG, 600);
        vm.prank(seller);
        bytes32 answered = certificate.lock(solarId(), 600, leaf.leafHash(), LONG);
        assertEq(answered, hash, "hash");
        assertEq(certificate.lockOf(hash), 600, "lock");
        assertEq(certificate.lockedOf(seller, solarId()), 600, "locked");
        assertHeld(seller, solarId(), 1000, "still the seller's");
        locked(400, leaf);
        assertEq(certificate.lockOf(hash), 1000, "they add up");
    }

    function test_nobody_locks_what_it_has_not_or_has_locked() public {
        Leaf memory leaf = computeAndSun();
        locked(600, leaf);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.CertificatesLocked.selector, seller, solarId(), 1000, 1001));
        vm.prank(seller);
        certificate.lock(solarId(), 401, keccak256("another leaf"), LONG);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.NothingToMove.selector));
        vm.prank(seller);
        certificate.lock(solarId(), 0, leaf.leafHash(), LONG);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.LockTooShort.selector, uint64(SLOT_END)));
        vm.prank(seller);
        certificate.lock(solarId(), 1, leaf.leafHash(), uint64(SLOT_END));
    }

    function test_a_delivered_trade_takes_them_along() public {
        Leaf memory leaf = computeAndSun();
        ICertificate.Lock memory terms = locked(600, leaf);
        measured(meter, HOUR, 1500);
        delivered(list(leaf));
        vm.expectEmit();
        emit ICertificate.LockDelivered(hashOf(terms), solarId(), buyer, 600, 0);
        vm.prank(stranger);
        certificate.deliverLocked(terms, 1, leaf, NO_PROOF);
        assertHeld(buyer, solarId(), 600, "buyer");
        assertEq(certificate.lockedOf(seller, solarId()), 0, "nothing locked");
        vm.prank(seller);
        certificate.safeTransferFrom(seller, stranger, solarId(), 400, "");
    }

    function test_a_short_trade_takes_its_share_along() public {
        Leaf memory leaf = computeAndSun();
        ICertificate.Lock memory terms = locked(600, leaf);
        measured(meter, HOUR, 1001);
        paidOut(list(leaf));
        certificate.deliverLocked(terms, 1, leaf, NO_PROOF);
        assertHeld(buyer, solarId(), 400, "600 x 1001 / 1500, rounded down");
        assertHeld(seller, solarId(), 600, "seller");
        assertEq(certificate.lockedOf(seller, solarId()), 0, "nothing locked");
    }

    function test_a_trade_of_which_nothing_came_gives_them_back() public {
        Leaf memory leaf = computeAndSun();
        ICertificate.Lock memory terms = locked(600, leaf);
        vm.warp(SLOT_END + READING_WINDOW + 1);
        paidOut(list(leaf));
        vm.warp(vm.getBlockTimestamp() + 1); // the challenge window is over: too late to be paid
        measured(meter, HOUR, 1500);
        certificate.deliverLocked(terms, 1, leaf, NO_PROOF);
        assertHeld(buyer, solarId(), 0, "buyer");
        assertEq(certificate.lockedOf(seller, solarId()), 0, "nothing locked");
    }

    function test_they_stay_until_the_trade_is_over() public {
        Leaf memory leaf = computeAndSun();
        ICertificate.Lock memory terms = locked(600, leaf);
        bytes memory notOver = abi.encodeWithSelector(ICertificate.LeafNotOver.selector, leaf.leafHash());
        vm.expectRevert(notOver);
        certificate.deliverLocked(terms, 1, leaf, NO_PROOF);
        measured(meter, HOUR, 1000);
        guarantee.open(1, leaf, NO_PROOF);
        vm.expectRevert(notOver);
        certificate.deliverLocked(terms, 1, leaf, NO_PROOF);
    }

    function test_a_lock_is_spent_once() public {
        Leaf memory leaf = computeAndSun();
        ICertificate.Lock memory terms = locked(600, leaf);
        measured(meter, HOUR, 1500);
        delivered(list(leaf));
        certificate.deliverLocked(terms, 1, leaf, NO_PROOF);
        bytes memory notLocked = abi.encodeWithSelector(ICertificate.NotLocked.selector, hashOf(terms));
        vm.expectRevert(notLocked);
        certificate.deliverLocked(terms, 1, leaf, NO_PROOF);
        vm.warp(LONG);
        vm.expectRevert(notLocked);
        certificate.release(terms);
    }

    function test_time_frees_a_lock() public {
        Leaf memory leaf = computeAndSun();
        ICertificate.Lock memory terms = locked(600, leaf);
        vm.warp(LONG - 1);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.LockHolds.selector, LONG));
        certificate.release(terms);
        vm.warp(LONG);
        vm.expectEmit();
        emit ICertificate.LockReleased(hashOf(terms), solarId(), seller, 600);
        vm.prank(stranger);
        certificate.release(terms);
        assertHeld(seller, solarId(), 1000, "seller");
        assertEq(certificate.lockedOf(seller, solarId()), 0, "nothing locked");
    }

    function test_terms_cannot_be_changed_by_whoever_presents_them() public {
        Leaf memory leaf = computeAndSun();
        ICertificate.Lock memory terms = locked(600, leaf);
        measured(meter, HOUR, 1500);
        delivered(list(leaf));
        terms.until = 0;
        vm.expectRevert(abi.encodeWithSelector(ICertificate.NotLocked.selector, hashOf(terms)));
        certificate.release(terms);
        (terms.until, terms.owner) = (LONG, stranger);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.NotLocked.selector, hashOf(terms)));
        certificate.deliverLocked(terms, 1, leaf, NO_PROOF);
        terms.owner = seller;
        leaf.buyer = stranger;
        vm.expectRevert(abi.encodeWithSelector(ICertificate.AnotherLeaf.selector, terms.leafHash, leaf.leafHash()));
        certificate.deliverLocked(terms, 1, leaf, NO_PROOF);
    }

    function test_the_leaf_must_be_of_the_batch() public {
        Leaf memory leaf = computeAndSun();
        leaf.quantity = 1;
        ICertificate.Lock memory terms = locked(600, leaf);
        measured(meter, HOUR, 1500);
        bytes32 root = settlement.batchRoot(1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotTheBatch.selector, 1, root, leaf.leafHash()));
        certificate.deliverLocked(terms, 1, leaf, NO_PROOF);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotTheBatch.selector, 2, 0, leaf.leafHash()));
        certificate.deliverLocked(terms, 2, leaf, NO_PROOF);
    }

    function test_an_approved_account_cannot_lock_or_move_what_is_locked() public {
        Leaf memory leaf = computeAndSun();
        locked(1000, leaf);
        vm.prank(seller);
        certificate.setApprovalForAll(stranger, true);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.CertificatesLocked.selector, seller, solarId(), 999, 1000));
        vm.prank(stranger);
        certificate.safeTransferFrom(seller, stranger, solarId(), 1, "");
        vm.expectRevert(abi.encodeWithSelector(ICertificate.CertificatesLocked.selector, stranger, solarId(), 0, 1));
        vm.prank(stranger);
        certificate.lock(solarId(), 1, leaf.leafHash(), LONG);
    }

    function testFuzz_a_lock_is_shared_between_its_two(uint64 amount, uint64 lots) public {
        amount = uint64(bound(amount, 1, 1000));
        lots = uint64(bound(lots, 0, 1600));
        Leaf memory leaf = computeAndSun();
        ICertificate.Lock memory terms = locked(amount, leaf);
        measured(meter, HOUR, lots);
        delivered(list(leaf));
        paidOut(list(leaf));
        certificate.deliverLocked(terms, 1, leaf, NO_PROOF);
        uint256 share = lots >= 1500 ? amount : uint256(amount) * lots / 1500;
        assertHeld(buyer, solarId(), share, "buyer");
        assertHeld(seller, solarId(), 1000 - share, "seller");
        assertEq(certificate.lockedOf(seller, solarId()), 0, "nothing locked");
    }
}
