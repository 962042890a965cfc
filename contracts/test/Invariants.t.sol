// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow} from "../src/interfaces/IEscrow.sol";
import {IMetering} from "../src/interfaces/IMetering.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Bundle, Part} from "../src/types/Bundle.sol";
import {Amounts, Leaf} from "../src/types/Leaf.sol";
import {Order} from "../src/types/Order.sol";
import {Bundling} from "./support/Bundling.sol";
import {Market} from "./support/Market.sol";
import {Fill, Packing} from "./support/Packing.sol";

/// Does random things to a market of three buyers, three sellers and four hours, honest ones and others, and keeps its own
/// account of what was signed, locked, filled, cancelled, delivered and paid.
contract Crowd is Bundling {
    struct Locked {
        uint64 batchNumber;
        Leaf leaf;
        bool over;
    }

    uint256 private constant HOURS = 4;
    /// Below this id, orders trade again and again.
    uint64 private constant STANDING = 8;

    address[] public participants;
    Locked[] private trades;
    mapping(uint64 batchNumber => Leaf[]) private leavesOf;
    mapping(address participant => uint256) public lockedOf;
    uint256 public delivered;
    uint256 public paidOut;
    uint64 private nextOrder = STANDING;
    uint64 private nextTrade;

    /// What each participant signed and cancelled, by client order id, as the crowd knows it.
    mapping(bytes32 order => Order) private ordersOf;
    mapping(bytes32 order => uint256) private filledOf;
    mapping(bytes32 order => uint256) private cancelledFrom;
    mapping(address participant => uint64) private belowOf;
    mapping(address participant => uint256) private belowFrom;
    mapping(bytes32 order => bool) private forged;
    mapping(bytes32 supply => uint256) private soldOf;
    bytes32 private constant KEY = keccak256("a contract of the crowd");
    mapping(address participant => uint256) private securedOf;
    uint256 public bundlesLocked;
    mapping(address participant => uint256) private exitDue;

    constructor() {
        setUp();
        for (uint256 i = 0; i < 6; ++i) {
            participants.push(withKey(0x9000 + i));
            fund(participants[i], FUNDS);
            if (i >= 3) registerMeter(participants[i], anInstrument(0), withKey(0xA000 + i));
        }
    }

    // --- what may happen ------------------------------------------------------------------------------------------

    /// Three fills of new orders, or of orders that traded before; some expire, some are forged, some want too much.
    function trade(uint256 seed, uint64 quantity, uint64 price) external {
        Order[] memory orders = new Order[](6);
        Fill[] memory fills = new Fill[](3);
        for (uint256 i = 0; i < 3; ++i) {
            uint256 drawn = uint256(keccak256(abi.encode(seed, i)));
            uint64 id = drawn % 3 == 0 ? nextOrder++ : uint64(drawn >> 40) % STANDING;
            uint256 instrument = instrumentOf(1, HOUR + id % HOURS, 1, id % 5);
            orders[2 * i] = orderOf(participants[(drawn >> 8) % 3], 0, id, instrument, drawn);
            orders[2 * i + 1] = orderOf(participants[3 + (drawn >> 16) % 3], 1, id, instrument, drawn);
            fills[i] = Fill(uint32(2 * i), uint32(2 * i + 1), nextTrade++, 0, uint64(bound(quantity, 0, 2500)));
            fills[i].price = uint64(bound(price, 1_800_000, 2_200_000));
        }
        bytes[] memory signatures = signed(orders);
        for (uint256 i = 0; i < 6; ++i) {
            if (forged[keyOf_(orders[i].participant, orders[i].clientOrderId)]) signatures[i] = new bytes(65);
        }
        (Leaf[] memory leaves,) = settleSigned(orders, signatures, fills);
        for (uint256 i = 0; i < leaves.length; ++i) {
            uint256 place = 2 * (leaves[i].tradeNumber + 3 - nextTrade);
            uint256 most = uint256(leaves[i].quantity);
            fill(orders[place], leaves[i], most);
            fill(orders[place + 1], leaves[i], most);
            assertTrue(leaves[i].price <= orders[place].price, "above the bid");
            count(leaves[i]);
        }
    }

    /// The three legs of one bundle, from three sellers; now and then one of them spoils it.
    function tradeBundle(uint256 seed, uint64 quantity) external {
        address buyer_ = participants[seed % 3];
        uint256 hour = HOUR + (seed >> 8) % HOURS;
        Leg[] memory legs = new Leg[](3);
        Bundle memory bundle;
        bundle.quantity = uint64(bound(quantity, 1, 400));
        bundle.parts = new Part[](3);
        for (uint256 i = 0; i < 3; ++i) {
            legs[i] = Leg(instrumentOf(1, hour, 1, i), 1000, 2_500_000);
        }
        bundle.bid = orderOf(buyer_, 0, nextOrder, commitmentOf(legs), type(uint256).max);
        bundle.bid.price = uint64(bound(seed >> 16, 5_600_000, 6_300_000));
        ordersOf[keyOf_(buyer_, nextOrder)] = bundle.bid;
        for (uint256 i = 0; i < 3; ++i) {
            address seller_ = participants[3 + (seed >> 24 + 2 * i) % 3];
            Order memory offer = orderOf(seller_, 1, nextOrder + uint64(i), legs[i].instrument, seed >> 32 + 8 * i);
            bundle.parts[i] = partOf(offer, nextTrade++, bundle.quantity);
            (bundle.parts[i].lotsPerBundle, bundle.parts[i].referenceLeast) = (1000, 2_500_000);
            if (forged[keyOf_(seller_, offer.clientOrderId)]) bundle.parts[i].signature = new bytes(65);
        }
        nextOrder += 3;
        sign(bundle);
        (Leaf[] memory leaves,) = settleBundle(bundle);
        assertTrue(leaves.length == 0 || leaves.length == 3, "not together");
        if (leaves.length == 0) return;
        ++bundlesLocked;
        uint256 total;
        for (uint256 i = 0; i < 3; ++i) {
            total += settlement.amountsOf(leaves[i]).payment;
            fill(bundle.parts[i].offer, leaves[i], bundle.quantity);
            count(leaves[i]);
        }
        assertTrue(total <= uint256(bundle.bid.price) * bundle.quantity / 1000, "above the total");
        filledOf[keyOf_(buyer_, bundle.bid.clientOrderId)] += bundle.quantity;
    }

    function cancel(uint256 seed) external {
        address participant = participants[seed % 6];
        uint64 id = uint64(seed >> 8) % STANDING;
        vm.prank(participant);
        settlement.cancelOrder(id);
        bytes32 key = keyOf_(participant, id);
        if (cancelledFrom[key] == 0) cancelledFrom[key] = block.timestamp + NOTICE;
    }

    function cancelBelow(uint256 seed) external {
        address participant = participants[seed % 6];
        uint64 id = uint64(seed >> 8) % (STANDING + 1);
        if (id <= belowOf[participant] || block.timestamp < belowFrom[participant]) return;
        vm.prank(participant);
        settlement.cancelBelow(id);
        (belowOf[participant], belowFrom[participant]) = (id, block.timestamp + NOTICE);
    }

    /// The same batch, or one with a number that is not next: nothing must happen.
    function repeatBatch(uint256 seed) external {
        (Order memory bid, Order memory offer) = (aBid(), anOffer());
        bid.settleUntil = offer.settleUntil = type(uint64).max;
        uint64 number = seed % 3 == 0 ? nextBatch + 1 : uint64(seed % nextBatch);
        bytes memory packed = Packing.batch(pair(bid, offer), signed(pair(bid, offer)), list(aFill()));
        vm.prank(operator);
        try settlement.settleBatch(number, RECORD_HASH, FEE_BPS, packed) {} catch {}
        assertEq(settlement.lastBatch(), nextBatch - 1, "batch out of sequence");
    }

    /// A module locks what is free, and shares out what it locked, or tries to share out more, or unequally.
    function secure(uint256 seed, uint256 amount) external {
        address participant = participants[seed % 6];
        amount = bound(amount, 0, FUNDS / 20);
        vm.prank(address(guarantee));
        try settlement.secure(KEY, participant, amount) {
            lockedOf[participant] += amount;
            securedOf[participant] += amount;
        } catch {}
    }

    function share(uint256 seed, uint256 amount) external {
        (address from, address to) = (participants[seed % 6], participants[(seed >> 8) % 6]);
        amount = bound(amount, 0, FUNDS / 10);
        IEscrow.Share[] memory shares = new IEscrow.Share[](2);
        shares[0] = IEscrow.Share(from, amount, 0);
        shares[1] = IEscrow.Share(to, 0, amount + (seed >> 16 & 3 == 0 ? 1 : 0));
        vm.prank(address(guarantee));
        try settlement.share(KEY, shares) {
            assertTrue(amount <= securedOf[from], "more than was locked behind the key");
            lockedOf[from] -= amount;
            securedOf[from] -= amount;
        } catch {}
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
        exitDue[participant] = block.timestamp + NOTICE;
    }

    function exit(uint256 seed) external {
        address participant = participants[seed % 6];
        try settlement.executeExit(participant) {
            assertTrue(block.timestamp >= exitDue[participant], "left before the notice was over");
        } catch {}
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 2 hours));
    }

    // --- what is kept ---------------------------------------------------------------------------------------------

    function keyOf_(address participant, uint64 id) private pure returns (bytes32) {
        return keccak256(abi.encode(participant, id));
    }

    /// Return the participant's order of this id; the first time it is asked for, a new one.
    function orderOf(address participant, uint8 side, uint64 id, uint256 instrument, uint256 drawn)
        private
        returns (Order memory order)
    {
        bytes32 key = keyOf_(participant, id);
        if (ordersOf[key].participant != address(0)) return ordersOf[key];
        order = side == 0 ? aBid() : anOffer();
        (order.participant, order.instrument, order.clientOrderId) = (participant, instrument, id);
        if (id < STANDING) order.quantity = 100_000;
        order.settleUntil = drawn >> 24 & 7 == 0 ? uint64(block.timestamp + 30 minutes) : type(uint64).max;
        forged[key] = drawn >> 27 & 15 == 0;
        ordersOf[key] = order;
    }

    /// Count a fill, and check that the order allowed it.
    function fill(Order memory order, Leaf memory leaf, uint256 quantity) private {
        bytes32 key = keyOf_(order.participant, order.clientOrderId);
        filledOf[key] += quantity;
        assertTrue(filledOf[key] <= order.quantity, "beyond the quantity");
        assertTrue(!forged[key], "not signed");
        assertTrue(order.side == 0 || leaf.price >= order.price, "below the offer");
        assertTrue(block.timestamp <= order.settleUntil, "expired");
        assertTrue(cancelledFrom[key] == 0 || block.timestamp < cancelledFrom[key], "cancelled");
        bool below = order.clientOrderId < belowOf[order.participant] && block.timestamp >= belowFrom[order.participant];
        assertTrue(!below, "cancelled with all below");
    }

    /// Count what a leaf locks and sells.
    function count(Leaf memory leaf) private {
        trades.push(Locked(nextBatch - 1, leaf, false));
        leavesOf[nextBatch - 1].push(leaf);
        Amounts memory amounts = settlement.amountsOf(leaf);
        lockedOf[leaf.buyer] += amounts.payment + amounts.fee;
        lockedOf[leaf.seller] += amounts.collateral;
        bytes32 supply = keccak256(abi.encode(leaf.seller, leaf.instrument >> 24));
        assertEq(leaf.soldBefore, soldOf[supply], "sold before");
        soldOf[supply] += leaf.quantity;
        address meter = settlement.meterAt(leaf.seller, leaf.instrument);
        assertEq(settlement.slotOf(meter, uint32(leaf.instrument >> 24 & 0xFFFFFF)).reportedAt, 0, "metered");
    }

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
        bytes4[] memory selectors = new bytes4[](14);
        selectors[0] = Crowd.trade.selector;
        selectors[1] = Crowd.measure.selector;
        selectors[2] = Crowd.deliver.selector;
        selectors[3] = Crowd.open.selector;
        selectors[4] = Crowd.payOut.selector;
        selectors[5] = Crowd.askToLeave.selector;
        selectors[6] = Crowd.exit.selector;
        selectors[7] = Crowd.wait.selector;
        selectors[8] = Crowd.tradeBundle.selector;
        selectors[9] = Crowd.cancel.selector;
        selectors[10] = Crowd.cancelBelow.selector;
        selectors[11] = Crowd.repeatBatch.selector;
        selectors[12] = Crowd.secure.selector;
        selectors[13] = Crowd.share.selector;
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
        for (uint256 i = 0; i < 8; ++i) {
            crowd.tradeBundle(uint256(keccak256(abi.encode(i))), 100);
        }
        assertTrue(crowd.bundlesLocked() > 0, "bundles");
        for (uint256 i = 0; i < 4; ++i) {
            crowd.wait(2 hours);
        }
        for (uint256 i = 0; i < 12; ++i) {
            crowd.measure(i << 8 | i / 3, 350);
        }
        for (uint256 i = 0; i < 12; ++i) {
            crowd.deliver(i, type(uint256).max);
            crowd.open(i);
        }
        crowd.wait(2 hours);
        for (uint256 i = 0; i < 12; ++i) {
            crowd.payOut(i);
        }
        assertTrue(crowd.delivered() > 0, "delivered");
        assertTrue(crowd.paidOut() > 0, "paid out");
        crowd.checkCustody();
        crowd.checkLocks();
        crowd.checkReadings();
    }
}
