// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Books} from "../types/Books.sol";
import {Amounts, Leaf} from "../types/Leaf.sol";
import {PackedSlot} from "../types/PackedSlot.sol";
import {Terms, termsOf} from "../types/Terms.sol";
import {Word} from "../types/Word.sol";
import {Column, newColumn} from "./Columns.sol";
import {Instruments} from "./Instruments.sol";
import {Merkle} from "./Merkle.sol";
import {Money} from "./Money.sol";
import {PackedLeaf, PackedLeaves} from "./PackedLeaves.sol";
import {ProRata} from "./ProRata.sol";
import {Slots} from "./Slots.sol";

/// Release those leaves of a batch that were delivered in full (read what they touch once, add up in memory, write once),
/// and tell which fell short.
///
/// Linked to `Settlement`, whose code would not fit one contract with it; it runs on the settlement's storage and has
/// none of its own.
library Deliveries {
    using Instruments for uint256;
    using Money for Leaf;
    using SafeCastLib for uint256;
    using PackedLeaves for PackedLeaves.Tables;

    /// What a delivery adds up for a participant: what is no longer locked, and what is free instead.
    struct Release {
        uint256 unlocked;
        uint256 earned;
    }

    /// A leaf that fell short: what was delivered of it, and what it locks of its buyer and its seller.
    struct Short {
        bytes32 leafHash;
        uint64 delivered;
        bool hadReading;
        uint256 fromBuyer;
        uint256 fromSeller;
    }

    /// A batch while it is being delivered.
    struct Delivery {
        PackedLeaves.Tables tables;
        Terms[] terms;
        Release[] releases;
        uint256 fees;
    }

    /// Release what `candidates` names and the readings cover; return the bitmap of what was released.
    ///
    /// Reverts unless `packedLeaves` are all leaves under `root`, in their places.
    function release(
        Books storage books,
        uint64 batchNumber,
        bytes32 root,
        address feeRecipient,
        uint256 candidates,
        bytes calldata packedLeaves
    ) external returns (uint256 released) {
        Delivery memory delivery;
        delivery.tables = PackedLeaves.tablesOf(packedLeaves);
        _readTerms(delivery);
        _requireWholeBatch(batchNumber, root, delivery);
        for (uint256 i = 0; i < delivery.tables.leafCount; ++i) {
            if (candidates >> i & 1 == 1 && _releaseIfDelivered(books, delivery, delivery.tables.leafAt(i))) {
                released |= 1 << i;
            }
        }
        _write(books, feeRecipient, delivery);
    }

    /// Check that the leaf is one under `root`, and short; return what is known of it.
    function open(
        Books storage books,
        uint64 batchNumber,
        bytes32 root,
        uint256 readingWindow,
        Leaf calldata leaf,
        bytes32[] calldata proof
    ) external view returns (Short memory short) {
        short.leafHash = leaf.leafHash();
        bytes32 found = Merkle.rootFromProof(short.leafHash, proof);
        if (found != root) revert ISettlement.NotTheBatch(batchNumber, root, found);

        uint64 reportedAt;
        (short.delivered, reportedAt) = _deliveredOf(books, leaf);
        short.hadReading = reportedAt != 0;
        uint256 deadline = (uint256(leaf.instrument.startHour()) + 1) * 1 hours + readingWindow;
        if (short.hadReading ? short.delivered == leaf.quantity : block.timestamp <= deadline) {
            revert ISettlement.LeafNotShort(short.leafHash, deadline);
        }
        Amounts memory locked = leaf.amounts();
        short.fromBuyer = locked.payment + locked.fee;
        short.fromSeller = locked.collateral;
    }

    /// See `ISettlement.deliveredOf`.
    function deliveredOf(Books storage books, Leaf calldata leaf) external view returns (uint64, uint64) {
        return _deliveredOf(books, leaf);
    }

    /// See `ISettlement.amountsOf`.
    function amountsOf(Leaf calldata leaf) external pure returns (Amounts memory) {
        return leaf.amounts();
    }

    function _deliveredOf(Books storage books, Leaf memory leaf)
        private
        view
        returns (uint64 delivered, uint64 reportedAt)
    {
        PackedSlot slot = PackedSlot.wrap(books.slotOf(leaf.seller, leaf.instrument).value);
        if (slot.reportedAt() == 0) return (0, 0);
        delivered = ProRata.delivered(slot.units(), slot.sold(), leaf.soldBefore, leaf.quantity).toUint64();
        return (delivered, slot.reportedAt());
    }

    function _readTerms(Delivery memory delivery) private pure {
        PackedLeaves.Tables memory tables = delivery.tables;
        delivery.releases = new Release[](tables.participantCount);
        delivery.terms = new Terms[](tables.termsCount);
        for (uint256 i = 0; i < tables.termsCount; ++i) {
            (uint256 instrument, uint256 referencePrice) = tables.termsAt(i);
            delivery.terms[i] = termsOf(instrument, referencePrice);
        }
    }

    /// Require that the leaves are those of the batch, all of them, in their places.
    function _requireWholeBatch(uint64 batchNumber, bytes32 root, Delivery memory delivery) private pure {
        uint256 count = delivery.tables.leafCount;
        Column hashes = newColumn(count);
        Leaf memory leaf;
        for (uint256 i = 0; i < count; ++i) {
            _unpackLeaf(delivery, i, leaf);
            hashes.put(i, uint256(leaf.leafHash()));
        }
        bytes32 found = Merkle.root(hashes, count);
        if (found == 0 || found != root) revert ISettlement.NotTheBatch(batchNumber, root, found);
    }

    /// Write out the leaf at a place.
    function _unpackLeaf(Delivery memory delivery, uint256 place, Leaf memory leaf) private pure {
        PackedLeaves.Tables memory tables = delivery.tables;
        PackedLeaf packed = tables.leafAt(place);
        Terms memory terms = delivery.terms[packed.leafTermsIndex()];
        leaf.position = uint32(place);
        leaf.tradeNumber = uint64(tables.firstTradeNumber + packed.leafTradeOffset());
        leaf.instrument = terms.instrument;
        leaf.buyer = tables.participantAt(packed.buyerIndex());
        leaf.seller = tables.participantAt(packed.sellerIndex());
        leaf.price = uint64(packed.leafPrice());
        leaf.quantity = uint64(packed.leafQuantity());
        leaf.referencePrice = uint64(terms.referencePrice);
        leaf.feeBps = uint16(tables.feeBps);
        leaf.soldBefore = uint64(packed.leafSoldBefore());
    }

    /// Add up what a leaf releases, and give it its lots, if the reading covers all of it.
    function _releaseIfDelivered(Books storage books, Delivery memory delivery, PackedLeaf leaf)
        private
        returns (bool)
    {
        Terms memory terms = delivery.terms[leaf.leafTermsIndex()];
        address seller = delivery.tables.participantAt(leaf.sellerIndex());
        Word storage word = books.slotOf(seller, terms.instrument);
        PackedSlot slot = PackedSlot.wrap(word.value);
        uint256 quantity = leaf.leafQuantity();
        if (slot.reportedAt() == 0) return false;
        if (ProRata.delivered(slot.units(), slot.sold(), leaf.leafSoldBefore(), quantity) < quantity) return false;

        Slots.allot(word, seller, terms.instrument, quantity);
        (uint256 payment, uint256 fee, uint256 collateral) =
            Money.amounts(terms, leaf.leafPrice(), quantity, delivery.tables.feeBps);
        delivery.releases[leaf.buyerIndex()].unlocked += payment + fee;
        Release memory release_ = delivery.releases[leaf.sellerIndex()];
        release_.unlocked += collateral;
        release_.earned += collateral + payment;
        delivery.fees += fee;
        return true;
    }

    /// Write the sums. Each is added to what is stored, so a table that names somebody twice does no harm.
    function _write(Books storage books, address feeRecipient, Delivery memory delivery) private {
        PackedLeaves.Tables memory tables = delivery.tables;
        for (uint256 i = 0; i < tables.participantCount; ++i) {
            Release memory one = delivery.releases[i];
            if (one.unlocked == 0 && one.earned == 0) continue;
            address participant = tables.participantAt(i);
            books.purses[participant] = books.purses[participant].release(one.unlocked, one.earned);
        }
        if (delivery.fees == 0) return;
        books.purses[feeRecipient] = books.purses[feeRecipient].credit(delivery.fees);
    }
}
