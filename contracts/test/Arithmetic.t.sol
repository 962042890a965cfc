// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Column, newColumn} from "../src/libraries/Columns.sol";
import {Instruments} from "../src/libraries/Instruments.sol";
import {Merkle} from "../src/libraries/Merkle.sol";
import {Money} from "../src/libraries/Money.sol";
import {ProRata} from "../src/libraries/ProRata.sol";
import {Tiers} from "../src/libraries/Tiers.sol";
import {Market} from "./support/Market.sol";

/// Make internal functions callable, so that their reverts and calldata can be tested.
contract Libraries {
    function rootFromProof(bytes32 leaf, bytes32[] calldata proof) external pure returns (bytes32) {
        return Merkle.rootFromProof(leaf, proof);
    }

    function lotsPerUnit(uint256 id) external pure returns (uint256) {
        return Instruments.lotsPerUnit(id);
    }

    function collateralRate(uint256 tier) external pure returns (uint256) {
        return Tiers.collateralRate(tier);
    }

    function credit(uint256 tier) external pure returns (uint256) {
        return Tiers.credit(tier, 1, 1);
    }
}

/// The numbers of the Python twins, and properties of the small libraries.
contract Arithmetic is Market {
    // CMP.H100@CISO/2022-03-11T18Z/1h#Q3.G2, NET.GOLD@SFO>NYC/2022-03-11T18Z/1h#Q2, ENE.SOLAR@CISO/2022-03-11T18Z/1h#Q1
    uint256 private constant COMPUTE = 0x010148313030000000004349534f00000000000000000000000006fb22000132;
    uint256 private constant NETWORK = 0x0102474f4c440000000053464f00000000004e5943000000000006fb22000120;
    uint256 private constant ENERGY = 0x0103534f4c41520000004349534f00000000000000000000000006fb22000110;

    Libraries private libraries = new Libraries();

    function test_an_instrument_id_reads_back() public pure {
        assertTrue(Instruments.isSettleable(COMPUTE), "settleable");
        assertEq(Instruments.commodity(COMPUTE), 1, "commodity");
        assertEq(Instruments.startHour(COMPUTE), 457506, "start hour");
        assertEq(Instruments.tier(COMPUTE), 3, "tier");
        assertEq(Instruments.resource(COMPUTE), COMPUTE >> 48, "resource");
        assertEq(Instruments.lotsPerUnit(COMPUTE), 1000, "compute lots");
        assertEq(Instruments.lotsPerUnit(NETWORK), 1, "network lots");
        assertEq(Instruments.lotsPerUnit(ENERGY), 1000, "energy lots");
    }

    function test_values_round_down_and_collateral_prices_up() public pure {
        assertEq(Money.value(ENERGY, 45_300, 1999), 90_554, "energy value");
        assertEq(Money.value(NETWORK, 1234, 7), 8638, "network value");
        assertEq(Money.fee(90_554, 25), 226, "fee");
        assertEq(Money.collateralPrice(ENERGY, 45_301), 4531, "bronze collateral price");
        assertEq(Money.collateralPrice(COMPUTE, 3), 1, "gold collateral price");
    }

    function test_the_ladders_have_the_steps_of_the_tiers() public pure {
        uint256[3][14] memory steps = [
            [uint256(0), 0, 0],
            [uint256(1), 950_000, 0],
            [uint256(1), 949_999, 100_000],
            [uint256(1), 799_999, 1_000_000],
            [uint256(2), 995_000, 0],
            [uint256(2), 994_999, 100_000],
            [uint256(2), 989_999, 300_000],
            [uint256(2), 949_999, 1_000_000],
            [uint256(3), 998_999, 100_000],
            [uint256(3), 989_999, 250_000],
            [uint256(3), 949_999, 1_000_000],
            [uint256(4), 999_899, 100_000],
            [uint256(4), 989_999, 300_000],
            [uint256(4), 949_999, 1_000_000]
        ];
        for (uint256 i = 0; i < steps.length; ++i) {
            assertEq(Tiers.credit(steps[i][0], steps[i][1], 1_000_000), steps[i][2], "credit");
        }
        assertEq(Tiers.credit(3, 999_000, 1_000_000), 0, "gold as promised");
        assertEq(Tiers.credit(4, 999_900, 1_000_000), 0, "platinum as promised");
    }

    function test_collateral_grows_with_the_promise() public pure {
        assertEq(Tiers.collateralRate(0), 50_000, "best effort");
        assertEq(Tiers.collateralRate(1), 100_000, "bronze");
        assertEq(Tiers.collateralRate(2), 200_000, "silver");
        assertEq(Tiers.collateralRate(3), 300_000, "gold");
        assertEq(Tiers.collateralRate(4), 500_000, "platinum");
    }

    function test_the_unknown_is_refused_by_name() public {
        vm.expectRevert(abi.encodeWithSelector(Tiers.TierUnknown.selector, 5));
        libraries.collateralRate(5);
        vm.expectRevert(abi.encodeWithSelector(Tiers.TierUnknown.selector, 5));
        libraries.credit(5);
        vm.expectRevert(abi.encodeWithSelector(Instruments.CommodityUnknown.selector, 4));
        libraries.lotsPerUnit(instrumentOf(4, HOUR, 1, 0));
    }

    function test_residual_lots_go_to_the_earliest_trades() public pure {
        assertEq(ProRata.delivered(2, 3, 0, 1), 1, "first");
        assertEq(ProRata.delivered(2, 3, 1, 1), 1, "second");
        assertEq(ProRata.delivered(2, 3, 2, 1), 0, "third");
        assertEq(ProRata.delivered(0, 0, 0, 0), 0, "nothing sold");
    }

    function testFuzz_shares_add_up_to_what_was_measured(uint64[8] memory parts, uint64 units) public pure {
        uint256 sold = 0;
        for (uint256 i = 0; i < parts.length; ++i) {
            sold += parts[i] /= 8;
        }
        uint256 before = 0;
        uint256 shared = 0;
        for (uint256 i = 0; i < parts.length; ++i) {
            uint256 share = ProRata.delivered(units, sold, before, parts[i]);
            assertTrue(share <= parts[i], "no more than was bought");
            before += parts[i];
            shared += share;
        }
        assertEq(shared, units < sold ? units : sold, "shared");
    }

    function testFuzz_what_fills_lock_never_exceeds_what_one_fill_would(uint64 price, uint64 one, uint64 other)
        public
        pure
    {
        (one, other) = (one / 2, other / 2);
        uint256 whole = Money.value(ENERGY, price, one + other);
        uint256 parts = Money.value(ENERGY, price, one) + Money.value(ENERGY, price, other);
        assertTrue(parts <= whole && whole <= parts + 1, "value");
        assertTrue(Money.fee(whole, 10_000) == whole && Money.fee(whole, 0) == 0, "fee");
    }

    function testFuzz_every_leaf_has_a_proof(uint8 size, bytes32 seed) public view {
        bytes32[] memory hashes = new bytes32[](bound(size, 1, 40));
        Column nodes = newColumn(hashes.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = keccak256(abi.encode(seed, i));
            nodes.put(i, uint256(hashes[i]));
        }
        bytes32 root = Merkle.root(nodes, hashes.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            assertEq(libraries.rootFromProof(hashes[i], proofOf(hashes, i)), root, "root");
        }
    }
}
