// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStandby} from "../src/interfaces/IStandby.sol";
import {StandbyMarket} from "./support/StandbyMarket.sol";

/// A holder names options as its emergency plan; what trades rely on stays in its place until it is closed.
contract StandbyPlanTest is StandbyMarket {
    uint256 private resource;

    function setUp() public override {
        super.setUp();
        resource = aTerms().resource;
    }

    function plan() private view returns (bytes32[] memory) {
        return standby.planOf(holder, resource);
    }

    function several(uint256 first, uint256 count) private returns (IStandby.Terms[] memory terms) {
        terms = new IStandby.Terms[](count);
        for (uint256 i = 0; i < count; ++i) {
            terms[i] = salted(first + i);
            open(terms[i]);
        }
    }

    function test_options_join_in_the_sequence_in_which_they_are_named() public {
        assertEq(plan().length, 0, "nobody has a plan to begin with");
        IStandby.Terms[] memory terms = several(0, 3);
        vm.expectEmit();
        emit IStandby.PlanJoined(holder, resource, idOf(terms[0]), 0);
        vm.expectEmit();
        emit IStandby.PlanJoined(holder, resource, idOf(terms[1]), 1);
        vm.expectEmit();
        emit IStandby.PlanJoined(holder, resource, idOf(terms[2]), 2);
        vm.prank(holder);
        standby.joinPlan(terms);
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(plan()[i], idOf(terms[i]), "place");
            assertTrue(standby.isPlanned(idOf(terms[i])), "planned");
        }
        assertEq(standby.planOf(supplier, resource).length, 0, "the holder's plan alone");
        assertEq(standby.planOf(holder, resource + 1).length, 0, "of the resource alone");
    }

    function testFuzz_only_the_holder_joins(address caller) public {
        vm.assume(caller != holder);
        IStandby.Terms[] memory terms = several(0, 1);
        vm.expectRevert(abi.encodeWithSelector(IStandby.NotHolder.selector, caller));
        vm.prank(caller);
        standby.joinPlan(terms);
    }

    function test_an_option_joins_once() public {
        IStandby.Terms[] memory terms = several(0, 1);
        join(terms[0]);
        vm.expectRevert(abi.encodeWithSelector(IStandby.OptionPlanned.selector, idOf(terms[0])));
        join(terms[0]);
    }

    function test_what_cannot_be_called_cannot_join() public {
        IStandby.Terms memory terms = aTerms();
        bytes memory refusal = abi.encodeWithSelector(IStandby.LotsNotLeft.selector, idOf(terms), 0, LOTS);
        vm.expectRevert(refusal);
        join(terms);
        open(terms);
        bytes32 callId = callDirectly(terms, LOTS);
        vm.expectRevert(refusal);
        join(terms);
        decline(callId, terms);
        vm.expectRevert(refusal);
        join(terms);
    }

    function test_the_holder_cannot_use_up_what_is_planned() public {
        IStandby.Terms memory terms = several(0, 1)[0];
        join(terms);
        vm.expectRevert(abi.encodeWithSelector(IStandby.OptionPlanned.selector, idOf(terms)));
        callDirectly(terms, 1);
        callForTrade(terms, 1);
    }

    function test_a_full_plan_takes_an_option_in_the_place_of_a_closed_one() public {
        IStandby.Terms[] memory terms = several(0, 9);
        for (uint256 i = 0; i < 8; ++i) {
            join(terms[i]);
        }
        vm.expectRevert(abi.encodeWithSelector(IStandby.PlanFull.selector, 8));
        join(terms[8]);
        decline(callForTrade(terms[5], 1), terms[5]);
        bytes32 pending = callForTrade(terms[2], 1);
        decline(callForTrade(terms[2], 1), terms[2]);
        vm.expectEmit();
        emit IStandby.PlanJoined(holder, resource, idOf(terms[8]), 5);
        join(terms[8]);
        for (uint256 i = 0; i < 8; ++i) {
            assertEq(plan()[i], idOf(terms[i == 5 ? 8 : i]), "all others stand still");
        }
        decline(pending, terms[2]);
        IStandby.Terms memory next = several(9, 1)[0];
        join(next);
        assertEq(plan()[2], idOf(next), "closed at last");
        assertEq(plan().length, standby.PLAN_MOST(), "bounded");
    }
}
