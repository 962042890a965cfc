// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Guarantee} from "../../src/Guarantee.sol";
import {LongTerm} from "../../src/LongTerm.sol";
import {PayAsYouGo} from "../../src/PayAsYouGo.sol";
import {Settlement} from "../../src/Settlement.sol";
import {SettlementToken} from "../../src/SettlementToken.sol";
import {Standby} from "../../src/Standby.sol";
import {ICustody} from "../../src/interfaces/ICustody.sol";
import {IGuarantee} from "../../src/interfaces/IGuarantee.sol";
import {IMetering} from "../../src/interfaces/IMetering.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {IStandby} from "../../src/interfaces/IStandby.sol";
import {Merkle} from "../../src/libraries/Merkle.sol";
import {Leaf} from "../../src/types/Leaf.sol";
import {BUY, Order, ORDER_TYPEHASH, SELL} from "../../src/types/Order.sol";
import {Reading, READING_TYPEHASH} from "../../src/types/Reading.sol";
import {Assertions} from "./Assertions.sol";
import {Fill, Packing} from "./Packing.sol";
import {Vm} from "./Vm.sol";

/// A small market: one buyer, one seller with a meter, one instrument, an hour before its delivery.
///
/// `aBid` and `anOffer` meet at 2.00 per GPU·h for 1.5 GPU·h of Q2: payment 3.00, fee 0.03, collateral 0.75.
abstract contract Market is Assertions {
    uint64 internal constant NOTICE = 1 hours;
    uint64 internal constant READING_WINDOW = 2 hours;
    uint64 internal constant CHALLENGE_WINDOW = 30 minutes;
    uint64 internal constant RULING_WINDOW = 1 days;
    uint64 internal constant RESCUE_WINDOW = 2 hours;
    uint32 internal constant BOND_RATE = 10_000;
    uint32 internal constant EXCUSE_MOST = 800_000;
    uint16 internal constant FEE_BPS = 100;
    uint32 internal constant HOUR = 457_530;
    uint256 internal constant SLOT_END = (uint256(HOUR) + 1) * 1 hours;
    bytes32 internal constant RECORD_HASH = keccak256("record");

    uint64 internal constant DELIVERY_WINDOW = 48 hours;

    uint64 internal constant MODULES = 4;

    uint128 internal constant FUNDS = 100e6;
    uint256 internal constant PAYMENT = 3e6;
    uint256 internal constant FEE = 30_000;
    uint256 internal constant COLLATERAL = 750_000;

    mapping(address participant => uint256) internal keyOf;
    address internal operator = withKey(0x0B);
    address internal guardian = withKey(0x6A);
    address internal arbiter = withKey(0xA4);
    address internal feeRecipient = withKey(0xFE);
    address internal buyer = withKey(0xB1);
    address internal seller = withKey(0x51);
    address internal meter = withKey(0x3E);
    address internal stranger = withKey(0xE5);

    SettlementToken internal token;
    Settlement internal settlement;
    Guarantee internal guarantee;
    Standby internal standby;
    LongTerm internal longTerm;
    PayAsYouGo internal payAsYouGo;
    uint64 internal nextBatch;

    function setUp() public virtual {
        vm.warp(SLOT_END - 2 hours);
        nextBatch = 1;
        token = new SettlementToken(address(this));
        settlement = deploySettlement(address(token));
        guarantee = Guarantee(settlement.guarantee());
        fund(buyer, FUNDS);
        fund(seller, FUNDS);
        registerMeter(seller, anInstrument(2), meter);
    }

    // --- deployment ---------------------------------------------------------------------------------------------

    /// The modules must know the settlement, which must know them: its address is foretold.
    function deploySettlement(address token_) internal returns (Settlement) {
        address foretold = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + MODULES);
        return new Settlement(aSetup(token_, deployModules(foretold)));
    }

    /// As many as `MODULES`, the guarantee first.
    function deployModules(address settlement_) internal returns (address[] memory modules) {
        modules = new address[](MODULES);
        modules[1] = address(standby = new Standby(ISettlement(settlement_), DELIVERY_WINDOW));
        modules[0] = address(new Guarantee(ISettlement(settlement_), standbyFor(settlement_), someRules()));
        modules[2] = address(longTerm = new LongTerm(ISettlement(settlement_)));
        modules[3] = address(payAsYouGo = new PayAsYouGo(ISettlement(settlement_)));
    }

    /// The contract in which sellers name their fallbacks: the real one, unless a test needs another.
    function standbyFor(address) internal virtual returns (IStandby) {
        return standby;
    }

    function someRules() internal view returns (IGuarantee.Rules memory) {
        return IGuarantee.Rules(arbiter, CHALLENGE_WINDOW, RULING_WINDOW, RESCUE_WINDOW, BOND_RATE, EXCUSE_MOST);
    }

    function aSetup(address token_, address[] memory modules) internal view returns (ISettlement.Setup memory) {
        return ISettlement.Setup(token_, operator, guardian, feeRecipient, NOTICE, READING_WINDOW, modules);
    }

    // --- who and what -------------------------------------------------------------------------------------------

    function withKey(uint256 key) internal returns (address account) {
        account = vm.addr(key);
        keyOf[account] = key;
    }

    function fund(address participant, uint256 amount) internal {
        token.mint(address(this), amount);
        token.approve(address(settlement), amount);
        settlement.depositFor(participant, amount);
    }

    function registerMeter(address seller_, uint256 instrument, address meter_) internal {
        vm.prank(operator);
        settlement.registerMeter(seller_, instrument >> 48, meter_);
    }

    /// H100 at CISO in the market's hour, of this tier.
    function anInstrument(uint256 tier) internal pure returns (uint256) {
        return instrumentOf(1, HOUR, 1, tier);
    }

    function instrumentOf(uint256 commodity, uint256 hour, uint256 hours_, uint256 tier)
        internal
        pure
        returns (uint256)
    {
        uint256 places =
            uint256(uint64(bytes8("H100"))) << 176 | uint256(uint64(bytes8("CISO"))) << 112;
        return 1 << 248 | commodity << 240 | places | hour << 24 | hours_ << 8 | tier << 4;
    }

    function aBid() internal view returns (Order memory) {
        return Order({
            participant: buyer,
            instrument: anInstrument(2),
            side: BUY,
            price: 2_100_000,
            quantity: 2000,
            goodUntil: uint64(SLOT_END - 90 minutes),
            settleUntil: uint64(SLOT_END),
            feeCapBps: FEE_BPS,
            referencePrice: 2_500_000,
            clientOrderId: 1
        });
    }

    function anOffer() internal view returns (Order memory offer) {
        offer = aBid();
        offer.participant = seller;
        offer.side = SELL;
        offer.price = 1_900_000;
        offer.feeCapBps = 0;
    }

    function aFill() internal pure returns (Fill memory) {
        return Fill({buy: 0, sell: 1, tradeNumber: 7, price: 2_000_000, quantity: 1500});
    }

    // --- signing: written out, so that a mistake in the contract's own hashing shows -----------------------------

    function domainSeparator() internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("CCEI Market"),
                keccak256("1"),
                block.chainid,
                address(settlement)
            )
        );
    }

    function digestOf(bytes32 structHash) internal view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domainSeparator(), structHash));
    }

    function orderDigest(Order memory order) internal view returns (bytes32) {
        return digestOf(keccak256(abi.encode(ORDER_TYPEHASH, order)));
    }

    function signDigest(address signer, bytes32 digest) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[signer], digest);
        return abi.encodePacked(r, s, v);
    }

    function aReading(address meter_, uint32 hour, uint64 units) internal view returns (Reading memory) {
        bytes32 digest = digestOf(keccak256(abi.encode(READING_TYPEHASH, meter_, hour, units)));
        return Reading(meter_, hour, units, signDigest(meter_, digest));
    }

    // --- doing ----------------------------------------------------------------------------------------------------

    /// Settle a batch signed by everybody concerned; return its leaves and the codes of the fills left out.
    function settle(Order[] memory orders, Fill[] memory fills)
        internal
        returns (Leaf[] memory leaves, ISettlement.SkipCode[] memory skipped)
    {
        return settleSigned(orders, signed(orders), fills);
    }

    function signed(Order[] memory orders) internal view returns (bytes[] memory signatures) {
        signatures = new bytes[](orders.length);
        for (uint256 i = 0; i < orders.length; ++i) {
            signatures[i] = signDigest(orders[i].participant, orderDigest(orders[i]));
        }
    }

    function settleSigned(Order[] memory orders, bytes[] memory signatures, Fill[] memory fills)
        internal
        returns (Leaf[] memory leaves, ISettlement.SkipCode[] memory skipped)
    {
        vm.recordLogs();
        vm.prank(operator);
        settlement.settleBatch(nextBatch++, RECORD_HASH, FEE_BPS, Packing.batch(orders, signatures, fills));
        return outcomeOf(vm.getRecordedLogs());
    }

    /// Settle the one fill of a bid and an offer and return its leaf.
    function settleOne(Order memory bid, Order memory offer, Fill memory fill) internal returns (Leaf memory) {
        (Leaf[] memory leaves,) = settle(pair(bid, offer), list(fill));
        assertEq(leaves.length, 1, "locked");
        return leaves[0];
    }

    /// Settle the given quantities as trades 0, 1, 2, … between the standing bid and offer.
    function settleQuantities(uint64[] memory quantities) internal returns (Leaf[] memory leaves) {
        Order memory bid = aBid();
        Order memory offer = anOffer();
        bid.quantity = offer.quantity = type(uint64).max;
        Fill[] memory fills = new Fill[](quantities.length);
        for (uint256 i = 0; i < fills.length; ++i) {
            fills[i] = aFill();
            fills[i].tradeNumber = uint64(i);
            fills[i].quantity = quantities[i];
        }
        (leaves,) = settle(pair(bid, offer), fills);
    }

    function outcomeOf(Vm.Log[] memory logs)
        internal
        pure
        returns (Leaf[] memory leaves, ISettlement.SkipCode[] memory skipped)
    {
        skipped = new ISettlement.SkipCode[](count(logs, ISettlement.TradeSkipped.selector));
        uint256 left = 0;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == ISettlement.TradesLocked.selector) {
                leaves = Packing.unpack(abi.decode(logs[i].data, (bytes)));
            } else if (logs[i].topics[0] == ISettlement.TradeSkipped.selector) {
                skipped[left++] = abi.decode(logs[i].data, (ISettlement.SkipCode));
            }
        }
    }

    function count(Vm.Log[] memory logs, bytes32 topic) internal pure returns (uint256 found) {
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == topic) ++found;
        }
    }

    /// Report what the seller's meter measured, once the hour is over.
    function report(uint64 units) internal {
        if (block.timestamp < SLOT_END) vm.warp(SLOT_END);
        settlement.report(list(aReading(meter, HOUR, units)));
    }

    // --- looking --------------------------------------------------------------------------------------------------

    function assertAccount(address participant, uint256 free, uint256 locked, string memory who) internal view {
        ICustody.Account memory account = settlement.accountOf(participant);
        assertEq(account.free, free, string.concat(who, " free"));
        assertEq(account.locked, locked, string.concat(who, " locked"));
    }

    function slot() internal view returns (IMetering.Slot memory) {
        return settlement.slotOf(meter, HOUR);
    }

    /// The proof of one leaf: built from scratch, so that it checks the contract's tree from outside.
    function proofOf(Leaf[] memory leaves, uint256 position) internal pure returns (bytes32[] memory) {
        bytes32[] memory hashes = new bytes32[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            hashes[i] = leaves[i].leafHash();
        }
        return proofOf(hashes, position);
    }

    function proofOf(bytes32[] memory level, uint256 position) internal pure returns (bytes32[] memory) {
        bytes32[] memory siblings = new bytes32[](9);
        uint256 depth = 0;
        while (level.length > 1) {
            uint256 sibling = position ^ 1;
            if (sibling < level.length) siblings[depth++] = level[sibling];
            bytes32[] memory above = new bytes32[]((level.length + 1) / 2);
            for (uint256 i = 0; i < above.length; ++i) {
                bool lone = 2 * i + 1 == level.length;
                above[i] = lone ? level[2 * i] : Merkle.pairHash(level[2 * i], level[2 * i + 1]);
            }
            (level, position) = (above, position / 2);
        }
        bytes32[] memory proof = new bytes32[](depth);
        for (uint256 i = 0; i < depth; ++i) {
            proof[i] = siblings[i];
        }
        return proof;
    }

    // --- lists ----------------------------------------------------------------------------------------------------

    function pair(Order memory first, Order memory second) internal pure returns (Order[] memory orders) {
        orders = new Order[](2);
        (orders[0], orders[1]) = (first, second);
    }

    function list(Fill memory fill) internal pure returns (Fill[] memory fills) {
        fills = new Fill[](1);
        fills[0] = fill;
    }

    function list(Fill memory first, Fill memory second) internal pure returns (Fill[] memory fills) {
        fills = new Fill[](2);
        (fills[0], fills[1]) = (first, second);
    }

    function list(Leaf memory leaf) internal pure returns (Leaf[] memory leaves) {
        leaves = new Leaf[](1);
        leaves[0] = leaf;
    }

    function list(Reading memory reading) internal pure returns (Reading[] memory readings) {
        readings = new Reading[](1);
        readings[0] = reading;
    }

    function list(uint64 first, uint64 second, uint64 third) internal pure returns (uint64[] memory quantities) {
        quantities = new uint64[](3);
        (quantities[0], quantities[1], quantities[2]) = (first, second, third);
    }

    function noReadings() internal pure returns (Reading[] memory) {
        return new Reading[](0);
    }
}
