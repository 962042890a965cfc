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
    /// Below this id, orders trade again and again; from there on up to `NEW`, bids for bundles do.
    uint64 private constant STANDING = 8;
    uint64 private constant NEW = STANDING + uint64(HOURS);
    /// Lots of every leg in a bundle.
    uint64 private constant LOTS = 1000;

    address[] public participants;
    Locked[] private trades;
    mapping(uint64 batchNumber => Leaf[]) private leavesOf;
    uint64[] private locking;
    mapping(address participant => uint256) public lockedOf;
    uint64 private nextOrder = NEW;
    uint64 private nextTrade;

    /// What each participant signed and cancelled, by client order id, as the crowd knows it.
    mapping(bytes32 order => Order) private ordersOf;
    mapping(bytes32 order => uint256) private filledOf;
    mapping(bytes32 order => uint256) private cancelledFrom;
    mapping(address participant => uint64) private belowOf;
    mapping(address participant => uint256) private belowFrom;
    mapping(bytes32 order => bool) private forged;
    mapping(bytes32 supply => uint256) private soldOf;
    /// Whose meter it was when the first of an hour was sold or read, and who has which now.
    mapping(bytes32 supply => address) private fixedMeterOf;
    mapping(address seller => address) private meterNow;
    bytes32 private constant KEY = keccak256("a contract of the crowd");
    mapping(address participant => uint256) private securedOf;
    mapping(address participant => uint256) private everSecuredOf;
    mapping(address participant => uint256) private exitDue;
    mapping(address participant => uint256) private exitWanted;
    mapping(bytes32 withdrawal => bool) private withdrawn;
    mapping(string what => uint256) public times;

    /// Nobody is richer or poorer by what happens: money is locked, and none changes hands.
    modifier movesNothing() {
        uint256[6] memory before = wealths();
        _;
        uint256[6] memory now_ = wealths();
        for (uint256 i = 0; i < 6; ++i) {
            assertEq(now_[i], before[i], "money changed hands");
        }
    }

    constructor() {
        setUp();
        for (uint256 i = 0; i < 6; ++i) {
            participants.push(withKey(0x9000 + i));
            fund(participants[i], FUNDS);
            if (i >= 3) register(i, false);
        }
    }

    function register(uint256 i, bool second) private {
        meterNow[participants[i]] = withKey((second ? 0xB000 : 0xA000) + i);
        registerMeter(participants[i], anInstrument(0), meterNow[participants[i]]);
    }

    // --- what may happen ------------------------------------------------------------------------------------------

    /// Three fills of new orders, or of orders that traded before; some expire, some are forged, some want too much.
    function trade(uint256 seed, uint64 quantity, uint64 price) external movesNothing {
        Order[] memory orders = new Order[](6);
        Fill[] memory fills = new Fill[](3);
        for (uint256 i = 0; i < 3; ++i) {
            uint256 drawn = uint256(keccak256(abi.encode(seed, i)));
            uint64 id = drawn % 3 == 0 ? nextOrder++ : uint64(drawn >> 40) % STANDING;
            uint256 instrument = instrumentOf(1, HOUR + id % HOURS, 1, id % 5);
            orders[2 * i] = orderOf(participants[(drawn >> 8) % 3], 0, id, instrument, drawn);
            (address seller_, uint256 other) =
                (participants[3 + (drawn >> 16) % 3], uint256(keccak256(abi.encode(drawn))));
            orders[2 * i + 1] = orderOf(seller_, 1, id, instrument, other);
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

    /// Some of a bundle of three legs, from three sellers, whose offers may be standing ones; now and then something is wrong.
    function tradeBundle(uint256 seed, uint64 quantity) external movesNothing {
        Bundle memory bundle = bundleOf(seed, uint64(bound(quantity, 1, 400)));
        (Leaf[] memory leaves,) = settleBundle(bundle);
        assertTrue(leaves.length == 0 || leaves.length == 3, "not together");
        if (leaves.length == 0) return;
        uint256 total;
        for (uint256 i = 0; i < 3; ++i) {
            total += settlement.amountsOf(leaves[i]).payment;
            fill(bundle.parts[i].offer, leaves[i], leaves[i].quantity);
            assertEq(uint256(leaves[i].quantity) * 1000, uint256(LOTS) * bundle.quantity, "not in proportion");
            count(leaves[i]);
        }
        assertTrue(total <= uint256(bundle.bid.price) * bundle.quantity / 1000, "above the total");
        fill(bundle.bid, leaves[0], bundle.quantity);
        ++times["bundles locked"];
    }

    function cancel(uint256 seed) external {
        address participant = participants[seed % 6];
        uint64 id = uint64(seed >> 8) % NEW;
        if (seed >> 16 & 1 == 0) (participant, id) = (participants[seed % 3], STANDING + uint64(seed >> 8) % 4);
        vm.prank(participant);
        settlement.cancelOrder(id);
        bytes32 key = keyOf_(participant, id);
        if (cancelledFrom[key] == 0) cancelledFrom[key] = block.timestamp + NOTICE;
    }

    function cancelBelow(uint256 seed) external {
        address participant = participants[seed % 6];
        uint64 id = uint64(seed >> 8) % (NEW + 1);
        if (id <= belowOf[participant] || block.timestamp < belowFrom[participant]) return;
        vm.prank(participant);
        settlement.cancelBelow(id);
        (belowOf[participant], belowFrom[participant]) = (id, block.timestamp + NOTICE);
    }

    /// The same batch, or one with a number that is not next: nothing must happen.
    function repeatBatch(uint256 seed) external movesNothing {
        (Order memory bid, Order memory offer) = (aBid(), anOffer());
        bid.settleUntil = offer.settleUntil = type(uint64).max;
        uint64 number = seed % 3 == 0 ? nextBatch + 1 : uint64(seed % nextBatch);
        bytes memory packed = Packing.batch(pair(bid, offer), signed(pair(bid, offer)), list(aFill()));
        vm.prank(operator);
        try settlement.settleBatch(number, RECORD_HASH, FEE_BPS, packed) {} catch {}
        assertEq(settlement.lastBatch(), nextBatch - 1, "batch out of sequence");
    }

    /// A module locks what is free, and shares out what it locked, or tries to share out more, or unequally.
    function secure(uint256 seed, uint256 amount) external movesNothing {
        address participant = participants[seed % 6];
        uint256 free = settlement.accountOf(participant).free;
        amount = bound(amount, 0, FUNDS / 20) + (seed >> 16 & 7 == 0 ? free : 0);
        vm.prank(address(guarantee));
        try settlement.secure(KEY, participant, amount) {
            assertTrue(amount <= free, "locked what is not free");
            lockedOf[participant] += amount;
            securedOf[participant] += amount;
            everSecuredOf[participant] += amount;
        } catch {}
    }

    function share(uint256 seed, uint256 amount) external {
        (address from, address to) = (participants[seed % 6], participants[(seed >> 8) % 6]);
        for (uint256 i = 1; i < 6 && everSecuredOf[from] == 0; ++i) {
            from = participants[(seed % 6 + i) % 6];
        }
        amount = bound(amount, 0, everSecuredOf[from] + 1);
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

    /// About as much as was sold, twice as much, or nothing, told by the hour's meter or by the seller's other one.
    function measure(uint256 seed, uint64 units) external movesNothing {
        uint32 hour = uint32(HOUR + seed % HOURS);
        if (block.timestamp < (uint256(hour) + 1) * 1 hours) return;
        uint256 i = 3 + (seed >> 8) % 3;
        bytes32 supply = supplyOf(participants[i], instrumentOf(1, hour, 1, 0));
        address counts = fixedMeterOf[supply] == address(0) ? meterNow[participants[i]] : fixedMeterOf[supply];
        address meter_ = (seed >> 16) % 4 == 1 ? withKey(0xB000 + i) : counts;
        units = uint64(bound(units, 0, 2 * soldOf[supply] + 1));
        try settlement.report(list(aReading(meter_, hour, units))) {
            assertEq(meter_, counts, "another meter measured");
            fixedMeterOf[supply] = meter_;
        } catch {
            assertTrue(meter_ != counts, "its own meter was refused");
        }
    }

    function replaceMeter(uint256 seed, bool second) external movesNothing {
        register(3 + seed % 3, second);
    }

    function deliver(uint256 seed, uint256 which) external {
        if (locking.length == 0) return;
        uint64 number = locking[seed % locking.length];
        uint256 before = settlement.markedOf(number);
        settlement.deliverBatch(number, Packing.leaves(leavesOf[number]), which, noReadings());
        uint256 released = settlement.markedOf(number) & ~before;
        for (uint256 i = 0; i < trades.length; ++i) {
            if (trades[i].batchNumber == number && released >> trades[i].leaf.position & 1 == 1) {
                end(i);
                ++times["delivered"];
            }
        }
    }

    function open(uint256 seed) external movesNothing {
        if (trades.length != 0) tryToOpen(seed % trades.length);
    }

    function payOut(uint256 seed) external {
        if (trades.length != 0) tryToPayOut(seed % trades.length);
    }

    function askToLeave(uint256 seed, uint128 amount) external {
        address participant = participants[seed % 6];
        amount = uint128(bound(amount, 0, FUNDS / 10));
        vm.prank(participant);
        settlement.requestExit(amount);
        (exitDue[participant], exitWanted[participant]) = (block.timestamp + NOTICE, amount);
    }

    function exit(uint256 seed) external {
        address participant = participants[seed % 6];
        (uint256 had, uint256 kept) = (token.balanceOf(participant), wealth(participant));
        try settlement.executeExit(participant) {
            assertTrue(block.timestamp >= exitDue[participant], "left before the notice was over");
            uint256 gone = kept - wealth(participant);
            assertTrue(gone <= exitWanted[participant], "left with more than was asked for");
            assertEq(token.balanceOf(participant) - had, gone, "what left is the participant's");
            exitWanted[participant] = 0;
            ++times["left"];
        } catch {}
    }

    /// A participant takes money out with the operator's signature, with somebody else's, or with one that was used.
    function withdraw(uint256 seed, uint128 amount) external {
        address participant = participants[seed % 6];
        bytes32 hash;
        (amount, hash) = (uint128(bound(amount, 1, 2e6)), keccak256(abi.encode(participant, (seed >> 8) % 4)));
        bool forged = (seed >> 16) % 4 == 0;
        uint256 had = token.balanceOf(participant);
        bytes memory signature =
            signedWithdrawal(forged ? participant : operator, participant, amount, uint64((seed >> 8) % 4));
        vm.prank(participant);
        try settlement.withdraw(participant, amount, uint64((seed >> 8) % 4), type(uint64).max, signature) {
            assertTrue(!forged && !withdrawn[hash], "withdrawn with one signature of the operator");
            assertEq(token.balanceOf(participant) - had, amount, "what was withdrawn is the participant's");
            withdrawn[hash] = true;
            ++times["withdrawn"];
        } catch {}
    }

    /// Operator, guardian, arbiter, meter and a stranger do what only modules may, to take what is free.
    function conspire(uint256 seed, uint256 amount) external movesNothing {
        address[5] memory offices = [operator, guardian, arbiter, meter, stranger];
        (address thief, address victim) = (offices[seed % 5], participants[(seed >> 8) % 6]);
        amount = bound(amount, 1, FUNDS / 20);
        IEscrow.Share[] memory shares = new IEscrow.Share[](2);
        (shares[0], shares[1]) = (IEscrow.Share(victim, amount, 0), IEscrow.Share(thief, 0, amount));
        vm.prank(thief);
        try settlement.secure(KEY, victim, amount) {} catch {}
        vm.prank(thief);
        try settlement.share(KEY, shares) {} catch {}
        bytes memory signature = signedWithdrawal(thief, victim, uint128(amount), 99);
        vm.prank(thief);
        if (thief != operator) {
            try settlement.withdraw(victim, uint128(amount), 99, type(uint64).max, signature) {} catch {}
        }
        assertEq(wealth(thief), 0, "an office has money");
    }

    /// Everything comes to its end, without operator, arbiter or meter: only what modules locked for themselves stays.
    function finish() external {
        vm.warp(block.timestamp + 60 days);
        for (uint256 i = 0; i < locking.length; ++i) {
            bytes memory packed = Packing.leaves(leavesOf[locking[i]]);
            settlement.deliverBatch(locking[i], packed, type(uint256).max, noReadings());
        }
        for (uint256 i = 0; i < trades.length; ++i) {
            tryToOpen(i);
        }
        vm.warp(block.timestamp + 60 days);
        for (uint256 i = 0; i < trades.length; ++i) {
            tryToPayOut(i);
        }
        for (uint256 i = 0; i < 6; ++i) {
            uint256 locked = settlement.accountOf(participants[i]).locked;
            assertEq(locked, securedOf[participants[i]], "everything else is free");
        }
        this.checkCustody();
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
        if (id < STANDING) order.quantity = drawn >> 32 & 1 == 0 ? 100_000 : 4000;
        if (id >= STANDING && id < NEW) {
            order.quantity = 600; // thousandths of a bundle
            order.price = uint64(bound(drawn >> 64, 5_600_000, 6_300_000));
        }
        order.settleUntil = drawn >> 24 & 7 == 0 ? uint64(block.timestamp + 30 minutes) : type(uint64).max;
        forged[key] = drawn >> 27 & 15 == 0;
        ordersOf[key] = order;
    }

    /// Return a bundle of three tiers of an hour. Its bid is a standing one; each offer is, if there is one of that instrument.
    function bundleOf(uint256 seed, uint64 quantity) private returns (Bundle memory bundle) {
        uint64 bidId = STANDING + uint64(seed >> 8) % uint64(HOURS);
        uint256 hour = bidId % HOURS;
        Leg[] memory legs = new Leg[](3);
        for (uint256 i = 0; i < 3; ++i) {
            legs[i] = Leg(instrumentOf(1, HOUR + hour, 1, i), LOTS, 2_500_000);
        }
        bundle.bid = orderOf(participants[seed % 3], 0, bidId, commitmentOf(legs), seed);
        (bundle.quantity, bundle.parts) = (quantity, new Part[](3));
        for (uint256 i = 0; i < 3; ++i) {
            uint256 drawn = uint256(keccak256(abi.encode(seed, i)));
            uint64 id = drawn & 1 == 0 ? nextOrder++ : standingOffer(hour, i);
            Order memory offer = orderOf(participants[3 + (drawn >> 8) % 3], 1, id, legs[i].instrument, drawn);
            bundle.parts[i] = partOf(offer, nextTrade++, quantity);
            (bundle.parts[i].lotsPerBundle, bundle.parts[i].referenceLeast) = (LOTS, 2_500_000);
            if ((drawn >> 16) % 16 == 0) bundle.parts[i].quantity += 1;
            if ((drawn >> 20) % 16 == 0) bundle.parts[i].price -= 1;
            if (isForged(offer)) bundle.parts[i].signature = new bytes(65);
        }
        sign(bundle);
        if (isForged(bundle.bid)) bundle.signature = new bytes(65);
    }

    /// Return the id under which a tier of an hour always stands for sale, or a new one.
    function standingOffer(uint256 hour, uint256 tier) private returns (uint64) {
        for (uint64 id = 0; id < STANDING; ++id) {
            if (id % HOURS == hour && id % 5 == tier) return id;
        }
        return nextOrder++;
    }

    function isForged(Order memory order) private view returns (bool) {
        return forged[keyOf_(order.participant, order.clientOrderId)];
    }

    /// Open: whatever the crowd knows to be over stays over.
    function tryToOpen(uint256 which) private {
        Locked memory chosen = trades[which];
        bytes32[] memory proof = proofOf(leavesOf[chosen.batchNumber], chosen.leaf.position);
        try guarantee.open(chosen.batchNumber, chosen.leaf, proof) {
            assertTrue(!chosen.over, "opened after its end");
            ++times["opened"];
        } catch {}
    }

    /// Pay out: the buyer has back no more than it locked and the collateral, and the seller loses no more than that.
    function tryToPayOut(uint256 which) private {
        Leaf memory leaf = trades[which].leaf;
        uint256 collateral = settlement.amountsOf(leaf).collateral;
        (uint256 ofBuyer, uint256 ofSeller) = (wealth(leaf.buyer), wealth(leaf.seller));
        try guarantee.payOut(leaf) {
            end(which);
            assertTrue(wealth(leaf.buyer) <= ofBuyer + collateral, "compensated beyond the collateral");
            assertTrue(wealth(leaf.seller) + collateral >= ofSeller, "charged beyond the collateral");
            ++times["paid out"];
        } catch {}
    }

    function signedWithdrawal(address signer, address participant, uint128 amount, uint64 nonce)
        private
        view
        returns (bytes memory)
    {
        bytes32 typeHash = keccak256("Withdrawal(address participant,uint128 amount,uint64 nonce,uint64 deadline)");
        return
            signDigest(signer, digestOf(keccak256(abi.encode(typeHash, participant, amount, nonce, type(uint64).max))));
    }

    function wealth(address participant) private view returns (uint256) {
        return uint256(settlement.accountOf(participant).free) + settlement.accountOf(participant).locked;
    }

    function wealths() private view returns (uint256[6] memory all) {
        for (uint256 i = 0; i < 6; ++i) {
            all[i] = wealth(participants[i]);
        }
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
        if (leaf.position == 0) locking.push(nextBatch - 1);
        leavesOf[nextBatch - 1].push(leaf);
        Amounts memory amounts = settlement.amountsOf(leaf);
        lockedOf[leaf.buyer] += amounts.payment + amounts.fee;
        lockedOf[leaf.seller] += amounts.collateral;
        bytes32 supply = supplyOf(leaf.seller, leaf.instrument);
        if (fixedMeterOf[supply] == address(0)) fixedMeterOf[supply] = meterNow[leaf.seller];
        assertEq(leaf.soldBefore, soldOf[supply], "sold before");
        soldOf[supply] += leaf.quantity;
        address meter = settlement.meterAt(leaf.seller, leaf.instrument);
        assertEq(meter, fixedMeterOf[supply], "measured by the meter it had");
        assertEq(settlement.slotOf(meter, uint32(leaf.instrument >> 24 & 0xFFFFFF)).reportedAt, 0, "metered");
    }

    function end(uint256 chosen) private {
        assertTrue(!trades[chosen].over, "ended twice");
        trades[chosen].over = true;
        Amounts memory amounts = settlement.amountsOf(trades[chosen].leaf);
        lockedOf[trades[chosen].leaf.buyer] -= amounts.payment + amounts.fee;
        lockedOf[trades[chosen].leaf.seller] -= amounts.collateral;
    }

    function supplyOf(address seller_, uint256 instrument) private pure returns (bytes32) {
        return keccak256(abi.encode(seller_, instrument >> 24));
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
            uint256 instrument = instrumentOf(1, HOUR + i / 3, 1, 0);
            IMetering.Slot memory slot_ = settlement.slotAt(participants[3 + i % 3], instrument);
            assertEq(slot_.sold, soldOf[supplyOf(participants[3 + i % 3], instrument)], "sold");
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
        bytes4[] memory selectors = new bytes4[](21);
        selectors[0] = Crowd.trade.selector;
        selectors[1] = Crowd.trade.selector;
        selectors[2] = Crowd.tradeBundle.selector;
        selectors[3] = Crowd.tradeBundle.selector;
        selectors[4] = Crowd.measure.selector;
        selectors[5] = Crowd.measure.selector;
        selectors[6] = Crowd.deliver.selector;
        selectors[7] = Crowd.deliver.selector;
        selectors[8] = Crowd.open.selector;
        selectors[9] = Crowd.payOut.selector;
        selectors[10] = Crowd.askToLeave.selector;
        selectors[11] = Crowd.exit.selector;
        selectors[12] = Crowd.withdraw.selector;
        selectors[13] = Crowd.wait.selector;
        selectors[14] = Crowd.cancel.selector;
        selectors[15] = Crowd.cancelBelow.selector;
        selectors[16] = Crowd.repeatBatch.selector;
        selectors[17] = Crowd.secure.selector;
        selectors[18] = Crowd.share.selector;
        selectors[19] = Crowd.conspire.selector;
        selectors[20] = Crowd.replaceMeter.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(crowd), selectors);
    }

    function invariant_every_token_is_owed_once_and_every_lock_and_reading_is_spent_once() public view {
        crowd.checkCustody();
        crowd.checkLocks();
        crowd.checkReadings();
    }

    /// However a campaign went, everything comes to its end.
    function afterInvariant() public {
        crowd.finish();
    }

    /// A day that leads everywhere: the invariants would hold as well if nothing ever happened.
    function test_the_crowd_gets_everywhere() public {
        crowd.trade(0, 1000, 2_000_000);
        for (uint256 i = 0; i < 16; ++i) {
            crowd.tradeBundle(uint256(keccak256(abi.encode(i))), 100);
        }
        crowd.askToLeave(0, 1e6);
        for (uint256 i = 0; i < 4; ++i) {
            crowd.wait(2 hours);
        }
        crowd.exit(0);
        crowd.withdraw(1 << 16, 1e6);
        crowd.conspire(0, 1e6);
        for (uint256 i = 0; i < 12; ++i) {
            crowd.measure(i << 8 | i / 3, i % 3 == 0 ? 0 : type(uint64).max);
        }
        for (uint256 i = 0; i < 18; ++i) {
            crowd.deliver(i, type(uint256).max);
            crowd.open(i);
        }
        crowd.wait(2 hours);
        for (uint256 i = 0; i < 18; ++i) {
            crowd.payOut(i);
        }
        string[6] memory all = ["bundles locked", "left", "withdrawn", "delivered", "opened", "paid out"];
        for (uint256 i = 0; i < 6; ++i) {
            assertTrue(crowd.times(all[i]) != 0, all[i]);
        }
        crowd.checkCustody();
        crowd.checkLocks();
        crowd.checkReadings();
        crowd.finish();
    }
}
