// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SettlementToken} from "../src/SettlementToken.sol";
import {ICustody} from "../src/interfaces/ICustody.sol";
import {IMetering} from "../src/interfaces/IMetering.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Order} from "../src/types/Order.sol";
import {Reading} from "../src/types/Reading.sol";
import {Market} from "./support/Market.sol";
import {Fill, Packing} from "./support/Packing.sol";

/// Calls back whoever it is told to, on every transfer, or refuses to move.
contract CallingToken is SettlementToken {
    address private _target;
    bytes private _data;
    bool public gotThrough;
    bool private _refuses;

    constructor() SettlementToken(msg.sender) {}

    function callOnTransfer(address target, bytes calldata data) external {
        (_target, _data) = (target, data);
    }

    function refuse(bool refuses) external {
        _refuses = refuses;
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        _callBack();
        return super.transferFrom(from, to, amount);
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        require(!_refuses, "refused");
        _callBack();
        return super.transfer(to, amount);
    }

    function _callBack() private {
        if (_target != address(0)) (gotThrough,) = _target.call(_data);
    }
}

/// Has no permits and no nonces, and answers whatever it does not know with nothing at all.
contract SilentToken {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        return true;
    }

    fallback() external {}
}

/// As `SilentToken`, but it does answer how many permits were used: always as many.
contract CountingToken is SilentToken {
    function nonces(address) external pure returns (uint256) {
        return 7;
    }
}

/// A wallet that, asked for its signature, tries to do something in the settlement, and says yes.
contract CallingWallet {
    address private _target;
    bytes private _data;

    function callWhenAsked(address target, bytes calldata data) external {
        (_target, _data) = (target, data);
    }

    function isValidSignature(bytes32, bytes calldata) external returns (bytes4) {
        (bool done,) = _target.call(_data);
        require(!done, "the call went through");
        return this.isValidSignature.selector;
    }
}

/// A wallet that takes any signature of its owner's key, for whatever it is asked.
contract CarelessWallet {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return this.isValidSignature.selector;
    }
}

