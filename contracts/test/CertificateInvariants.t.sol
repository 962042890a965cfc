// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICertificate} from "../src/interfaces/ICertificate.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Packing} from "./support/Packing.sol";
import {CertificateMarket} from "./support/CertificateMarket.sol";

/// Trades the sun of two hours, meters, stores, certifies, moves, locks and retires it, and keeps its own account.
contract CertificateCrowd is CertificateMarket {
    uint256 private constant HOURS = 2;

    struct Trade {
        uint64 batchNumber;
        Leaf leaf;
    }

    address[] public holders;
    uint256[] public ids;
    Trade[] private trades;
    mapping(uint64 batchNumber => Leaf[]) private leavesOf;
    ICertificate.Lock[] private locks;
    mapping(uint256 id => uint256) public retiredOf;
    mapping(uint256 id => uint256) public storedOf;
    mapping(bytes32 leafHash => uint256) public gotWith;
    mapping(string what => uint256) public times;

    constructor() {
        setUp();
        fund(buyer, 1e12);
        fund(seller, 1e12);
        holders.push(buyer);
        holders.push(seller);
        holders.push(stranger);
        for (uint256 i = 0; i < HOURS; ++i) {
            ids.push(idOf("SOLAR", solarMeter, HOUR + i, 0));
            ids.push(idOf("SOLAR", dischargeMeter, HOUR + i, 1));
        }
    }

    // --- what may happen ------------------------------------------------------------------------------------------

    function trade(uint256 seed, uint64 first, uint64 second) external {
        uint256 hour = HOUR + seed % HOURS;
        Leaf[] memory leaves =
            sell("SOLAR", hour, pairOf(uint64(bound(first, 1, 3000)), uint64(bound(second, 1, 3000))));
        for (uint256 i = 0; i < leaves.length; ++i) {
            trades.push(Trade(nextBatch - 1, leaves[i]));
            leavesOf[nextBatch - 1].push(leaves[i]);
        }
    }

    function pledge(uint256 seed) external {
        if (trades.length == 0) return;
        Trade memory chosen = trades[seed % trades.length];
        bytes32[][] memory proofs = new bytes32[][](1);
        proofs[0] = proofOf(leavesOf[chosen.batchNumber], chosen.leaf.position);
        vm.prank(seller);
        try certificate.pledge(chosen.batchNumber, list(chosen.leaf), proofs) {
            ++times["pledged"];
        } catch {}
    }

    function measure(uint256 seed, uint64 units) external {
        uint32 hour = uint32(HOUR + seed % HOURS);
        if (block.timestamp < (uint256(hour) + 1) * 1 hours) return;
        uint256 which = (seed >> 8) % 3;
        address meter_ = which == 0 ? solarMeter : which == 1 ? chargeMeter : dischargeMeter;
        settlement.report(list(aReading(meter_, hour, uint64(bound(units, 0, 8000)))));
    }

    function settleTrades(uint256 seed) external {
        if (nextBatch == 1) return;
        uint64 number = uint64(1 + seed % (nextBatch - 1));
        Leaf[] memory leaves = leavesOf[number];
        if (leaves.length == 0) return;
        settlement.deliverBatch(number, Packing.leaves(leaves), type(uint256).max, noReadings());
        for (uint256 i = 0; i < leaves.length; ++i) {
            try guarantee.open(number, leaves[i], proofOf(leaves, i)) {} catch {}
            try guarantee.payOut(leaves[i]) {} catch {}
        }
    }

    function certify(uint256 seed) external {
        try certificate.issue(production(seller, "SOLAR", uint32(HOUR + seed % HOURS))) {
            ++times["issued"];
        } catch {}
    }

    function deliverPledged(uint256 seed) external {
        if (trades.length == 0) return;
        Leaf memory leaf = trades[seed % trades.length].leaf;
        uint256 id = idOf("SOLAR", solarMeter, leaf.instrument >> 24 & 0xFFFFFF, 0);
        uint256 before = certificate.balanceOf(leaf.buyer, id);
        try certificate.deliverPledged(list(leaf)) {
            uint256 got = certificate.balanceOf(leaf.buyer, id) - before;
            gotWith[leaf.leafHash()] += got;
            assertTrue(gotWith[leaf.leafHash()] <= leaf.quantity, "more certificates than energy");
            ++times["delivered"];
        } catch (bytes memory reason) {
            bool uncovered = bytes4(reason) == ICertificate.IssuedBeyondReading.selector;
            assertTrue(!uncovered, "a pledge is not covered");
        }
    }

    function store(uint256 seed, uint64 amount) external {
        uint32 hour = uint32(HOUR + seed % HOURS);
        uint256 chargeId = ids[2 * ((seed >> 8) % HOURS)];
        uint256 before = certificate.balanceOf(seller, chargeId);
        vm.prank(seller);
        try certificate.issueStored(
            ICertificate.Discharge(energy("STORAGE", HOUR) >> 48, hour, uint64(bound(amount, 1, 4000)), chargeId)
        ) {
            storedOf[chargeId] += before - certificate.balanceOf(seller, chargeId);
            ++times["stored"];
        } catch {}
    }

    function send(uint256 seed, uint256 amount, bool twice) external {
        (address from, address to) = (holders[seed % 3], holders[(seed >> 8) % 3]);
        uint256 id = ids[(seed >> 16) % ids.length];
        amount = bound(amount, 0, certificate.balanceOf(from, id));
        uint256[] memory both = new uint256[](2);
        (both[0], both[1]) = (id, id);
        uint256[] memory halves = new uint256[](2);
        (halves[0], halves[1]) = (amount / 2, amount - amount / 2);
        vm.prank(from);
        if (twice) {
            try certificate.safeBatchTransferFrom(from, to, both, halves, "") {} catch {}
        } else {
            try certificate.safeTransferFrom(from, to, id, amount, "") {} catch {}
        }
    }

    function lock(uint256 seed, uint256 amount) external {
        if (trades.length == 0) return;
        address owner = holders[seed % 3];
        uint256 id = ids[(seed >> 16) % ids.length];
        bytes32 leafHash = trades[(seed >> 24) % trades.length].leaf.leafHash();
        uint64 until = uint64(block.timestamp + 1 + (seed >> 32) % 5 hours);
        amount = bound(amount, 1, 1 + certificate.balanceOf(owner, id));
        vm.prank(owner);
        try certificate.lock(id, amount, leafHash, until) {
            locks.push(ICertificate.Lock(owner, id, leafHash, until));
            ++times["locked"];
        } catch {}
    }

    function endLock(uint256 seed, bool deliver) external {
        if (locks.length == 0) return;
        ICertificate.Lock memory terms = locks[seed % locks.length];
        if (!deliver) {
            try certificate.release(terms) {
                ++times["released"];
            } catch {}
            return;
        }
        for (uint256 i = 0; i < trades.length; ++i) {
            Trade memory one = trades[i];
            if (one.leaf.leafHash() != terms.leafHash) continue;
            bytes32[] memory proof = proofOf(leavesOf[one.batchNumber], one.leaf.position);
            try certificate.deliverLocked(terms, one.batchNumber, one.leaf, proof) {
                ++times["lock delivered"];
            } catch {}
        }
    }

    function retire(uint256 seed, uint256 amount) external {
        address owner = holders[seed % 3];
        uint256 which = (seed >> 16) % ids.length;
        ICertificate.Retirement memory claim =
            aRetirement(ids[which], bound(amount, 1, 1 + certificate.balanceOf(owner, ids[which])));
        claim.periodStart = uint32(HOUR + which / 2);
        address by = (seed >> 32) % 4 == 0 ? holders[(seed >> 34) % 3] : owner;
        vm.prank(by);
        try certificate.retire(owner, list(claim)) {
            assertEq(by, owner, "the owner retired");
            retiredOf[claim.id] += claim.amount;
            ++times["retired"];
        } catch {}
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 3 hours));
    }

    // --- what must hold -------------------------------------------------------------------------------------------

    /// Every unit is held, retired or stored, and there are no more than the meters counted.
    function checkUnits() external view {
        for (uint256 i = 0; i < ids.length; ++i) {
            uint256 known = retiredOf[ids[i]] + storedOf[ids[i]];
            for (uint256 j = 0; j < 3; ++j) {
                known += certificate.balanceOf(holders[j], ids[i]);
            }
            bool stored = i % 2 == 1;
            uint256 hour = HOUR + i / 2;
            uint256 ledger = stored ? idOf("STORAGE", dischargeMeter, hour, 0) : ids[i];
            assertEq(known, certificate.hourOf(ledger).issued, "held, retired and stored are what was issued");
            uint64 units = settlement.slotOf(stored ? dischargeMeter : solarMeter, uint32(hour)).units;
            assertTrue(certificate.hourOf(ledger).issued <= units, "issued is at most what was measured");
        }
    }

    /// What a pledge promises is still there to be issued.
    function checkPledges() external view {
        for (uint256 i = 0; i < HOURS; ++i) {
            uint256 due = 0;
            for (uint256 k = 0; k < trades.length; ++k) {
                Leaf memory leaf = trades[k].leaf;
                (uint64 batchNumber, bool over) = certificate.pledgeOf(leaf.leafHash());
                if (batchNumber == 0 || over || (leaf.instrument >> 24 & 0xFFFFFF) != HOUR + i) continue;
                (uint64 lots,) = settlement.deliveredOf(leaf);
                due += lots;
            }
            uint64 units = settlement.slotOf(solarMeter, uint32(HOUR + i)).units;
            assertTrue(due <= units - certificate.hourOf(ids[2 * i]).issued, "a pledge is covered");
        }
    }

    /// What is locked is there, and is the sum of the locks.
    function checkLocks() external view {
        for (uint256 i = 0; i < ids.length; ++i) {
            for (uint256 j = 0; j < 3; ++j) {
                uint256 locked = certificate.lockedOf(holders[j], ids[i]);
                assertTrue(locked <= certificate.balanceOf(holders[j], ids[i]), "locked is held");
            }
        }
        for (uint256 j = 0; j < 3; ++j) {
            for (uint256 i = 0; i < ids.length; ++i) {
                assertEq(
                    sumOfLocks(holders[j], ids[i]), certificate.lockedOf(holders[j], ids[i]), "locked is the locks"
                );
            }
        }
    }

    /// A storage gives back no more than it took, less the losses.
    function checkStorage() external view {
        (uint256 went, uint256 came) = (0, 0);
        for (uint256 i = 0; i < HOURS; ++i) {
            uint256 charged = certificate.hourOf(idOf("CHARGE", chargeMeter, HOUR + i, 0)).issued;
            assertTrue(charged <= settlement.slotOf(chargeMeter, uint32(HOUR + i)).units, "charged as measured");
            assertEq(storedOf[ids[2 * i]], charged, "charged with certificates");
            went += charged;
            came += certificate.hourOf(idOf("STORAGE", dischargeMeter, HOUR + i, 0)).issued;
        }
        assertTrue(came * 1e6 <= went * EFFICIENCY, "losses are paid");
    }

    function sumOfLocks(address owner, uint256 id) private view returns (uint256 sum) {
        for (uint256 k = 0; k < locks.length; ++k) {
            if (locks[k].owner != owner || locks[k].id != id || isRepeated(k)) continue;
            sum += certificate.lockOf(keccak256(abi.encode(locks[k])));
        }
    }

    function isRepeated(uint256 k) private view returns (bool) {
        for (uint256 i = 0; i < k; ++i) {
            if (keccak256(abi.encode(locks[i])) == keccak256(abi.encode(locks[k]))) return true;
        }
        return false;
    }

    function pairOf(uint64 first, uint64 second) private pure returns (uint64[] memory quantities) {
        quantities = new uint64[](2);
        (quantities[0], quantities[1]) = (first, second);
    }
}

