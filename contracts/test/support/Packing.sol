// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Leaf} from "../../src/types/Leaf.sol";
import {Order} from "../../src/types/Order.sol";

/// A part of two orders that traded, before it is packed. `buy` and `sell` are places in a test's list of orders.
struct Fill {
    uint32 buy;
    uint32 sell;
    /// The exchange's number of the trade.
    uint64 tradeNumber;
    /// Price in micros per unit.
    uint64 price;
    /// Quantity in lots.
    uint64 quantity;
}

/// Pack and unpack what the settlement takes and tells, slowly and plainly, to check its own way of reading.
library Packing {
    struct Tables {
        address[] participants;
        bytes[] terms;
        bytes[] conditions;
    }

    /// Pack a batch. Orders are sorted as the contract wants them; the fills go on naming the same ones.
    function batch(Order[] memory orders, bytes[] memory signatures, Fill[] memory fills)
        internal
        pure
        returns (bytes memory packed)
    {
        Tables memory tables;
        for (uint256 i = 0; i < orders.length; ++i) {
            addAddress(tables, orders[i].participant);
        }
        sort(tables.participants);
        uint256[] memory places = sorted(orders);
        bytes[] memory parts = new bytes[](orders.length);
        for (uint256 i = 0; i < orders.length; ++i) {
            parts[i] = order(tables, orders[places[i]]);
        }
        bytes memory last;
        uint64 first = firstOf(fills);
        for (uint256 i = 0; i < fills.length; ++i) {
            uint32 offset = uint32(fills[i].tradeNumber - first);
            require(first + uint64(offset) == fills[i].tradeNumber, "trade numbers too far apart");
            last = bytes.concat(
                last,
                abi.encodePacked(
                    placeOf(places, fills[i].buy),
                    placeOf(places, fills[i].sell),
                    offset,
                    fills[i].price,
                    fills[i].quantity
                )
            );
        }
        for (uint256 i = 0; i < orders.length; ++i) {
            bytes memory signature = signatures[places[i]];
            last = bytes.concat(last, abi.encodePacked(uint16(signature.length), signature));
        }
        return bytes.concat(
            abi.encodePacked(
                uint8(1),
                first,
                uint16(tables.participants.length),
                uint16(tables.terms.length),
                uint16(tables.conditions.length),
                uint16(orders.length),
                uint16(fills.length)
            ),
            addresses(tables.participants),
            join(tables.terms),
            join(tables.conditions),
            join(parts),
            last
        );
    }

    /// Pack leaves, which are all of a batch.
    function leaves(Leaf[] memory all) internal pure returns (bytes memory) {
        Tables memory tables;
        bytes memory words;
        uint64 first = all.length == 0 ? 0 : all[0].tradeNumber;
        for (uint256 i = 0; i < all.length; ++i) {
            if (all[i].tradeNumber < first) first = all[i].tradeNumber;
            addAddress(tables, all[i].buyer);
            addAddress(tables, all[i].seller);
        }
        sort(tables.participants);
        for (uint256 i = 0; i < all.length; ++i) {
            words = bytes.concat(words, leaf(tables, all[i], first));
        }
        return bytes.concat(
            abi.encodePacked(
                uint8(1),
                all.length == 0 ? 0 : all[0].feeBps,
                first,
                uint16(tables.participants.length),
                uint16(tables.terms.length),
                uint16(all.length)
            ),
            addresses(tables.participants),
            join(tables.terms),
            words
        );
    }

    /// Read leaves back.
    function unpack(bytes memory packed) internal pure returns (Leaf[] memory all) {
        uint256 participants = 17;
        uint256 terms = participants + 20 * number(packed, 11, 2);
        uint256 words = terms + 40 * number(packed, 13, 2);
        all = new Leaf[](number(packed, 15, 2));
        require(number(packed, 0, 1) == 1 && words + 32 * all.length == packed.length, "not packed leaves");
        for (uint256 i = 0; i < all.length; ++i) {
            uint256 word = words + 32 * i;
            uint256 term = terms + 40 * number(packed, word + 2, 1);
            all[i].position = uint32(i);
            all[i].tradeNumber = uint64(number(packed, 3, 8) + number(packed, word + 3, 5));
            all[i].instrument = number(packed, term, 32);
            all[i].buyer = address(uint160(number(packed, participants + 20 * number(packed, word, 1), 20)));
            all[i].seller = address(uint160(number(packed, participants + 20 * number(packed, word + 1, 1), 20)));
            all[i].price = uint64(number(packed, word + 8, 8));
            all[i].quantity = uint64(number(packed, word + 16, 8));
            all[i].referencePrice = uint64(number(packed, term + 32, 8));
            all[i].feeBps = uint16(number(packed, 1, 2));
            all[i].soldBefore = uint64(number(packed, word + 24, 8));
        }
    }

    // --- parts ----------------------------------------------------------------------------------------------------

    function order(Tables memory tables, Order memory from) private pure returns (bytes memory) {
        bytes memory term = abi.encodePacked(from.instrument, from.referencePrice);
        bytes memory condition = abi.encodePacked(from.goodUntil, from.settleUntil, from.feeCapBps);
        uint8 termPlace;
        uint8 conditionPlace;
        (tables.terms, termPlace) = add(tables.terms, term);
        (tables.conditions, conditionPlace) = add(tables.conditions, condition);
        return abi.encodePacked(
            placeOf(tables.participants, from.participant),
            termPlace,
            conditionPlace,
            from.side,
            from.price,
            from.quantity,
            from.clientOrderId
        );
    }

    function leaf(Tables memory tables, Leaf memory from, uint64 first) private pure returns (bytes memory) {
        bytes memory term = abi.encodePacked(from.instrument, from.referencePrice);
        uint8 termPlace;
        (tables.terms, termPlace) = add(tables.terms, term);
        return abi.encodePacked(
            placeOf(tables.participants, from.buyer),
            placeOf(tables.participants, from.seller),
            termPlace,
            uint40(from.tradeNumber - first),
            from.price,
            from.quantity,
            from.soldBefore
        );
    }

    function firstOf(Fill[] memory fills) private pure returns (uint64 first) {
        first = fills.length == 0 ? 0 : type(uint64).max;
        for (uint256 i = 0; i < fills.length; ++i) {
            if (fills[i].tradeNumber < first) first = fills[i].tradeNumber;
        }
        // A number must fit however far it is counted from the first.
        uint64 most = type(uint64).max - type(uint32).max;
        if (first > most) first = most;
    }

    // --- tables ---------------------------------------------------------------------------------------------------

    function addAddress(Tables memory tables, address one) private pure {
        address[] memory old = tables.participants;
        for (uint256 i = 0; i < old.length; ++i) {
            if (old[i] == one) return;
        }
        tables.participants = new address[](old.length + 1);
        for (uint256 i = 0; i < old.length; ++i) {
            tables.participants[i] = old[i];
        }
        tables.participants[old.length] = one;
    }

    function add(bytes[] memory table, bytes memory entry) private pure returns (bytes[] memory, uint8) {
        for (uint256 i = 0; i < table.length; ++i) {
            if (keccak256(table[i]) == keccak256(entry)) return (table, uint8(i));
        }
        bytes[] memory longer = new bytes[](table.length + 1);
        for (uint256 i = 0; i < table.length; ++i) {
            longer[i] = table[i];
        }
        longer[table.length] = entry;
        return (longer, uint8(table.length));
    }

    function placeOf(address[] memory table, address one) private pure returns (uint8 place) {
        while (table[place] != one) {
            ++place;
        }
    }

    /// Return where an order went, or 255 if there is no such order.
    function placeOf(uint256[] memory places, uint256 original) private pure returns (uint8) {
        for (uint256 i = 0; i < places.length; ++i) {
            if (places[i] == original) return uint8(i);
        }
        return type(uint8).max;
    }

    function sort(address[] memory table) private pure {
        for (uint256 i = 1; i < table.length; ++i) {
            for (uint256 j = i; j > 0 && table[j - 1] > table[j]; --j) {
                (table[j - 1], table[j]) = (table[j], table[j - 1]);
            }
        }
    }

    /// Return the orders' places in the sequence of participants and their client order ids.
    function sorted(Order[] memory orders) private pure returns (uint256[] memory places) {
        places = new uint256[](orders.length);
        for (uint256 i = 0; i < orders.length; ++i) {
            places[i] = i;
            for (uint256 j = i; j > 0 && comesBefore(orders[places[j]], orders[places[j - 1]]); --j) {
                (places[j - 1], places[j]) = (places[j], places[j - 1]);
            }
        }
    }

    function comesBefore(Order memory one, Order memory other) private pure returns (bool) {
        if (one.participant != other.participant) return one.participant < other.participant;
        return one.clientOrderId < other.clientOrderId;
    }

    function addresses(address[] memory table) private pure returns (bytes memory joined) {
        for (uint256 i = 0; i < table.length; ++i) {
            joined = bytes.concat(joined, bytes20(table[i]));
        }
    }

    function join(bytes[] memory table) private pure returns (bytes memory joined) {
        for (uint256 i = 0; i < table.length; ++i) {
            joined = bytes.concat(joined, table[i]);
        }
    }

    /// Read a big-endian number.
    function number(bytes memory from, uint256 position, uint256 length) private pure returns (uint256 read) {
        for (uint256 i = 0; i < length; ++i) {
            read = read << 8 | uint8(from[position + i]);
        }
    }
}
