// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {Certificate} from "../src/Certificate.sol";
import {ICertificate} from "../src/interfaces/ICertificate.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Instruments} from "../src/libraries/Instruments.sol";
import {CertificateMarket} from "./support/CertificateMarket.sol";
import {Receiver} from "./support/Receivers.sol";

contract CertificateIssue is CertificateMarket {
    function test_the_id_says_what_where_when_and_by_which_device() public {
        uint256 id = issued(1500);
        assertEq(id >> 240, 0x01CE, "version and kind");
        assertEq(bytes32(bytes8(uint64(id >> 176))), bytes32("SOLAR"), "product");
        assertEq(bytes32(bytes8(uint64(id >> 112))), bytes32("CISO"), "place");
        assertEq(uint64(id >> 48), uint64(uint160(solarMeter)), "device");
        assertEq(Instruments.startHour(id), HOUR, "start hour");
        assertEq(id & 0xFFFFFF, 1 << 8, "hours and flags");
        assertTrue(!Instruments.isSettleable(id), "no instrument");
    }

    function test_anyone_certifies_what_was_measured_to_the_seller() public {
        measured(solarMeter, HOUR, 1500);
        vm.expectEmit();
        emit ICertificate.Issued(solarId(), solarMeter, seller, 1500);
        vm.prank(stranger);
        issue();
        assertHeld(seller, solarId(), 1500, "seller");
        ICertificate.Hour memory hour = certificate.hourOf(solarId());
        assertEq(hour.meter, solarMeter, "meter");
        assertEq(hour.issued, 1500, "issued");
    }

    /// Which meter measured an hour does not change when the seller has another one.
    function test_what_a_replaced_meter_measured_is_still_certified() public {
        measured(solarMeter, HOUR, 1500);
        registerMeter(seller, energy("SOLAR", HOUR), withKey(0x501B));
        issue();
        assertHeld(seller, solarId(), 1500, "by the meter of the hour");
    }

    function test_an_hour_is_certified_once() public {
        uint256 id = issued(1500);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.NothingToIssue.selector, id));
        issue();
    }

    function test_the_first_reading_counts() public {
        measured(solarMeter, HOUR, 1500);
        measured(solarMeter, HOUR, 9000);
        issue();
        assertHeld(seller, solarId(), 1500, "seller");
    }

    function test_nothing_is_certified_before_it_is_measured() public {
        bytes memory notMetered = abi.encodeWithSelector(ICertificate.NotMetered.selector, solarMeter, HOUR);
        vm.expectRevert(notMetered);
        issue();
        vm.warp(SLOT_END);
        vm.expectRevert(notMetered);
        issue();
        measured(solarMeter, HOUR, 0);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.NothingToIssue.selector, solarId()));
        issue();
    }

    function test_only_registered_meters_of_produced_energy_count() public {
        uint256 wind = energy("WIND", HOUR) >> 48;
        vm.expectRevert(abi.encodeWithSelector(ICertificate.MeterNotRegistered.selector, seller, wind));
        certificate.issue(production(seller, "WIND", HOUR));

        measured(dischargeMeter, HOUR, 700);
        measured(chargeMeter, HOUR, 700);
        measured(meter, HOUR, 700);
        refuses(energy("STORAGE", HOUR) >> 48);
        refuses(energy("CHARGE", HOUR) >> 48);
        refuses(anInstrument(2) >> 48); // compute
        refuses(energy("SOLAR", HOUR) >> 48 | 1); // energy that runs from one place to another
        refuses(energy("SOLAR", HOUR) >> 48 | 1 << 208); // something above the word
    }

    function refuses(uint256 resource) private {
        ICertificate.Production[] memory productions = production(seller, "SOLAR", HOUR);
        productions[0].resource = resource;
        vm.expectRevert(abi.encodeWithSelector(ICertificate.NotCertifiable.selector, resource));
        certificate.issue(productions);
    }

    function test_many_hours_are_certified_together_or_not_at_all() public {
        measured(solarMeter, HOUR, 1500);
        measured(solarMeter, HOUR + 1, 2500);
        ICertificate.Production[] memory productions = new ICertificate.Production[](2);
        productions[0] = production(seller, "SOLAR", HOUR)[0];
        productions[1] = production(seller, "SOLAR", HOUR + 2)[0];
        vm.expectRevert(abi.encodeWithSelector(ICertificate.NotMetered.selector, solarMeter, HOUR + 2));
        certificate.issue(productions);
        assertHeld(seller, solarId(), 0, "none");

        productions[1].startHour = HOUR + 1;
        certificate.issue(productions);
        assertHeld(seller, solarId(), 1500, "first");
        assertHeld(seller, idOf("SOLAR", solarMeter, HOUR + 1, 0), 2500, "second");
    }

    /// Two keys whose addresses end alike cannot be found here, so a false settlement names them.
    function test_two_meters_never_share_an_id() public {
        TwoMeters twin = new TwoMeters();
        certificate = new Certificate(ISettlement(address(twin)), EFFICIENCY);
        twin.setMeter(address((uint160(1) << 64) + 7));
        issue();
        twin.setMeter(address((uint160(2) << 64) + 7));
        uint256 id = idOf("SOLAR", address(7), HOUR, 0);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.DeviceTaken.selector, id, address((uint160(1) << 64) + 7)));
        issue();
    }

    function test_a_receiver_that_calls_back_gets_nothing_more() public {
        Receiver wallet = new Receiver();
        registerMeter(address(wallet), energy("WIND", HOUR), withKey(0x317D));
        measured(withKey(0x317D), HOUR, 900);
        ICertificate.Production[] memory productions = production(address(wallet), "WIND", HOUR);
        wallet.callBack(address(certificate), abi.encodeCall(certificate.issue, (productions)));
        certificate.issue(productions);
        assertEq(wallet.calls(), 1, "called");
        assertTrue(!wallet.gotThrough(), "refused");
        assertHeld(address(wallet), idOf("WIND", withKey(0x317D), HOUR, 0), 900, "wallet");
    }

    function test_a_receiver_that_refuses_hurts_itself_alone() public {
        Receiver wallet = new Receiver();
        wallet.setRefusing(true);
        registerMeter(address(wallet), energy("WIND", HOUR), withKey(0x317D));
        measured(withKey(0x317D), HOUR, 900);
        vm.expectRevert();
        certificate.issue(production(address(wallet), "WIND", HOUR));
        assertHeld(seller, issued(1500), 1500, "seller");
    }

    function test_a_meter_beyond_belief_is_not_certified() public {
        measured(solarMeter, HOUR, uint64(type(uint48).max) + 1);
        vm.expectRevert(abi.encodeWithSelector(SafeCastLib.Overflow.selector));
        issue();
        assertHeld(seller, solarId(), 0, "seller");
    }

    function test_the_certificate_needs_a_settlement_and_an_efficiency() public {
        vm.expectRevert(abi.encodeWithSelector(ICertificate.ZeroAddress.selector));
        new Certificate(ISettlement(address(0)), EFFICIENCY);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.EfficiencyOutOfRange.selector, 0));
        new Certificate(settlement, 0);
        vm.expectRevert(abi.encodeWithSelector(ICertificate.EfficiencyOutOfRange.selector, 1_000_001));
        new Certificate(settlement, 1_000_001);
        assertEq(certificate.settlement(), address(settlement), "settlement");
        assertEq(certificate.storageEfficiency(), EFFICIENCY, "efficiency");
        assertEq(bytes(certificate.uri(0)).length, 0, "uri");
    }

    function testFuzz_no_more_is_certified_than_was_measured(uint64 units, uint64 sold, uint8 times) public {
        sold = uint64(bound(sold, 1, 1e9));
        fund(buyer, 1e13);
        fund(seller, 1e13);
        units = uint64(bound(units, 0, type(uint48).max));
        pledged(soldSun(list(sold)));
        measured(solarMeter, HOUR, units);
        for (uint256 i = 0; i < times % 4; ++i) {
            try certificate.issue(production(seller, "SOLAR", HOUR)) {} catch {}
        }
        uint256 free = units > sold ? units - sold : 0;
        assertHeld(seller, solarId(), times % 4 == 0 ? 0 : free, "what was not pledged");
    }
}

contract TwoMeters {
    address private meter;

    function setMeter(address meter_) external {
        meter = meter_;
    }

    function meterAt(address, uint256) external view returns (address) {
        return meter;
    }

    function slotOf(address, uint32) external pure returns (uint64, uint64, uint64, uint40, uint24) {
        return (0, 5, 0, 1, 1);
    }
}
