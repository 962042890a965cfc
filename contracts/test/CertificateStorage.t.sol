// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC1155} from "solady/tokens/ERC1155.sol";
import {ICertificate} from "../src/interfaces/ICertificate.sol";
import {CertificateMarket} from "./support/CertificateMarket.sol";

/// The sun of one hour, stored, and certified again when it comes out two hours later.
contract CertificateStorage is CertificateMarket {
    uint32 private constant LATER = HOUR + 2;

    function discharge(uint64 amount) private view returns (ICertificate.Discharge memory) {
        return ICertificate.Discharge(energy("STORAGE", HOUR) >> 48, LATER, amount, solarId());
    }

    /// 1,000 Wh of sun, `charged` Wh into the storage in its hour, `given` Wh out of it later.
    function stored(uint64 charged, uint64 given) private {
        issued(1000);
        measured(chargeMeter, HOUR, charged);
        measured(dischargeMeter, LATER, given);
    }

    function take(ICertificate.Discharge memory what) private {
        vm.prank(seller);
        certificate.issueStored(what);
    }

    function test_stored_sun_is_sun_less_the_losses() public {
        stored(1000, 850);
        uint256 id = idOf("SOLAR", dischargeMeter, LATER, 1);
        vm.expectEmit();
        emit ICertificate.Stored(solarId(), id, seller, 1000, 850);
        vm.expectEmit();
        emit ICertificate.Issued(id, dischargeMeter, seller, 850);
        take(discharge(850));
        assertHeld(seller, solarId(), 0, "charged");
        assertHeld(seller, id, 850, "stored");
        assertEq(certificate.hourOf(idOf("STORAGE", dischargeMeter, LATER, 0)).issued, 850, "out");
        assertEq(certificate.hourOf(idOf("CHARGE", chargeMeter, HOUR, 0)).issued, 1000, "in");
    }

    function test_what_went_in_is_rounded_up() public {
        stored(1000, 850);
        take(discharge(1));
        assertHeld(seller, solarId(), 998, "one Wh costs two");
    }

    function test_no_more_comes_out_than_was_measured() public {
        stored(1000, 300);
        take(discharge(200));
        vm.expectRevert(
            abi.encodeWithSelector(ICertificate.IssuedBeyondReading.selector, dischargeMeter, LATER, 301, 300)
        );
        take(discharge(101));
        take(discharge(100));
    }

    function test_no_more_goes_in_than_was_measured() public {
        stored(500, 850);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.IssuedBeyondReading.selector, chargeMeter, HOUR, 502, 500));
        take(discharge(426));
        take(discharge(425));
    }

    function test_what_went_in_was_there_before_and_in_the_same_place() public {
        stored(1000, 850);
        ICertificate.Discharge memory early = discharge(100);
        early.startHour = HOUR - 1;
        measured(dischargeMeter, HOUR - 1, 100);
        bytes memory doesNotFit = abi.encodeWithSelector(ICertificate.ChargeDoesNotFit.selector, solarId());
        vm.expectRevert(doesNotFit);
        take(early);

        ICertificate.Discharge memory elsewhere = discharge(100);
        elsewhere.resource = energyAt("STORAGE", "DE-LU", HOUR) >> 48;
        address meter_ = withKey(0xDE);
        registerMeter(seller, elsewhere.resource << 48, meter_);
        measured(meter_, LATER, 100);
        vm.expectRevert(doesNotFit);
        take(elsewhere);
    }

    function test_who_stores_owns_the_storage_and_the_certificates() public {
        stored(1000, 850);
        uint256 resource = energy("STORAGE", HOUR) >> 48;
        vm.expectRevert(abi.encodeWithSelector(ICertificate.MeterNotRegistered.selector, stranger, resource));
        vm.prank(stranger);
        certificate.issueStored(discharge(10));

        vm.prank(seller);
        certificate.safeTransferFrom(seller, stranger, solarId(), 1000, "");
        vm.expectRevert(abi.encodeWithSelector(ERC1155.InsufficientBalance.selector));
        take(discharge(10));
    }

    function test_only_a_storage_stores_and_nothing_is_nothing() public {
        stored(1000, 850);
        ICertificate.Discharge memory sun = discharge(10);
        sun.resource = energy("SOLAR", HOUR) >> 48;
        vm.expectRevert(abi.encodeWithSelector(ICertificate.NotCertifiable.selector, sun.resource));
        take(sun);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.NothingToMove.selector));
        take(discharge(0));
    }

    function testFuzz_certificates_never_grow_in_a_storage(uint64 charged, uint64 given, uint64 amount) public {
        stored(uint64(bound(charged, 0, 1200)), uint64(bound(given, 0, 1200)));
        amount = uint64(bound(amount, 1, 1300));
        vm.prank(seller);
        try certificate.issueStored(discharge(amount)) {
            uint256 gone = 1000 - certificate.balanceOf(seller, solarId());
            assertTrue(gone * EFFICIENCY >= uint256(amount) * 1e6, "losses are paid");
            assertTrue((gone - 1) * EFFICIENCY < uint256(amount) * 1e6, "and no more than one Wh above");
        } catch {
            assertHeld(seller, solarId(), 1000, "nothing happened");
        }
    }
}
