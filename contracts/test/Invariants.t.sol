// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMetering} from "../src/interfaces/IMetering.sol";
import {Amounts, Leaf} from "../src/types/Leaf.sol";
import {Order} from "../src/types/Order.sol";
import {Market} from "./support/Market.sol";
import {Fill, Packing} from "./support/Packing.sol";

/// Does random things to a market of three buyers, three sellers and four hours, and keeps its own account of locks.
contract Crowd is Market {
    struct Locked {
        uint64 batchNumber;
        Leaf leaf;
        bool over;
    }

    uint256 private constant HOURS = 4;

    address[] public participants;
    Locked[] private trades;
    mapping(uint64 batchNumber => Leaf[]) private leavesOf;
    mapping(address participant => uint256) public lockedOf;
    uint256 public delivered;
    uint256 public paidOut;
    uint64 private nextOrder;

    constructor() {
        setUp();
        for (uint256 i = 0; i < 6; ++i) {
            participants.push(withKey(0x9000 + i));
            fund(participants[i], FUNDS);
            if (i >= 3) registerMeter(participants[i], anInstrument(0), withKey(0xA000 + i));
        }
    }

    // --- what may happen ------------------------------------------------------------------------------------------

    function trade(uint256 seed, uint64 quantity, uint64 price) external {
        Order[] memory orders = new Order[](6);
        Fill[] memory fills = new Fill[](3);
        for (uint256 i = 0; i < 3; ++i) {
            (Order memory bid, Order memory offer, Fill memory fill) = (aBid(), anOffer(), aFill());
            bid.participant = participants[(seed >> 8 * i) % 3];
            offer.participant = participants[3 + (seed >> 8 * i + 4) % 3];
            uint256 hour = HOUR + (seed >> 32) % HOURS;
            bid.instrument = offer.instrument = instrumentOf(1, hour, 1, (seed >> 40) % 5);
            bid.settleUntil = offer.settleUntil = type(uint64).max;
            bid.clientOrderId = offer.clientOrderId = nextOrder++;
            fill = Fill(uint32(2 * i), uint32(2 * i + 1), uint64(i), 0, uint64(bound(quantity, 0, 2500)));
            fill.price = uint64(bound(price, 1_800_000, 2_200_000));
            (orders[2 * i], orders[2 * i + 1], fills[i]) = (bid, offer, fill);
        }
        (Leaf[] memory leaves,) = settle(orders, fills);
        for (uint256 i = 0; i < leaves.length; ++i) {
            trades.push(Locked(nextBatch - 1, leaves[i], false));
            leavesOf[nextBatch - 1].push(leaves[i]);
            Amounts memory amounts = settlement.amountsOf(leaves[i]);
            lockedOf[leaves[i].buyer] += amounts.payment + amounts.fee;
            lockedOf[leaves[i].seller] += amounts.collateral;
        }
    }

    function measure(uint256 seed, uint64 units) external {
        uint32 hour = uint32(HOUR + seed % HOURS);
        if (block.timestamp < (uint256(hour) + 1) * 1 hours) return;
        units = uint64(bound(units, 0, 6000));
        settlement.report(list(aReading(withKeyOfMeter(seed), hour, units)));
    }

    function deliver(uint256 seed, uint256 which) external {
        if (nextBatch == 1) return;
        uint64 number = uint64(1 + seed % (nextBatch - 1));
        if (leavesOf[number].length == 0) return;
        uint256 before = settlement.markedOf(number);
        settlement.deliverBatch(number, Packing.leaves(leavesOf[number]), which, noReadings());
        uint256 released = settlement.markedOf(number) & ~before;
        for (uint256 i = 0; i < trades.length; ++i) {
            if (trades[i].batchNumber == number && released >> trades[i].leaf.position & 1 == 1) {
                end(i);
                ++delivered;
            }
        }
    }

    function open(uint256 seed) external {
        if (trades.length == 0) return;
        Locked memory chosen = trades[seed % trades.length];
        bytes32[] memory proof = proofOf(leavesOf[chosen.batchNumber], chosen.leaf.position);
        try guarantee.open(chosen.batchNumber, chosen.leaf, proof) {
            assertTrue(!chosen.over, "opened after its end");
        } catch {}
    }

    function payOut(uint256 seed) external {
        if (trades.length == 0) return;
        uint256 chosen = seed % trades.length;
        try guarantee.payOut(trades[chosen].leaf) {
            end(chosen);
            ++paidOut;
        } catch {}
    }

    function askToLeave(uint256 seed, uint128 amount) external {
        address participant = participants[seed % 6];
        vm.prank(participant);
        settlement.requestExit(uint128(bound(amount, 0, FUNDS / 10)));
    }

    function exit(uint256 seed) external {
        try settlement.executeExit(participants[seed % 6]) {} catch {}
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 2 hours));
    }

    // --- what is kept ---------------------------------------------------------------------------------------------

    function end(uint256 chosen) private {
        assertTrue(!trades[chosen].over, "ended twice");
        trades[chosen].over = true;
        Amounts memory amounts = settlement.amountsOf(trades[chosen].leaf);
        lockedOf[trades[chosen].leaf.buyer] -= amounts.payment + amounts.fee;
        lockedOf[trades[chosen].leaf.seller] -= amounts.collateral;
    }

    function withKeyOfMeter(uint256 seed) private returns (address) {
        return withKey(0xA003 + (seed >> 8) % 3);
    }

    // --- what must hold -------------------------------------------------------------------------------------------

    function checkCustody() external view {
        uint256 owed = settlement.accountOf(feeRecipient).free + settlement.accountOf(buyer).free
            + settlement.accountOf(seller).free;
        for (uint256 i = 0; i < 6; ++i) {
            owed += settlement.accountOf(participants[i]).free;
            owed += settlement.accountOf(participants[i]).locked;
        }
        assertEq(token.balanceOf(address(settlement)), owed, "custody");
    }

    function checkLocks() external view {
        for (uint256 i = 0; i < 6; ++i) {
            assertEq(settlement.accountOf(participants[i]).locked, lockedOf[participants[i]], "locked");
        }
    }

    function checkReadings() external view {
        for (uint256 i = 0; i < 3 * HOURS; ++i) {
            IMetering.Slot memory slot_ = settlement.slotOf(vm.addr(0xA003 + i % 3), uint32(HOUR + i / 3));
            assertTrue(slot_.allotted <= slot_.units && slot_.allotted <= slot_.sold, "allotted");
        }
    }
}

