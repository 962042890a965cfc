// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Guarantee} from "../src/Guarantee.sol";
import {Settlement} from "../src/Settlement.sol";
import {IStandby} from "../src/interfaces/IStandby.sol";
import {Leaf} from "../src/types/Leaf.sol";
import {Artifacts} from "./support/Artifacts.sol";
import {ShortTrades} from "./support/ShortTrades.sol";

/// What each step in a guarantee's life costs at most, as a transaction of its own, measured on the committed artifacts.
///
/// The leaf is one of a hundred: its proof has seven siblings. Who is paid has money in the market, and the standby
/// contract is a stand-in, which writes a few words per call.
/// forge-config: default.isolate = true
/// forge-config: deployed.isolate = true
contract GuaranteeGas is ShortTrades, Artifacts {
    uint64 private constant LEAVES = 100;
    uint256 private constant TOGETHER = 10;

    Leaf[] private leaves;
    bytes32[][] private proofs;

    function setUp() public override {
        super.setUp();
        deployArtifacts();
        fund(buyer, 1000e6);
        fund(seller, 1000e6);
        fund(fallbackSupplier, 1e6);
        fund(feeRecipient, 1e6);
        registerMeter(seller, anInstrument(2), meter);
        uint64[] memory quantities = new uint64[](LEAVES);
        for (uint256 i = 0; i < LEAVES; ++i) {
            quantities[i] = 1500;
        }
        Leaf[] memory locked = settleQuantities(quantities);
        for (uint256 i = 0; i < LEAVES; ++i) {
            leaves.push(locked[i]);
            proofs.push(proofOf(locked, i));
        }
        report(LEAVES * 1000);
        // A leaf opened before: the batch's bitmap is there, as it is once something of the batch was delivered.
        guarantee.open(1, leaves[LEAVES - 1], proofs[LEAVES - 1]);
    }

    function deployArtifacts() private {
        bytes memory creation = settlementCode();
        address foretold = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        address[] memory modules = new address[](1);
        bytes memory arguments = abi.encode(foretold, standbyFor(foretold), someRules());
        modules[0] = create(bytes.concat(code("Guarantee"), arguments));
        settlement = Settlement(create(bytes.concat(creation, abi.encode(aSetup(address(token), modules)))));
        guarantee = Guarantee(modules[0]);
    }

    function step(string memory what, address from, bytes memory data, uint256 most) private returns (bytes memory) {
        return send(what, from, address(guarantee), data, most);
    }

    function opened() private returns (Leaf memory leaf) {
        leaf = leaves[0];
        assertEq(proofs[0].length, 7, "siblings");
        step("open", stranger, abi.encodeCall(guarantee.open, (1, leaf, proofs[0])), 130_000);
    }

    function disputed() private returns (Leaf memory leaf) {
        leaf = opened();
        step("challenge", buyer, abi.encodeCall(guarantee.challenge, (leaf, 500)), 115_000);
        endChallengeWindow(leaf);
    }

    function called(IStandby.Terms memory terms) private returns (Leaf memory leaf, bytes32 callId) {
        leaf = opened();
        endChallengeWindow(leaf);
        bytes memory data = abi.encodeCall(guarantee.callFallback, (leaf, terms));
        callId = abi.decode(step("callFallback", buyer, data, 205_000), (bytes32));
    }

    function test_gas_of_a_short_trade() public {
        Leaf memory leaf = opened();
        endChallengeWindow(leaf);
        step("payOut", stranger, abi.encodeCall(guarantee.payOut, (leaf)), 142_000);
    }

    function test_gas_of_short_trades_together() public {
        Leaf[] memory few = new Leaf[](TOGETHER);
        bytes32[][] memory theirs = new bytes32[][](TOGETHER);
        for (uint256 i = 0; i < TOGETHER; ++i) {
            (few[i], theirs[i]) = (leaves[i], proofs[i]);
        }
        step("openMany, ten", stranger, abi.encodeCall(guarantee.openMany, (1, few, theirs)), 1_000_000);
        endChallengeWindow(few[0]);
        step("payOutMany, ten", stranger, abi.encodeCall(guarantee.payOutMany, (few)), 940_000);
    }

    function test_gas_of_a_dispute() public {
        Leaf memory leaf = disputed();
        step("rule", arbiter, abi.encodeCall(guarantee.rule, (leaf, 600, 0)), 110_000);
        step("payOut after a ruling", stranger, abi.encodeCall(guarantee.payOut, (leaf)), 136_000);
    }

    function test_gas_of_a_plea() public {
        Leaf memory leaf = opened();
        step("plead", seller, abi.encodeCall(guarantee.plead, (leaf)), 115_000);
        endChallengeWindow(leaf);
        step("rule on a plea", arbiter, abi.encodeCall(guarantee.rule, (leaf, 1000, 400)), 110_000);
    }

    function test_gas_of_a_silent_arbiter() public {
        Leaf memory leaf = disputed();
        endRulingWindow(leaf);
        step("payOut after silence", stranger, abi.encodeCall(guarantee.payOut, (leaf)), 175_000);
    }

    function test_gas_of_a_rescue() public {
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        (Leaf memory leaf, bytes32 callId) = called(terms);
        standIn.endWith(callId, IStandby.CallStatus.Over, 500);
        bytes memory data = abi.encodeCall(guarantee.concludeFallback, (leaf, terms));
        step("concludeFallback, delivered", stranger, data, 148_000);
    }

    function test_gas_of_a_fallback_who_declines() public {
        IStandby.Terms memory terms = anOption(2_200_000, "1");
        (Leaf memory leaf, bytes32 callId) = called(terms);
        standIn.endWith(callId, IStandby.CallStatus.Declined, 0);
        bytes memory data = abi.encodeCall(guarantee.concludeFallback, (leaf, terms));
        step("concludeFallback, declined", stranger, data, 67_000);
    }
}
