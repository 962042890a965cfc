// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Order} from "../src/types/Order.sol";
import {Market} from "./support/Market.sol";
import {Fill} from "./support/Packing.sol";

/// A contract wallet: accepts what its owner signed, or misbehaves in one way.
contract Wallet {
    enum Manner {
        Honest,
        Refuses,
        Reverts,
        BurnsGas,
        AnswersAtLength,
        AnswersShort
    }

    address private immutable _owner;
    Manner private immutable _manner;

    constructor(address owner, Manner manner) {
        (_owner, _manner) = (owner, manner);
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        bytes4 magic = this.isValidSignature.selector;
        if (_manner == Manner.Refuses) return 0xffffffff;
        if (_manner == Manner.Reverts) revert("no");
        if (_manner == Manner.BurnsGas) while (true) {}
        if (_manner == Manner.AnswersAtLength) {
            assembly {
                mstore(0x00, magic)
                return(0x00, 100000)
            }
        }
        if (_manner == Manner.AnswersShort) {
            assembly {
                mstore(0x00, magic)
                return(0x00, 4)
            }
        }
        (bytes32 r, bytes32 s) = abi.decode(signature[:64], (bytes32, bytes32));
        return ecrecover(digest, uint8(signature[64]), r, s) == _owner ? magic : bytes4(0);
    }
}

contract Signing is Market {
    uint256 private constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    /// Settle the usual fill with this signature of the bid and a good one of the offer; return whether it locked.
    function locksWith(Order memory bid, bytes memory signature) private returns (bool) {
        (bool locked, ISettlement.SkipCode code) = outcomeWith(bid, signature);
        if (!locked) assertEq(uint256(code), uint256(ISettlement.SkipCode.BuySignatureInvalid), "code");
        return locked;
    }

    function outcomeWith(Order memory bid, bytes memory signature) private returns (bool, ISettlement.SkipCode code) {
        bytes[] memory signatures = new bytes[](2);
        signatures[0] = signature;
        signatures[1] = signDigest(seller, orderDigest(anOffer()));
        (, ISettlement.SkipCode[] memory skipped) = settleSigned(pair(bid, anOffer()), signatures, list(aFill()));
        return skipped.length == 0 ? (true, ISettlement.SkipCode.None) : (false, skipped[0]);
    }

    function bidOf(Wallet.Manner manner) private returns (Order memory bid) {
        bid = aBid();
        bid.participant = address(new Wallet(buyer, manner));
        fund(bid.participant, FUNDS);
    }

    function test_nobody_else_signs_for_the_buyer() public {
        assertTrue(!locksWith(aBid(), signDigest(stranger, orderDigest(aBid()))), "forged");
    }

    function test_nobody_else_signs_for_the_seller() public {
        Order[] memory orders = pair(aBid(), anOffer());
        bytes[] memory signatures = new bytes[](2);
        signatures[0] = signDigest(buyer, orderDigest(orders[0]));
        signatures[1] = signDigest(buyer, orderDigest(orders[1]));
        (, ISettlement.SkipCode[] memory skipped) = settleSigned(orders, signatures, list(aFill()));
        assertEq(uint256(skipped[0]), uint256(ISettlement.SkipCode.SellSignatureInvalid), "code");
    }

    function test_no_field_can_be_changed_after_signing() public {
        bytes memory signature = signDigest(buyer, orderDigest(aBid()));
        Order memory bid = aBid();
        bid.quantity += 1;
        assertTrue(!locksWith(bid, signature), "other quantity");
        bid = aBid();
        bid.clientOrderId += 1;
        assertTrue(!locksWith(bid, signature), "other id");
        assertTrue(locksWith(aBid(), signature), "as signed");
    }

    function test_a_malleated_signature_is_refused() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[buyer], orderDigest(aBid()));
        bytes32 high = bytes32(CURVE_ORDER - uint256(s));
        assertTrue(ecrecover(orderDigest(aBid()), v ^ 7, r, high) == buyer, "the mirrored one does recover");
        assertTrue(!locksWith(aBid(), abi.encodePacked(r, high, v ^ 7)), "mirrored");
        assertTrue(locksWith(aBid(), abi.encodePacked(r, s, v)), "plain");
    }

    function test_short_form_is_taken() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[buyer], orderDigest(aBid()));
        bytes32 parityAndS = bytes32(uint256(v - 27) << 255 | uint256(s));
        assertTrue(locksWith(aBid(), abi.encodePacked(r, parityAndS)), "EIP-2098");
    }

    function test_odd_lengths_and_the_zero_signer_are_refused() public {
        assertTrue(!locksWith(aBid(), ""), "empty");
        assertTrue(!locksWith(aBid(), new bytes(66)), "66 bytes");
        Order memory bid = aBid();
        bid.participant = address(0);
        assertTrue(!locksWith(bid, new bytes(65)), "zero");
    }

    function test_a_signature_for_another_chain_is_refused() public {
        bytes memory signature = signDigest(buyer, orderDigest(aBid()));
        vm.chainId(1);
        assertTrue(!locksWith(aBid(), signature), "other chain");
    }

    function test_a_signature_for_another_settlement_is_refused() public {
        bytes memory signature = signDigest(buyer, orderDigest(aBid()));
        super.setUp();
        assertTrue(!locksWith(aBid(), signature), "other contract");
    }

    function test_a_contract_wallet_trades() public {
        Order memory bid = bidOf(Wallet.Manner.Honest);
        assertTrue(!locksWith(bid, signDigest(stranger, orderDigest(bid))), "forged");
        assertTrue(locksWith(bid, signDigest(buyer, orderDigest(bid))), "honest");
    }

    function test_a_hostile_wallet_loses_its_own_trade_and_nothing_else() public {
        for (uint256 manner = 1; manner <= uint256(Wallet.Manner.AnswersShort); ++manner) {
            if (manner == uint256(Wallet.Manner.AnswersAtLength)) continue;
            Order memory bid = bidOf(Wallet.Manner(manner));
            assertTrue(!locksWith(bid, signDigest(buyer, orderDigest(bid))), "hostile");
        }
    }

    function test_a_hostile_wallet_burns_a_capped_amount_of_gas() public {
        for (uint256 i = 0; i < 2; ++i) {
            Order memory bid = bidOf(i == 0 ? Wallet.Manner.BurnsGas : Wallet.Manner.AnswersAtLength);
            bytes memory signature = signDigest(buyer, orderDigest(bid));
            uint256 before = gasleft();
            outcomeWith(bid, signature);
            assertTrue(before - gasleft() < 400_000, "gas");
        }
    }
}
