// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILongTerm} from "../src/interfaces/ILongTerm.sol";
import {Payout} from "../src/libraries/Periods.sol";
import {Activation} from "../src/types/Activation.sol";
import {ExecutionTerms} from "../src/types/ExecutionTerms.sol";
import {Outcome, Stage} from "../src/types/Stage.sol";
import {CumulativeReading, PeriodStatement, ReplacementPrice} from "../src/types/Statements.sol";
import {LongTermMarket} from "./support/LongTermMarket.sol";

/// Plays buyers, sellers, meters, a biased arbiter and strangers over two agreements, and keeps its own account.
contract LongTermCrowd is LongTermMarket {
    uint64 private constant LATER = type(uint64).max;
    address[6] private everybody;

    bytes[2] private terms;
    Activation[2] private agreements;
    uint256 private deposited;
    mapping(bytes32 id => mapping(uint256 period => uint256)) private settledTimes;
    mapping(string what => uint256) public times;

    constructor() {
        setUp();
        everybody = [buyer, seller, feeRecipient, operator, arbiter, stranger];
        for (uint256 i = 0; i < 2; ++i) {
            ExecutionTerms memory agreed = someTerms();
            agreed.salt = bytes32(i);
            if (i == 1) (agreed.checkMeter, agreed.takeOrPay) = (checkMeter, 600_000);
            terms[i] = abi.encode(agreed);
            agreements[i] = anActivation(agreed);
            activated(agreements[i]);
        }
        deposited = 2 * uint256(FUNDS);
    }

    // --- what may happen ------------------------------------------------------------------------------------------

    function pass(uint256 time) external {
        wait(bound(time, 1, 12 hours));
    }

    function agree(uint256 which, uint128 toSeller, uint128 toBuyer, bool wrongPeriod) external {
        Activation memory activation = agreements[which % 2];
        ILongTerm.State memory before = stateOf(activation);
        uint256 held = escrowed(activation, buyer);
        uint256 heldBySeller = escrowed(activation, seller);
        (toSeller, toBuyer) = (uint128(bound(toSeller, 0, 7e6)), uint128(bound(toBuyer, 0, 3e6)));
        uint16 period = wrongPeriod && before.period != 0 ? before.period - 1 : before.period;
        PeriodStatement memory statement = PeriodStatement(period, toSeller, toBuyer, LATER);
        bytes32 digest = digestOf(activation, statement);
        try longTerm.settleAgreed(activation, statement, signDigest(buyer, digest), signDigest(seller, digest)) {
            assertTrue(vm.getBlockTimestamp() >= endOf(period), "a period is settled when it is over");
            assertTrue(before.funded, "a period is settled when it was funded");
            assertTrue(toSeller <= held && toBuyer <= heldBySeller, "no more than was locked");
            settled(activation, period);
            ++times["agreed"];
        } catch {}
    }

    function report(uint256 which, uint64 units, uint64 checked, uint256 parts) external {
        which %= 2;
        Activation memory activation = agreements[which];
        ILongTerm.State memory before = stateOf(activation);
        uint16 period = before.period;
        CumulativeReading[] memory readings = new CumulativeReading[](parts % 5);
        for (uint256 i = 0; i < readings.length; ++i) {
            bool second = i % 2 == 1 && which == 1;
            uint64 count = uint64(bound(second ? checked : units, 0, period == 0 ? LOTS + 10_000 : 400_000));
            if (i > 1) readings[i] = aCount(activation, second ? checkMeter : meter, lastHourOf(period) - 24, 0);
            else readings[i] = aCount(activation, second ? checkMeter : meter, lastHourOf(period), count);
        }
        try longTerm.reportPeriod(activation, terms[which], readings, ReplacementPrice(0, "")) {
            ++times["reported"];
            assertTrue(vm.getBlockTimestamp() >= endOf(period), "reported when it is over");
        } catch {}
    }

    function claim(uint256 which, bool byBuyer, uint64 claimed, bool plea) external {
        which %= 2;
        bytes memory encoded = terms[which];
        Activation memory activation = agreements[which];
        claimed = uint64(bound(claimed, 0, LOTS + 10));
        vm.prank(byBuyer ? buyer : seller);
        if (plea) {
            try longTerm.plead(activation, encoded) {} catch {}
        } else {
            try longTerm.challenge(activation, encoded, claimed) {} catch {}
        }
        if (stateOf(activation).stage == Stage.InDispute) ++times["disputed"];
    }

    function rule(uint256 which, uint64 delivered, uint64 excused) external {
        which %= 2;
        bytes memory encoded = terms[which];
        delivered = uint64(bound(delivered, 0, LOTS));
        vm.prank(arbiter);
        try longTerm.rule(agreements[which], encoded, delivered, uint64(bound(excused, 0, LOTS))) {
            ++times["ruled"];
        } catch {}
    }

    function payOut(uint256 which, bool wrongTerms) external {
        which %= 2;
        Activation memory activation = agreements[which];
        bytes memory presented = terms[wrongTerms ? 1 - which : which];
        ILongTerm.State memory before = stateOf(activation);
        bytes32 id = idOf(activation);
        ILongTerm.Report memory known = longTerm.reportOf(id, before.period);
        uint256 sellerBefore = wealth(seller);
        uint256 heldByBuyer = escrowed(activation, buyer);
        Payout memory due = dueOf(activation, presented, before.period);
        vm.prank(stranger);
        try longTerm.payOut(activation, presented) {
            assertTrue(!wrongTerms, "only what was signed counts");
            assertTrue(vm.getBlockTimestamp() >= uint256(known.reportedAt) + CHALLENGE, "the window was kept");
            uint256 most = known.ruled ? known.ruledDelivered : known.metered;
            if (most > LOTS) most = LOTS;
            uint256 price = PRICE_OF_DAY * most / LOTS;
            // A bond that was dismissed is the seller's before; one that was upheld comes with the payout.
            if (before.stage != Stage.InDispute) {
                assertTrue(due.toSeller <= price, "undelivered is not paid");
                assertEq(wealth(seller) + due.toBuyer, sellerBefore + due.toSeller, "what is due is paid");
            }
            assertTrue(wealth(seller) <= sellerBefore + heldByBuyer + 600_000, "no more than is locked");
            settled(activation, before.period);
            ++times["paid"];
        } catch {}
    }

    function lapse(uint256 which) external {
        Activation memory activation = agreements[which % 2];
        ILongTerm.State memory before = stateOf(activation);
        uint256 sellerBefore = wealth(seller);
        try longTerm.lapse(activation) {
            assertEq(wealth(seller), sellerBefore, "silence moves nothing");
            assertTrue(vm.getBlockTimestamp() >= endOf(before.period) + READING + GRACE, "there was time to speak");
            settled(activation, before.period);
            ++times["lapsed"];
        } catch {}
    }

    function roll(uint256 which) external {
        try longTerm.roll(agreements[which % 2]) {
            ++times["rolled"];
        } catch {}
    }

    function terminate(uint256 which) external {
        Activation memory activation = agreements[which % 2];
        ILongTerm.State memory before = stateOf(activation);
        bool buyerShort = escrowed(activation, buyer) + settlement.accountOf(buyer).free < BUYER_STAKE;
        bool sellerShort = escrowed(activation, seller) + settlement.accountOf(seller).free < SELLER_STAKE;
        (uint256 ofBuyer, uint256 ofSeller) = (wealth(buyer), wealth(seller));
        try longTerm.terminate(activation) {
            assertTrue(!before.funded && (buyerShort || sellerShort), "somebody was in default");
            assertTrue(vm.getBlockTimestamp() >= uint256(before.since) + GRACE, "the grace was kept");
            if (buyerShort && !sellerShort) {
                assertTrue(ofBuyer - wealth(buyer) <= BUYER_DEPOSIT, "the deposit at most");
            }
            if (sellerShort && !buyerShort) assertTrue(ofSeller - wealth(seller) <= SELLER_STAKE, "the stake at most");
            ++times["terminated"];
        } catch {}
    }

    function giveNotice(uint256 which, bool byBuyer) external {
        if (which % 8 > 1) return; // rarely, or nothing would last
        vm.prank(byBuyer ? buyer : seller);
        try longTerm.giveNotice(agreements[which % 2]) {
            ++times["noticed"];
        } catch {}
    }

    /// A side takes its free money out, or brings some.
    function moveMoney(bool ofBuyer, uint256 amount) external {
        address who = ofBuyer ? buyer : seller;
        uint128 free = settlement.accountOf(who).free;
        if (amount % 4 == 0 && free != 0) {
            vm.prank(who);
            settlement.requestExit(free);
            wait(NOTICE);
            settlement.executeExit(who);
            deposited -= free;
        } else {
            amount = bound(amount, 1, 10e6);
            fund(who, amount);
            deposited += amount;
        }
    }

    /// The arbiter and a stranger try to settle or take what is not theirs.
    function steal(uint256 which, uint128 amount) external {
        Activation memory activation = agreements[which % 2];
        amount = uint128(bound(amount, 0, BUYER_STAKE));
        PeriodStatement memory statement = PeriodStatement(stateOf(activation).period, amount, 0, LATER);
        bytes32 digest = digestOf(activation, statement);
        bytes memory forged = signDigest(stranger, digest);
        try longTerm.settleAgreed(activation, statement, forged, signDigest(seller, digest)) {
            assertTrue(false, "forged for the buyer");
        } catch {}
        try longTerm.settleAgreed(activation, statement, signDigest(buyer, digest), forged) {
            assertTrue(false, "forged for the seller");
        } catch {}
        vm.prank(stranger);
        try longTerm.giveNotice(activation) {
            assertTrue(false, "a stranger gave notice");
        } catch {}
    }

    // --- what must hold -------------------------------------------------------------------------------------------

    /// All money is somebody's, and nobody's twice.
    function checkMoney() external view {
        uint256 known = 0;
        for (uint256 i = 0; i < everybody.length; ++i) {
            known += wealth(everybody[i]);
        }
        assertEq(known, deposited, "money is conserved");
        assertTrue(token.balanceOf(address(settlement)) >= known, "and is there");
    }

    /// What is locked is the stakes and the bonds; a stake is never above what was signed; an agreement that is over
    /// holds nothing, and one that is funded holds both stakes.
    function checkStakes() external view {
        uint256 ofBuyer = 0;
        uint256 ofSeller = 0;
        for (uint256 i = 0; i < 2; ++i) {
            Activation memory activation = agreements[i];
            ILongTerm.State memory state = stateOf(activation);
            (uint256 buyerStake, uint256 sellerStake) = (escrowed(activation, buyer), escrowed(activation, seller));
            assertTrue(buyerStake <= BUYER_STAKE && sellerStake <= SELLER_STAKE, "one stake at most");
            if (state.stage == Stage.Closed) {
                assertEq(buyerStake + sellerStake, 0, "closed holds nothing");
                assertTrue(state.outcome != Outcome.None, "closed with an outcome");
            } else if (state.funded) {
                assertTrue(buyerStake == BUYER_STAKE && sellerStake == SELLER_STAKE, "funded is full");
            }
            ofBuyer += buyerStake + bondsOf(activation, buyer);
            ofSeller += sellerStake + bondsOf(activation, seller);
        }
        assertEq(settlement.accountOf(buyer).locked, ofBuyer, "the buyer's stakes and bonds");
        assertEq(settlement.accountOf(seller).locked, ofSeller, "the seller's stakes and bonds");
    }

    /// Nobody needs a party to bring what is open to its end.
    function closeAll() external {
        for (uint256 i = 0; i < 2; ++i) {
            for (uint256 step = 0; step < 12 && stateOf(agreements[i]).stage != Stage.Closed; ++step) {
                wait(3 days);
                bytes memory encoded = terms[i];
                ILongTerm.State memory state = stateOf(agreements[i]);
                vm.prank(stranger);
                if (state.stage != Stage.Delivering) {
                    longTerm.payOut(agreements[i], encoded);
                } else if (state.funded) {
                    longTerm.lapse(agreements[i]);
                } else {
                    try longTerm.terminate(agreements[i]) {}
                    catch {
                        longTerm.roll(agreements[i]);
                    }
                }
            }
            assertStage(agreements[i], Stage.Closed, "everything ends");
        }
        assertEq(settlement.accountOf(buyer).locked, 0, "nothing of the buyer stays locked");
        assertEq(settlement.accountOf(seller).locked, 0, "nothing of the seller stays locked");
    }

    /// What the contract says that a period comes to; nothing if these are not its terms.
    function dueOf(Activation memory activation, bytes memory presented, uint16 period)
        private
        view
        returns (Payout memory due)
    {
        try longTerm.payoutOf(activation, presented, period) returns (Payout memory told) {
            due = told;
        } catch {}
    }

    function wealth(address who) private view returns (uint256) {
        return uint256(settlement.accountOf(who).free) + settlement.accountOf(who).locked;
    }

    function bondsOf(Activation memory activation, address who) private view returns (uint256 bonds) {
        bytes32 id = idOf(activation);
        for (uint16 period = 0; period < PERIODS; ++period) {
            bytes32 key = longTerm.bondKeyOf(longTerm.subjectOf(id, period));
            bonds += settlement.escrowOf(address(longTerm), key, who);
        }
    }

    function settled(Activation memory activation, uint16 period) private {
        assertEq(++settledTimes[idOf(activation)][period], 1, "a period is settled once");
    }
}