contract Invariants is Market {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Crowd private crowd;

    function setUp() public override {
        crowd = new Crowd();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(crowd);
    }

    /// Fuzz what may happen, and not what the crowd inherits from the market.
    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](8);
        selectors[0] = Crowd.trade.selector;
        selectors[1] = Crowd.measure.selector;
        selectors[2] = Crowd.deliver.selector;
        selectors[3] = Crowd.open.selector;
        selectors[4] = Crowd.payOut.selector;
        selectors[5] = Crowd.askToLeave.selector;
        selectors[6] = Crowd.exit.selector;
        selectors[7] = Crowd.wait.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(crowd), selectors);
    }

    function invariant_every_token_is_owed_once_and_every_lock_and_reading_is_spent_once() public view {
        crowd.checkCustody();
        crowd.checkLocks();
        crowd.checkReadings();
    }

    /// A day that leads everywhere: the invariants would hold as well if nothing ever happened.
    function test_the_crowd_gets_to_deliver_to_open_and_to_pay_out() public {
        crowd.trade(0, 1000, 2_000_000);
        crowd.wait(2 hours);
        crowd.wait(2 hours);
        crowd.measure(0, 2999);
        crowd.deliver(0, type(uint256).max);
        for (uint256 i = 0; i < 3; ++i) {
            crowd.open(i);
        }
        crowd.wait(2 hours);
        for (uint256 i = 0; i < 3; ++i) {
            crowd.payOut(i);
        }
        assertEq(crowd.delivered(), 2, "delivered");
        assertEq(crowd.paidOut(), 1, "paid out");
        crowd.checkCustody();
        crowd.checkLocks();
        crowd.checkReadings();
    }
}
