// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Settlement} from "../src/Settlement.sol";
import {IStandby} from "../src/interfaces/IStandby.sol";
import {Order} from "../src/types/Order.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Reading} from "../src/types/Reading.sol";
import {Artifacts} from "./support/Artifacts.sol";
import {Market} from "./support/Market.sol";
import {IERC20, NaiveTransfers} from "./support/NaiveTransfers.sol";
import {Fill, Packing} from "./support/Packing.sol";

/// What a trade costs in a batch, whole transactions divided by trades, beside a design that trusts its operator.
///
/// Steady state: everybody traded before in the same hour. Client order ids go up one by one, so that a participant opens
/// a new word of fill counters with every fourth order. Measured on the committed artifacts, which are what is deployed,
/// each call being a transaction of its own.
/// forge-config: default.isolate = true
/// forge-config: deployed.isolate = true
contract Gas is Market, Artifacts {
    /// What a transaction may use on a chain with EIP-7825.
    uint256 private constant GAS_MOST = 16_777_216;

    /// Who trades with whom, and with how many orders.
    enum Pattern {
        TwentyTraders,
        AllDistinct,
        StandingOrders,
        OneAgainstMany
    }

    address[] private buyers;
    address[] private sellers;
    address[] private meters;
    Order[] private orders;
    Fill[] private fills;
    NaiveTransfers private naive;

    function setUp() public override {
        super.setUp();
        naive = new NaiveTransfers(IERC20(address(token)));
        deployArtifacts();
    }

    function deployArtifacts() private {
        bytes memory creation = settlementCode();
        address foretold = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        address[] memory modules = new address[](1);
        modules[0] = create(bytes.concat(code("Guarantee"), abi.encode(foretold, standbyFor(foretold), someRules())));
        settlement = Settlement(create(bytes.concat(creation, abi.encode(aSetup(address(token), modules)))));
    }

    function standbyFor(address) internal pure override returns (IStandby) {
        return IStandby(address(0));
    }

    // --- the patterns ---------------------------------------------------------------------------------------------

    function test_gas_of_20_traders() public {
        measure(Pattern.TwentyTraders, 1, 152_000, 115_000);
        measure(Pattern.TwentyTraders, 10, 91_000, 43_000);
        measure(Pattern.TwentyTraders, 100, 34_000, 8_000);
    }

    function test_gas_of_traders_who_are_all_distinct() public {
        measure(Pattern.AllDistinct, 1, 117_000, 115_000);
        measure(Pattern.AllDistinct, 10, 57_000, 43_000);
        measure(Pattern.AllDistinct, 100, 51_000, 36_000);
    }

    /// One large bid that stands, against ten standing offers: signatures are checked once, fills are a word each.
    function test_gas_of_standing_orders() public {
        measure(Pattern.StandingOrders, 1, 117_000, 115_000);
        measure(Pattern.StandingOrders, 10, 41_000, 37_000);
        measure(Pattern.StandingOrders, 100, 8_000, 8_000);
    }

    /// One standing bid against new offers, each of which has to be verified and counted.
    function test_gas_of_one_order_against_100_new_ones() public {
        measure(Pattern.OneAgainstMany, 100, 21_000, 8_000);
    }

    /// Two participants who only ever deposited, in an hour of which nobody sold, in a batch of their own.
    function test_gas_of_the_first_trade_of_both_sides() public {
        arrange(Pattern.AllDistinct, 1, 0);
        (, uint256 settling) = settleOrders();
        emit log_named_uint("settle, first trade of both", settling);
        assertTrue(settling <= 186_000, "settle");
    }

    function measure(Pattern pattern, uint256 trades, uint256 settleMost, uint256 deliverMost) private {
        setUp();
        arrange(pattern, trades, 0);
        settleOrders();
        arrange(pattern, trades, 1);
        (Leaf[] memory leaves, uint256 settling) = settleOrders();
        uint256 delivering = deliver(leaves);
        (uint256 naiveSettling, uint256 naiveDelivering) = settleNaively(leaves);
        emit log_named_uint("trades", trades);
        emit log_named_uint("    settle, gas per trade ", settling / trades);
        emit log_named_uint("    deliver, gas per trade", delivering / trades);
        emit log_named_uint("    naive settle          ", naiveSettling / trades);
        emit log_named_uint("    naive deliver         ", naiveDelivering / trades);
        assertTrue(settling / trades <= settleMost, "settle");
        assertTrue(delivering / trades <= deliverMost, "deliver");
        assertTrue(settling < GAS_MOST && delivering < GAS_MOST, "one transaction carries it");
    }

    // --- what is measured -----------------------------------------------------------------------------------------

    /// Write the orders of the warm-up (round 0), or those that are measured.
    function arrange(Pattern pattern, uint256 trades, uint256 round) private {
        delete orders;
        delete fills;
        bool few = pattern != Pattern.AllDistinct;
        uint256 people = few ? 10 : trades;
        people = people < trades ? people : trades;
        if (round == 0) enrol(people);
        if (round == 0 && few) trades = people;
        uint256 standing = pattern == Pattern.StandingOrders ? people : trades;
        bool one = pattern == Pattern.StandingOrders || pattern == Pattern.OneAgainstMany;
        for (uint256 i = 0; i < standing; ++i) {
            uint64 id = uint64(round == 0 ? 0 : few ? 4 + i / people : 1);
            if (!one || i == 0) {
                Order memory bid = aBid();
                (bid.participant, bid.quantity) = (buyers[i % people], 1e9);
                bid.clientOrderId = one ? 1 : id;
                orders.push(bid);
            }
            Order memory offer = anOffer();
            (offer.participant, offer.quantity) = (sellers[i % people], 1e9);
            offer.clientOrderId = pattern == Pattern.StandingOrders ? 1 : id;
            orders.push(offer);
        }
        for (uint256 i = 0; i < trades; ++i) {
            uint256 pair_ = i % standing;
            uint32 bidPlace = one ? 0 : uint32(2 * pair_);
            uint32 offerPlace = one ? uint32(1 + pair_) : bidPlace + 1;
            fills.push(Fill(bidPlace, offerPlace, uint64(1000 * round + i), 2_000_000, 1500));
        }
    }

    function enrol(uint256 people) private {
        delete buyers;
        delete sellers;
        delete meters;
        for (uint256 i = 0; i < people; ++i) {
            buyers.push(withKey(0x7000 + i));
            sellers.push(withKey(0x7800 + i));
            meters.push(withKey(0x8000 + i));
            fund(buyers[i], 1000e6);
            fund(sellers[i], 1000e6);
            registerMeter(sellers[i], anInstrument(2), meters[i]);
        }
    }

    function settleOrders() private returns (Leaf[] memory leaves, uint256 gas) {
        bytes memory packed = Packing.batch(orders, signed(orders), fills);
        vm.recordLogs();
        gas = send(
            operator,
            address(settlement),
            abi.encodeCall(settlement.settleBatch, (nextBatch++, RECORD_HASH, FEE_BPS, packed))
        );
        (leaves,) = outcomeOf(vm.getRecordedLogs());
        assertEq(leaves.length, fills.length, "locked");
    }

    function deliver(Leaf[] memory leaves) private returns (uint256 gas) {
        vm.warp(SLOT_END);
        uint256 count = leaves.length < meters.length ? leaves.length : meters.length;
        Reading[] memory readings = new Reading[](count);
        for (uint256 i = 0; i < count; ++i) {
            readings[i] = aReading(meters[i], HOUR, type(uint64).max);
        }
        bytes memory packed = Packing.leaves(leaves);
        gas = send(
            stranger,
            address(settlement),
            abi.encodeCall(settlement.deliverBatch, (nextBatch - 1, packed, type(uint256).max, readings))
        );
        assertEq(settlement.markedOf(nextBatch - 1), (1 << leaves.length) - 1, "released");
    }

    /// Send the same trades to the naive design, after others that make its participants known to the token.
    function settleNaively(Leaf[] memory leaves) private returns (uint256 settling, uint256 delivering) {
        NaiveTransfers.Trade[] memory trades = new NaiveTransfers.Trade[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            trades[i] = NaiveTransfers.Trade(leaves[i].buyer, leaves[i].seller, uint128(PAYMENT), uint128(COLLATERAL));
            approveNaive(leaves[i].buyer);
            approveNaive(leaves[i].seller);
        }
        send(operator, address(naive), abi.encodeCall(naive.settle, (trades)));
        settling = send(operator, address(naive), abi.encodeCall(naive.settle, (trades)));
        delivering = send(operator, address(naive), abi.encodeCall(naive.deliver, (trades)));
    }

    function approveNaive(address participant) private {
        token.mint(participant, 1000e6);
        vm.prank(participant);
        token.approve(address(naive), 1e30);
    }

    /// Send it and return the gas of the transaction.
    function send(address sender, address to, bytes memory data) private returns (uint256 gas) {
        vm.prank(sender);
        (bool done,) = to.call(data);
        gas = vm.lastCallGas().gasTotalUsed;
        assertTrue(done, "sent");
    }
}
