// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Fill, Order} from "../src/types/Order.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Reading} from "../src/types/Reading.sol";
import {Market} from "./support/Market.sol";

/// What a batch costs with 20 traders who have traded before, each trade with a bid and an offer of its own.
contract Gas is Market {
    uint256 private constant TRADERS = 20;
    /// What a transaction may use on a chain with EIP-7825.
    uint256 private constant GAS_MOST = 16_777_216;

    address[] private traders;
    Order[] private orders;
    bytes[] private signatures;
    Fill[] private fills;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < TRADERS; ++i) {
            traders.push(withKey(0x7000 + i));
            fund(traders[i], FUNDS);
            if (i >= TRADERS / 2) registerMeter(traders[i], anInstrument(2), withKey(0x8000 + i));
        }
        prepare(TRADERS / 2, 0);
        submit();
    }

    /// Prepare `count` trades, buyers and sellers taking turns.
    function prepare(uint256 count, uint64 firstId) private {
        delete orders;
        delete signatures;
        delete fills;
        for (uint256 i = 0; i < count; ++i) {
            (Order memory bid, Order memory offer, Fill memory fill) = (aBid(), anOffer(), aFill());
            bid.participant = traders[i % (TRADERS / 2)];
            offer.participant = traders[TRADERS / 2 + i % (TRADERS / 2)];
            bid.clientOrderId = offer.clientOrderId = firstId + uint64(i);
            fill = Fill(uint32(2 * i), uint32(2 * i + 1), firstId + uint64(i), 2_000_000, 1500);
            orders.push(bid);
            orders.push(offer);
            signatures.push(signDigest(bid.participant, orderDigest(bid)));
            signatures.push(signDigest(offer.participant, orderDigest(offer)));
            fills.push(fill);
        }
    }

    function submit() private returns (Leaf[] memory leaves, uint256 gas) {
        vm.recordLogs();
        gas = send(
            abi.encodeCall(settlement.settleBatch, (nextBatch++, RECORD_HASH, FEE_BPS, orders, signatures, fills))
        );
        (leaves,) = outcomeOf(vm.getRecordedLogs());
        assertEq(leaves.length, fills.length, "locked");
    }

    /// Send it as the operator and return the gas of the transaction before refunds.
    function send(bytes memory data) private returns (uint256 gas) {
        gas = 21_000;
        for (uint256 i = 0; i < data.length; ++i) {
            gas += data[i] == 0 ? 4 : 16;
        }
        vm.prank(operator);
        uint256 before = gasleft();
        (bool done,) = address(settlement).call(data);
        gas += before - gasleft();
        assertTrue(done, "sent");
    }

    function measure(uint256 count) private {
        prepare(count, 1000);
        (Leaf[] memory leaves, uint256 settling) = submit();
        vm.warp(SLOT_END);
        uint256 meters = count < TRADERS / 2 ? count : TRADERS / 2;
        Reading[] memory readings = new Reading[](meters);
        for (uint256 i = 0; i < meters; ++i) {
            readings[i] = aReading(leaves[i].meter, HOUR, type(uint64).max);
        }
        uint256 delivering =
            send(abi.encodeCall(settlement.deliverBatch, (nextBatch - 1, leaves, type(uint256).max, readings)));
        assertEq(settlement.markedOf(nextBatch - 1), 2 ** count - 1, "released");
        emit log_named_uint("settle, gas per trade", settling / count);
        emit log_named_uint("deliver, gas per trade", delivering / count);
        assertTrue(settling < GAS_MOST && delivering < GAS_MOST, "one transaction carries it");
    }

    function test_gas_of_1_trade() public {
        measure(1);
    }

    function test_gas_of_10_trades() public {
        measure(10);
    }

    function test_gas_of_100_trades() public {
        measure(100);
    }
}