/// Traders, meters and tokens that mean harm.
contract MaliciousParticipants is Market {
    // --- reentrancy -------------------------------------------------------------------------------------------------

    function marketOf(address token_) private {
        settlement = deploySettlement(token_);
    }

    function test_a_token_that_calls_back_enters_no_door_that_moves_tokens() public {
        CallingToken calling = new CallingToken();
        marketOf(address(calling));
        calling.mint(address(this), 10e6);
        calling.approve(address(settlement), 10e6);
        settlement.deposit(2e6);
        settlement.requestExit(1e6);
        vm.warp(block.timestamp + NOTICE);
        bytes[4] memory doors = [
            abi.encodeCall(settlement.deposit, (1)),
            abi.encodeCall(settlement.depositFor, (address(this), 1)),
            abi.encodeCall(settlement.executeExit, (address(this))),
            abi.encodeCall(settlement.depositWithPermit, (address(this), 1, 0, 0, 0, 0))
        ];
        for (uint256 i = 0; i < doors.length; ++i) {
            calling.callOnTransfer(address(settlement), doors[i]);
            settlement.deposit(1e6);
            assertTrue(!calling.gotThrough(), "entered");
        }
        calling.callOnTransfer(address(settlement), doors[2]);
        settlement.executeExit(address(this));
        assertTrue(!calling.gotThrough(), "entered");
        assertAccount(address(this), 5e6, 0, "paid once");
        assertEq(calling.balanceOf(address(settlement)), 5e6, "custody");
    }

    /// What the callback may enter changes nothing that the transfer relies on.
    function test_a_token_that_calls_back_gains_nothing_by_delivering() public {
        CallingToken calling = new CallingToken();
        token = calling;
        calling.mint(address(this), 2 * FUNDS);
        marketOf(address(calling));
        calling.approve(address(settlement), 2 * FUNDS);
        settlement.depositFor(buyer, FUNDS);
        settlement.depositFor(seller, FUNDS);
        registerMeter(seller, anInstrument(2), meter);
        Leaf memory leaf = settleOne(aBid(), anOffer(), aFill());
        vm.prank(seller);
        settlement.requestExit(FUNDS - uint128(COLLATERAL));
        report(1500);
        bytes memory delivery =
            abi.encodeCall(settlement.deliverBatch, (1, Packing.leaves(list(leaf)), 1, noReadings()));
        calling.callOnTransfer(address(settlement), delivery);
        vm.prank(seller);
        settlement.executeExit(seller);
        assertTrue(calling.gotThrough(), "delivered from within");
        assertAccount(seller, PAYMENT + COLLATERAL, 0, "seller");
        assertAccount(buyer, FUNDS - PAYMENT - FEE, 0, "buyer");
        assertEq(calling.balanceOf(address(settlement)), FUNDS + COLLATERAL, "custody");
    }

    function test_a_token_that_will_not_move_keeps_its_owner_and_nobody_else() public {
        CallingToken calling = new CallingToken();
        marketOf(address(calling));
        calling.mint(address(this), 1e6);
        calling.approve(address(settlement), 1e6);
        settlement.deposit(1e6);
        settlement.requestExit(1e6);
        vm.warp(block.timestamp + NOTICE);
        calling.refuse(true);
        vm.expectRevert();
        settlement.executeExit(address(this));
        assertAccount(address(this), 1e6, 0, "still there");
        calling.refuse(false);
        settlement.executeExit(address(this));
        assertEq(calling.balanceOf(address(this)), 1e6, "paid");
    }

    function test_a_wallet_asked_for_its_signature_can_do_nothing() public {
        CallingWallet wallet = new CallingWallet();
        fund(address(wallet), FUNDS);
        bytes[5] memory doors = [
            abi.encodeCall(settlement.requestExit, (1)),
            abi.encodeCall(settlement.cancelOrder, (1)),
            abi.encodeCall(settlement.cancelBelow, (2)),
            abi.encodeCall(settlement.report, (new Reading[](0))),
            abi.encodeCall(settlement.deposit, (1))
        ];
        for (uint256 i = 0; i < doors.length; ++i) {
            wallet.callWhenAsked(address(settlement), doors[i]);
            Order memory bid = aBid();
            bid.participant = address(wallet);
            bid.clientOrderId = uint64(i);
            bytes[] memory signatures = new bytes[](2);
            signatures[0] = new bytes(70);
            signatures[1] = signDigest(seller, orderDigest(anOffer()));
            Fill memory fill = aFill();
            fill.quantity = 1;
            // `report` of nothing changes nothing, so it alone succeeds in a static call, and the wallet refuses itself.
            (Leaf[] memory leaves,) = settleSigned(pair(bid, anOffer()), signatures, list(fill));
            assertEq(leaves.length, i == 3 ? 0 : 1, "locked");
        }
        assertEq(settlement.exitOf(address(wallet)).effectiveAt, 0, "no exit");
        assertEq(settlement.cancelledFrom(address(wallet), 1), 0, "no cancellation");
    }

    /// The money of one wallet cannot be spent with the consent of another of the same owner: orders name who trades.
    function test_a_careless_wallet_pays_for_itself_alone() public {
        address careless = address(new CarelessWallet());
        fund(careless, 1e6);
        Order memory bid = aBid();
        bid.participant = careless;
        bytes[] memory signatures = new bytes[](2);
        signatures[1] = signDigest(seller, orderDigest(anOffer()));
        (, ISettlement.SkipCode[] memory skipped) = settleSigned(pair(bid, anOffer()), signatures, list(aFill()));
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.BuyerFundsInsufficient), "only what it has");
        assertAccount(buyer, FUNDS, 0, "buyer");
    }

    // --- permits and exits ------------------------------------------------------------------------------------------

    function test_a_stranger_cannot_use_a_token_that_swallows_permits() public {
        SilentToken[2] memory tokens = [new SilentToken(), SilentToken(new CountingToken())];
        for (uint256 i = 0; i < 2; ++i) {
            marketOf(address(tokens[i]));
            tokens[i].mint(buyer, 5e6);
            vm.prank(buyer);
            tokens[i].approve(address(settlement), 5e6);
            vm.prank(stranger);
            vm.expectRevert();
            settlement.depositWithPermit(buyer, 5e6, block.timestamp, 27, 0, 0);
            vm.prank(buyer);
            settlement.depositWithPermit(buyer, 5e6, block.timestamp, 27, 0, 0);
            assertAccount(buyer, 5e6, 0, "by its own will");
        }
    }

    /// Paid out in the moment in which nearly all is locked, an exit would be over, and the notice begin again.
    function test_a_stranger_cannot_use_up_the_notice_of_an_exit() public {
        vm.prank(buyer);
        settlement.requestExit(FUNDS);
        settleOne(aBid(), anOffer(), aFill());
        vm.warp(block.timestamp + NOTICE);
        uint256 free = FUNDS - PAYMENT - FEE;
        vm.expectRevert(abi.encodeWithSelector(ICustody.InsufficientFree.selector, buyer, free, FUNDS));
        vm.prank(operator);
        settlement.executeExit(buyer);
        fund(buyer, PAYMENT + FEE); // a stranger that makes up for it pays what the buyer takes
        vm.prank(stranger);
        settlement.executeExit(buyer);
        assertEq(token.balanceOf(buyer), FUNDS, "all that was asked for");
    }

    // --- trades -----------------------------------------------------------------------------------------------------

    /// A trade that was matched settles, whoever saw the match first and cancelled; one that was not does not.
    function test_cancelling_ahead_of_a_batch_keeps_nobody_from_the_trades_already_matched() public {
        vm.prank(buyer);
        settlement.cancelOrder(1);
        vm.prank(seller);
        settlement.cancelBelow(type(uint64).max);
        vm.prank(buyer);
        settlement.requestExit(FUNDS);
        settleOne(aBid(), anOffer(), aFill());
        vm.warp(block.timestamp + NOTICE);
        Fill memory fill = aFill();
        fill.quantity = 1;
        (, ISettlement.SkipCode[] memory skipped) = settle(pair(aBid(), anOffer()), list(fill));
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.BuyCancelled), "after the notice");
    }

    /// One who cannot pay costs the others nothing, wherever it stands among them.
    function test_one_without_money_spoils_its_own_trade_alone() public {
        Order[] memory orders = new Order[](3);
        (orders[0], orders[1], orders[2]) = (aBid(), anOffer(), aBid());
        orders[2].participant = stranger;
        orders[2].clientOrderId = 9;
        Fill[] memory fills = new Fill[](3);
        (fills[0], fills[1], fills[2]) = (aFill(), aFill(), aFill());
        (fills[0].buy, fills[0].tradeNumber, fills[0].quantity) = (2, 1, 300);
        (fills[1].tradeNumber, fills[1].quantity) = (2, 700);
        (fills[2].tradeNumber, fills[2].quantity) = (3, 800);
        (Leaf[] memory leaves, ISettlement.SkipCode[] memory skipped) = settle(orders, fills);
        assertEq(leaves.length, 2, "locked");
        assertEq(skipped.length, 1, "skipped");
        assertEq(leaves[0].soldBefore, 0, "nothing counted for it");
        assertEq(settlement.filledOf(seller, 1), 1500, "nothing filled for it");
    }

    // --- meters -----------------------------------------------------------------------------------------------------

    /// The meter that was the seller's at the trade measures the trade; the one before it and the one after it do not.
    function test_a_stale_meter_measures_nothing() public {
        address newer = withKey(0x41);
        registerMeter(seller, anInstrument(2), newer);
        Leaf memory leaf = settleOne(aBid(), anOffer(), aFill());
        registerMeter(seller, anInstrument(2), withKey(0x42));
        vm.warp(SLOT_END);
        address[2] memory others = [meter, vm.addr(0x42)];
        for (uint256 i = 0; i < 2; ++i) {
            Reading[] memory readings = list(aReading(others[i], HOUR, 1500));
            vm.expectRevert(abi.encodeWithSelector(IMetering.MeterOfAnotherHour.selector, others[i], HOUR));
            settlement.report(readings);
        }
        settlement.deliverBatch(1, Packing.leaves(list(leaf)), 1, noReadings());
        assertEq(settlement.markedOf(1), 0, "not released");
        settlement.deliverBatch(1, Packing.leaves(list(leaf)), 1, list(aReading(newer, HOUR, 1500)));
        assertEq(settlement.markedOf(1), 1, "released");
    }

    function test_a_reading_of_another_chain_or_settlement_is_refused() public {
        vm.warp(SLOT_END);
        Reading memory reading = aReading(meter, HOUR, 1500);
        uint256 here = block.chainid;
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(IMetering.ReadingSignatureInvalid.selector, meter, HOUR));
        settlement.report(list(reading));
        vm.chainId(here);
        settlement.report(list(reading));
        super.setUp();
        vm.warp(SLOT_END);
        vm.expectRevert(abi.encodeWithSelector(IMetering.ReadingSignatureInvalid.selector, meter, HOUR));
        settlement.report(list(reading));
    }

    /// A meter that signs twice cannot take back what it signed first, and shows itself.
    function test_a_meter_cannot_take_back_a_reading_after_it_was_paid_for() public {
        Leaf memory leaf = settleOne(aBid(), anOffer(), aFill());
        report(1500);
        vm.expectEmit();
        emit IMetering.ReadingContradicted(meter, HOUR, 1500, 0);
        settlement.deliverBatch(1, Packing.leaves(list(leaf)), 1, list(aReading(meter, HOUR, 0)));
        assertEq(settlement.markedOf(1), 1, "released");
    }

    /// The highest reading and the fullest slot: no sum overflows.
    function test_a_meter_that_measures_everything_there_is_pays_for_what_was_sold() public {
        Order memory bid = aBid();
        Order memory offer = anOffer();
        (bid.price, offer.price, bid.referencePrice, offer.referencePrice) = (1, 1, 0, 0);
        bid.quantity = offer.quantity = type(uint64).max;
        fund(buyer, 1e18);
        Fill memory fill = aFill();
        (fill.price, fill.quantity) = (1, (1 << 63) - 1);
        Leaf memory leaf = settleOne(bid, offer, fill);
        report(type(uint64).max);
        settlement.deliverBatch(1, Packing.leaves(list(leaf)), 1, noReadings());
        assertEq(slot().allotted, (1 << 63) - 1, "allotted");
        assertEq(settlement.accountOf(buyer).locked, 0, "released");
    }

    /// A sale that comes when the hour is metered would thin out what was measured; none does.
    function test_nothing_is_sold_of_an_hour_once_its_reading_is_there() public {
        Leaf memory leaf = settleOne(aBid(), anOffer(), aFill());
        report(1500);
        Fill memory fill = aFill();
        fill.quantity = 100;
        (, ISettlement.SkipCode[] memory skipped) = settle(pair(aBid(), anOffer()), list(fill));
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.SlotAlreadyMetered), "code");
        (uint64 delivered,) = settlement.deliveredOf(leaf);
        assertEq(delivered, 1500, "as before");
    }
}
