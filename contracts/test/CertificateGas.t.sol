// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICertificate} from "../src/interfaces/ICertificate.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Packing} from "./support/Packing.sol";
import {CertificateMarket} from "./support/CertificateMarket.sol";

/// What each step in a certificate's life costs, as a transaction of its own, before refunds.
///
/// What comes before the step happens in `setUp`, another transaction, so that the step finds its storage cold.
contract CertificateGas is CertificateMarket {
    uint32 private constant SOLD_HOUR = HOUR + 2;
    uint32 private constant FUTURE_HOUR = HOUR + 40;
    uint32 private constant FIRST_OF_DAY = HOUR + 3;

    uint256 private id;
    Leaf[] private toPledge;
    Leaf[] private toDeliver;
    Leaf private compute;
    ICertificate.Lock private toTake;
    ICertificate.Lock private toRelease;
    bytes32[] private noProof;

    function setUp() public override {
        super.setUp();
        compute = settleOne(aBid(), anOffer(), aFill());
        toPledge.push(sell("SOLAR", FUTURE_HOUR, list(1000))[0]);
        toDeliver.push(sell("SOLAR", SOLD_HOUR, list(1000))[0]);
        pledged(toDeliver);

        id = issued(1_000_000);
        measured(chargeMeter, HOUR, 1000);
        measured(meter, HOUR, 1500);
        measured(dischargeMeter, HOUR + 1, 850);
        measured(solarMeter, SOLD_HOUR, 1_000_000);
        settlement.deliverBatch(1, Packing.leaves(list(compute)), 1, noReadings());
        settlement.deliverBatch(3, Packing.leaves(toDeliver), 1, noReadings());
        toTake = ICertificate.Lock(seller, id, compute.leafHash(), LONG);
        toRelease = ICertificate.Lock(seller, id, keccak256("leaf"), uint64(vm.getBlockTimestamp() + 1));
        vm.prank(seller);
        certificate.lock(id, 1000, toTake.leafHash, toTake.until);
        vm.prank(seller);
        certificate.lock(id, 1000, toRelease.leafHash, toRelease.until);
        for (uint32 i = 0; i < 24; ++i) {
            measured(solarMeter, FIRST_OF_DAY + i, 1_000_000);
        }
    }

    /// Send it and return the gas of the transaction before refunds.
    function send(string memory what, address from, bytes memory data) private {
        uint256 gas = 21_000;
        for (uint256 i = 0; i < data.length; ++i) {
            gas += data[i] == 0 ? 4 : 16;
        }
        vm.prank(from);
        uint256 before = gasleft();
        (bool done,) = address(certificate).call(data);
        gas += before - gasleft();
        assertTrue(done, what);
        emit log_named_uint(what, gas);
    }

    function day(uint32 hours_) private view returns (ICertificate.Production[] memory productions) {
        productions = new ICertificate.Production[](hours_);
        for (uint32 i = 0; i < hours_; ++i) {
            productions[i] = production(seller, "SOLAR", FIRST_OF_DAY + i)[0];
        }
    }

    function test_gas_of_issuing() public {
        send("issue an hour", stranger, abi.encodeCall(certificate.issue, (day(1))));
    }

    function test_gas_of_issuing_a_day() public {
        send("issue 24 hours", stranger, abi.encodeCall(certificate.issue, (day(24))));
    }

    function test_gas_of_sending() public {
        bytes memory data = abi.encodeCall(certificate.safeTransferFrom, (seller, buyer, id, 1000, bytes("")));
        send("send to a new holder", seller, data);
    }

    function test_gas_of_retiring() public {
        send("retire", seller, abi.encodeCall(certificate.retire, (seller, list(aRetirement(id, 1000)))));
    }

    function test_gas_of_pledging() public {
        send("pledge", seller, abi.encodeCall(certificate.pledge, (2, toPledge, proofsOf(toPledge))));
    }

    function test_gas_of_delivering_a_pledge() public {
        send("deliver a pledge", stranger, abi.encodeCall(certificate.deliverPledged, (toDeliver)));
    }

    function test_gas_of_locking() public {
        send("lock", seller, abi.encodeCall(certificate.lock, (id, 1000, keccak256("another leaf"), LONG)));
    }

    function test_gas_of_delivering_a_lock() public {
        bytes memory data = abi.encodeCall(certificate.deliverLocked, (toTake, 1, compute, noProof));
        send("deliver a lock", stranger, data);
    }

    function test_gas_of_releasing() public {
        send("release a lock", stranger, abi.encodeCall(certificate.release, (toRelease)));
    }

    function test_gas_of_storing() public {
        ICertificate.Discharge memory discharge =
            ICertificate.Discharge(energy("STORAGE", HOUR) >> 48, HOUR + 1, 850, id);
        send("store", seller, abi.encodeCall(certificate.issueStored, (discharge)));
    }
}
