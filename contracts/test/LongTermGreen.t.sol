// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../src/interfaces/IDisputes.sol";
import {ILongTerm} from "../src/interfaces/ILongTerm.sol";
import {Activation} from "../src/types/Activation.sol";
import {ExecutionTerms} from "../src/types/ExecutionTerms.sol";
import {Stage} from "../src/types/Stage.sol";
import {LongTermMarket} from "./support/LongTermMarket.sol";
import {Receiver} from "./support/Receivers.sol";

/// Names itself a contract of certificates, moves none, and tries the same call again and again.
contract CallingCertificates {
    address private target;
    bytes private data;
    uint256 public gotThrough;

    function callBack(address target_, bytes calldata data_) external {
        (target, data) = (target_, data_);
    }

    function safeTransferFrom(address, address, uint256, uint256, bytes calldata) external {
        for (uint256 i = 0; i < 3; ++i) {
            (bool done,) = target.call(data);
            if (done) ++gotThrough;
        }
    }
}

/// A green promise: certificates of the period come with it, or their price does.
contract LongTermGreen is LongTermMarket {
    bytes private terms;
    Activation private activation;
    uint256 private id;

    function setUp() public override {
        super.setUp();
        ExecutionTerms memory agreed = theTerms();
        terms = abi.encode(agreed);
        activation = anActivation(agreed);
        activated(activation);
        measured(solarMeter, FIRST_HOUR, LOTS);
        certificate.issue(production(seller, "SOLAR", FIRST_HOUR));
        id = idOf("SOLAR", solarMeter, FIRST_HOUR, 0);
        vm.prank(seller);
        certificate.setApprovalForAll(address(longTerm), true);
    }

    /// 80 % green, or 0.01 per kWh that is missing.
    function theTerms() private view returns (ExecutionTerms memory agreed) {
        agreed = someTerms();
        (agreed.greenShare, agreed.greenPrice) = (800_000, 10_000);
    }

    function deliver(uint256 certificateId, uint256 amount) private {
        vm.prank(seller);
        longTerm.deliverGreen(activation, terms, certificateId, amount);
    }

    function test_certificates_go_to_the_buyer_and_count() public {
        bytes32 agreement = idOf(activation);
        vm.expectEmit();
        emit ILongTerm.GreenDelivered(agreement, 0, id, 80_000);
        deliver(id, 80_000);
        assertHeld(buyer, id, 80_000, "the buyer's");
        assertEq(longTerm.certificatesOf(agreement, 0), 80_000, "counted");
        settleMetered(activation, theTerms(), LOTS);
        assertAccount(seller, FUNDS + PRICE_OF_DAY - SELLER_STAKE, SELLER_STAKE, "nothing is missing");
    }

    function test_what_is_missing_is_paid() public {
        deliver(id, 30_000);
        settleMetered(activation, theTerms(), LOTS);
        // 50 kWh at 0.01.
        assertAccount(seller, FUNDS + PRICE_OF_DAY - 500_000 - SELLER_STAKE, SELLER_STAKE, "seller");
    }

    function test_they_may_come_until_the_period_is_paid() public {
        reportUnits(activation, theTerms(), LOTS);
        deliver(id, 80_000);
        wait(CHALLENGE);
        longTerm.payOut(activation, terms);
        assertAccount(seller, FUNDS + PRICE_OF_DAY - SELLER_STAKE, SELLER_STAKE, "in time");
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.CertificateDoesNotFit.selector, id));
        deliver(id, 1);
    }

    function test_a_certificate_is_of_the_place_a_clean_source_and_an_open_period() public {
        uint256[6] memory wrong = [
            idOf("GAS", solarMeter, FIRST_HOUR, 0),
            id ^ 1 << 112, // another place
            id ^ 1 << 240, // no certificate
            idOf("SOLAR", solarMeter, FIRST_HOUR - 1, 0),
            idOf("SOLAR", solarMeter, FIRST_HOUR + 24 * PERIODS, 0),
            energy("SOLAR", FIRST_HOUR)
        ];
        for (uint256 i = 0; i < 6; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ILongTerm.CertificateDoesNotFit.selector, wrong[i]));
            deliver(wrong[i], 1);
        }
    }

    function test_every_clean_source_counts() public {
        bytes8[4] memory sources = [bytes8("SOLAR"), "WIND", "HYDRO", "NUCLEAR"];
        for (uint256 i = 0; i < 4; ++i) {
            deliver(idOf(sources[i], solarMeter, FIRST_HOUR, 0), 0);
        }
    }

    function test_only_the_seller_sends_its_certificates() public {
        bytes memory encoded = terms;
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotSeller.selector, buyer));
        vm.prank(buyer);
        longTerm.deliverGreen(activation, encoded, id, 1);
    }

    /// A wallet that refuses certificates refuses them for itself alone, and is owed what it refused.
    function test_a_buyer_that_refuses_stops_nothing() public {
        Receiver wallet = new Receiver();
        begin(theTerms(), address(wallet), "a wallet buys");
        wallet.setRefusing(true);
        vm.expectRevert();
        deliver(id, 80_000);
        assertEq(longTerm.certificatesOf(idOf(activation), 0), 0, "nothing counts");
        settleMetered(activation, theTerms(), LOTS);
        // Two agreements run; 80 kWh at 0.01 are missing in this one.
        assertAccount(seller, FUNDS + PRICE_OF_DAY - 800_000 - 2 * SELLER_STAKE, 2 * SELLER_STAKE, "seller");
    }

    /// The certificates' contract calls back into every step that is open to anyone: the period is settled once.
    function test_a_hostile_contract_for_certificates_settles_no_period_twice() public {
        CallingCertificates hostile = new CallingCertificates();
        ExecutionTerms memory agreed = theTerms();
        agreed.certificates = address(hostile);
        begin(agreed, buyer, "hostile certificates");
        reportUnits(activation, agreed, LOTS);
        wait(CHALLENGE);
        hostile.callBack(address(longTerm), abi.encodeCall(longTerm.payOut, (activation, terms)));
        deliver(id, 80_000);
        assertEq(hostile.gotThrough(), 1, "once");
        assertEq(stateOf(activation).period, 1, "one period on");
        assertAccount(seller, FUNDS + PRICE_OF_DAY - 2 * SELLER_STAKE, 2 * SELLER_STAKE, "paid once");
        assertAccount(buyer, FUNDS - PRICE_OF_DAY - FEE_OF_DAY - 2 * BUYER_STAKE, 2 * BUYER_STAKE, "pays once");
    }

    /// Wallets sign whatever they are asked; the seller has a key.
    function begin(ExecutionTerms memory agreed, address buyer_, bytes32 salt) private {
        terms = abi.encode(agreed);
        activation = anActivation(agreed);
        (activation.buyer, activation.salt) = (buyer_, salt);
        if (buyer_ != buyer) fund(buyer_, FUNDS);
        vm.warp(BEGINS - 1);
        bytes32 agreement = idOf(activation);
        bytes memory ofBuyer = buyer_ == buyer ? signDigest(buyer, agreement) : bytes("");
        longTerm.activate(activation, ofBuyer, signDigest(seller, agreement));
    }

    function test_an_agreement_that_is_not_in_force_takes_none() public {
        activation.salt = "other";
        bytes32 other = idOf(activation);
        vm.expectRevert(abi.encodeWithSelector(ILongTerm.WrongStage.selector, other, Stage.None));
        deliver(id, 1);
    }
}