contract LongTermInvariants is LongTermMarket {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    LongTermCrowd private crowd;

    function setUp() public override {
        crowd = new LongTermCrowd();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(crowd);
    }

    /// Fuzz what may happen, and not what the crowd inherits from the market.
    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](14);
        selectors[0] = LongTermCrowd.pass.selector;
        selectors[1] = LongTermCrowd.agree.selector;
        selectors[2] = LongTermCrowd.report.selector;
        selectors[3] = LongTermCrowd.claim.selector;
        selectors[4] = LongTermCrowd.rule.selector;
        selectors[5] = LongTermCrowd.payOut.selector;
        selectors[6] = LongTermCrowd.lapse.selector;
        selectors[7] = LongTermCrowd.roll.selector;
        selectors[8] = LongTermCrowd.terminate.selector;
        selectors[9] = LongTermCrowd.giveNotice.selector;
        selectors[10] = LongTermCrowd.moveMoney.selector;
        selectors[11] = LongTermCrowd.steal.selector;
        selectors[12] = LongTermCrowd.pass.selector;
        selectors[13] = LongTermCrowd.payOut.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(crowd), selectors);
    }

    function invariant_money_is_conserved_bounded_and_never_stuck() public view {
        crowd.checkMoney();
        crowd.checkStakes();
    }

    /// Whatever happened, everything can be brought to its end.
    function afterInvariant() public {
        crowd.closeAll();
        crowd.checkMoney();
        crowd.checkStakes();
    }

    /// Days that lead everywhere: the invariants would hold as well if nothing ever happened.
    function test_the_crowd_gets_everywhere() public {
        crowd.pass(12 hours);
        crowd.giveNotice(1, true);
        crowd.pass(12 hours);
        crowd.pass(12 hours);
        crowd.agree(0, 5e6, 0, false);
        crowd.report(1, 98_000, 90_000, 2);
        crowd.claim(1, true, 90_000, false);
        crowd.pass(1 hours);
        crowd.rule(1, 95_000, 0);
        crowd.payOut(1, false);
        crowd.pass(12 hours);
        crowd.pass(12 hours);
        crowd.pass(12 hours);
        crowd.lapse(1);
        crowd.moveMoney(true, 4);
        crowd.agree(0, 5e6, 0, false);
        crowd.moveMoney(true, 9_999_999);
        crowd.roll(0);
        crowd.steal(0, 1);
        for (uint256 i = 0; i < 3; ++i) {
            crowd.pass(12 hours);
        }
        crowd.moveMoney(true, 4);
        crowd.terminate(0);
        string[7] memory all = ["agreed", "reported", "disputed", "ruled", "paid", "lapsed", "noticed"];
        for (uint256 i = 0; i < all.length; ++i) {
            assertTrue(crowd.times(all[i]) != 0, all[i]);
        }
        assertTrue(crowd.times("rolled") != 0, "rolled");
        crowd.checkMoney();
        crowd.checkStakes();
        crowd.closeAll();
    }
}