contract CertificateInvariants is CertificateMarket {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    CertificateCrowd private crowd;

    function setUp() public override {
        crowd = new CertificateCrowd();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(crowd);
    }

    /// Fuzz what may happen, and not what the crowd inherits from the market.
    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](12);
        selectors[0] = CertificateCrowd.trade.selector;
        selectors[1] = CertificateCrowd.pledge.selector;
        selectors[2] = CertificateCrowd.measure.selector;
        selectors[3] = CertificateCrowd.settleTrades.selector;
        selectors[4] = CertificateCrowd.certify.selector;
        selectors[5] = CertificateCrowd.deliverPledged.selector;
        selectors[6] = CertificateCrowd.store.selector;
        selectors[7] = CertificateCrowd.send.selector;
        selectors[8] = CertificateCrowd.lock.selector;
        selectors[9] = CertificateCrowd.endLock.selector;
        selectors[10] = CertificateCrowd.retire.selector;
        selectors[11] = CertificateCrowd.wait.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(crowd), selectors);
    }

    function invariant_certificates_are_measured_held_locked_and_retired_once() public view {
        crowd.checkUnits();
        crowd.checkPledges();
        crowd.checkLocks();
        crowd.checkStorage();
    }

    /// A day that leads everywhere: the invariants would hold as well if nothing ever happened.
    function test_the_crowd_gets_everywhere() public {
        crowd.trade(0, 1000, 500);
        crowd.pledge(0);
        for (uint256 i = 0; i < 5; ++i) {
            crowd.wait(1 hours);
        }
        crowd.measure(0, 4000);
        crowd.measure(0 | 1 << 8, 4000);
        crowd.measure(1 | 2 << 8, 4000);
        crowd.settleTrades(0);
        crowd.deliverPledged(0);
        crowd.certify(0);
        crowd.store(1, 850);
        crowd.send(1 | 2 << 8, 700, true);
        crowd.lock(0, 300);
        crowd.endLock(0, true);
        crowd.lock(2, 100);
        crowd.wait(1 hours);
        crowd.endLock(1, false);
        crowd.retire(0, 200);
        string[8] memory all =
            ["pledged", "issued", "delivered", "stored", "locked", "lock delivered", "released", "retired"];
        for (uint256 i = 0; i < 8; ++i) {
            assertTrue(crowd.times(all[i]) != 0, all[i]);
        }
        crowd.checkUnits();
        crowd.checkPledges();
        crowd.checkLocks();
        crowd.checkStorage();
    }
}
