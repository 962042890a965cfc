// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Guarantee} from "../src/Guarantee.sol";
import {Settlement} from "../src/Settlement.sol";
import {Standby} from "../src/Standby.sol";
import {IStandby} from "../src/interfaces/IStandby.sol";
import {Artifacts} from "./support/Artifacts.sol";
import {StandbyMarket} from "./support/StandbyMarket.sol";

/// What each step in an option's life costs at most, as a transaction of its own, measured on the committed artifacts.
///
/// Holder and supplier have money in the market; the option, the plan and the hour are new.
/// forge-config: default.isolate = true
/// forge-config: deployed.isolate = true
contract StandbyGas is StandbyMarket, Artifacts {
    IStandby.Terms private terms;
    bytes private byHolder;
    bytes private bySupplier;

    function setUp() public override {
        super.setUp();
        deployArtifacts();
        fund(holder, FUNDS);
        fund(supplier, FUNDS);
        registerMeter(supplier, anInstrument(2), supplierMeter);
        terms = aTerms();
        byHolder = signDigest(holder, idOf(terms));
        bySupplier = signDigest(supplier, idOf(terms));
    }

    function deployArtifacts() private {
        bytes memory creation = settlementCode();
        address foretold = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 2);
        address[] memory modules = new address[](2);
        modules[1] = create(bytes.concat(code("Standby"), abi.encode(foretold, DELIVERY_WINDOW)));
        modules[0] = create(bytes.concat(code("Guarantee"), abi.encode(foretold, modules[1], someRules())));
        address created = create(bytes.concat(creation, abi.encode(aSetup(address(token), modules))));
        (guarantee, standby, settlement) = (Guarantee(modules[0]), Standby(modules[1]), Settlement(created));
    }

    function step(string memory what, address from, bytes memory data, uint256 most) private returns (bytes memory) {
        return send(what, from, address(standby), data, most);
    }

    function opened() private {
        step("open", stranger, abi.encodeCall(standby.open, (terms, byHolder, bySupplier)), 108_000);
    }

    function called() private returns (bytes32) {
        return abi.decode(step("call", holder, abi.encodeCall(standby.call, (terms, LOTS, ANYTIME)), 97_000), (bytes32));
    }

    function accepted(bytes32 callId) private {
        step("accept", supplier, abi.encodeCall(standby.accept, (callId, terms, HOUR)), 91_000);
    }

    function concluded(string memory what, bytes32 callId, uint256 most) private {
        step(what, stranger, abi.encodeCall(standby.conclude, (callId, terms)), most);
    }

    function test_gas_of_a_quiet_life() public {
        opened();
        vm.warp(uint256(terms.lastHour + 1) * 1 hours);
        step("close", stranger, abi.encodeCall(standby.close, (terms)), 61_000);
    }

    function test_gas_of_a_call_that_is_delivered() public {
        opened();
        bytes32 callId = called();
        accepted(callId);
        supply(HOUR, LOTS);
        concluded("conclude, delivered", callId, 83_000);
    }

    function test_gas_of_a_call_that_is_short() public {
        opened();
        bytes32 callId = called();
        accepted(callId);
        supply(HOUR, LOTS - 1);
        concluded("conclude, short", callId, 99_000);
    }

    function test_gas_of_a_call_that_lapses() public {
        opened();
        bytes32 callId = called();
        vm.warp(vm.getBlockTimestamp() + ANSWER_WINDOW + 1);
        concluded("conclude, lapsed", callId, 82_000);
    }

    function test_gas_of_a_call_that_is_declined() public {
        opened();
        bytes32 callId = called();
        step("decline", supplier, abi.encodeCall(standby.decline, (callId, terms)), 79_000);
    }

    function test_gas_of_a_plan_and_a_call_for_a_trade() public {
        opened();
        step("join a plan", holder, abi.encodeCall(standby.joinPlan, (list(terms))), 80_000);
        bytes memory data = abi.encodeCall(standby.callFor, (RECORD_HASH, terms, LOTS));
        step("call for a trade", address(guarantee), data, 64_000);
    }

    function test_gas_of_taking_back() public {
        step("retract", holder, abi.encodeCall(standby.retract, (terms)), 51_000);
    }

    /// The worst that joining can cost: a full plan, whose last option alone is closed.
    function test_gas_of_joining_a_full_plan() public {
        for (uint256 i = 0; i < 8; ++i) {
            open(salted(i));
            join(salted(i));
        }
        decline(callForTrade(salted(7), 1), salted(7));
        opened();
        step("join a full plan", holder, abi.encodeCall(standby.joinPlan, (list(terms))), 78_000);
    }
}
