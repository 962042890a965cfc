// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Custody} from "../../src/Custody.sol";
import {Escrow} from "../../src/Escrow.sol";
import {Operated} from "../../src/Operated.sol";
import {IEscrow} from "../../src/interfaces/IEscrow.sol";
import {Purse, LOCKED_SHIFT, PURSE_MAX} from "../../src/types/Purse.sol";

/// The escrow by itself, its purses and what is kept behind a key set at will.
contract EscrowAlone is Escrow {
    constructor(address[] memory modules) Operated(address(1)) Custody(address(2), 1 hours) Escrow(modules) {}

    function set(address participant, uint256 free, uint256 locked) external {
        _setPurse(participant, Purse.wrap(locked << LOCKED_SHIFT | free));
    }

    function keep(address module, bytes32 key, address participant, uint256 amount) external {
        _keep(module, key, participant, amount);
    }

    function wordOf(address participant) external view returns (uint256) {
        return Purse.unwrap(_purseOf(participant));
    }

    function moneyOf(address participant) external view returns (uint256 free, uint256 locked) {
        Purse purse = _purseOf(participant);
        return (purse.free(), purse.locked());
    }
}

/// Proofs by halmos over all amounts: what a module shares out was kept for the same participant behind the same key, and
/// not a micro appears or vanishes. This contract is the module.
contract EscrowProof {
    bytes32 private constant KEY = "key";
    address private constant BUYER = address(0xB1);
    address private constant SELLER = address(0x51);
    address private constant VENUE = address(0xFE);

    struct Purses {
        uint256 free;
        uint256 locked;
        uint256 kept;
    }

    EscrowAlone private escrow;

    function setUp() public {
        address[] memory modules = new address[](1);
        modules[0] = address(this);
        escrow = new EscrowAlone(modules);
    }

    /// Asked while the escrow is made: it is the one who asks.
    function settlement() external view returns (address) {
        return msg.sender;
    }

    function check_two_shares_conserve(
        Purses memory buyer,
        Purses memory seller,
        IEscrow.Share memory one,
        IEscrow.Share memory two
    ) public {
        if (!set(BUYER, buyer) || !set(SELLER, seller)) return;
        one.participant = BUYER;
        two.participant = SELLER;
        IEscrow.Share[] memory shares = new IEscrow.Share[](2);
        (shares[0], shares[1]) = (one, two);
        try escrow.share(KEY, shares) {
            assert(one.unlocked <= buyer.kept && two.unlocked <= seller.kept);
            assert(one.unlocked + two.unlocked == one.earned + two.earned);
            assertMoney(BUYER, buyer, one.unlocked, one.earned);
            assertMoney(SELLER, seller, two.unlocked, two.earned);
        } catch {}
    }

    /// The buyer is named twice and the venue, which has nothing there, once.
    function check_one_named_twice_is_served_twice_and_no_more(
        Purses memory buyer,
        Purses memory venue,
        IEscrow.Share memory one,
        IEscrow.Share memory two,
        uint256 fee
    ) public {
        venue.kept = 0;
        if (!set(BUYER, buyer) || !set(VENUE, venue)) return;
        one.participant = two.participant = BUYER;
        IEscrow.Share[] memory shares = new IEscrow.Share[](3);
        (shares[0], shares[1], shares[2]) = (one, two, IEscrow.Share(VENUE, 0, fee));
        try escrow.share(KEY, shares) {
            assert(one.unlocked + two.unlocked <= buyer.kept);
            assert(one.unlocked + two.unlocked == one.earned + two.earned + fee);
            assertMoney(BUYER, buyer, one.unlocked + two.unlocked, one.earned + two.earned);
            assertMoney(VENUE, venue, 0, fee);
        } catch {}
    }

    /// What so changes the word of a purse moves money from free to locked: `PurseProof` says so.
    function check_securing_locks_free_money_of_this_participant_alone(Purses memory buyer, uint256 amount) public {
        if (!set(BUYER, buyer)) return;
        uint256 word = escrow.wordOf(BUYER);
        try escrow.secure(KEY, BUYER, amount) {
            assert(amount <= buyer.free);
            assert(escrow.escrowOf(address(this), KEY, BUYER) == buyer.kept + amount);
            unchecked {
                assert(escrow.wordOf(BUYER) == word + (amount << LOCKED_SHIFT) - amount);
            }
        } catch {
            assert(amount > buyer.free);
        }
    }

    /// Set a valid purse with so much kept behind the key; return whether there is such a one.
    function set(address participant, Purses memory purses) private returns (bool) {
        if (purses.free > PURSE_MAX || purses.locked > PURSE_MAX - purses.free || purses.kept > purses.locked) {
            return false;
        }
        escrow.set(participant, purses.free, purses.locked);
        escrow.keep(address(this), KEY, participant, purses.kept);
        return true;
    }

    function assertMoney(address participant, Purses memory before, uint256 unlocked, uint256 earned) private view {
        (uint256 free, uint256 locked) = escrow.moneyOf(participant);
        assert(free == before.free + earned && locked == before.locked - unlocked);
        assert(free + locked <= PURSE_MAX);
        assert(escrow.escrowOf(address(this), KEY, participant) == before.kept - unlocked);
    }
}
