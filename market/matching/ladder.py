"""The ladder: from a price to its level, and from a level to the next.

Prices are kept as *ranks*: the price of an offer, minus the price of a bid. The best of a side is its lowest rank, so
that both sides share every line of code.

Neighbouring prices share a page, which knows its levels by position and has a bit for each that exists. Pages are found
through an open-addressing hash table; in the same table a sparse 64-ary trie over them finds the next one. A trie node is
one 64-bit word that says which of its children exist, kept under the prefix of their prices. A price far from all others
therefore costs a page and a few table entries, and the next price is never more than `LAYERS` steps away, whatever the
distance (van Emde Boas, "Preserving order in a forest", FOCS 1975, with words of 64 bits instead of square roots).
"""

# mypy: disable-error-code="no-any-return"

from market.matching.layout import (
    ENTRY_SIZE,
    HIDDEN,
    NONE,
    PAGE_BITS,
    WAITS,
    Book,
    called,
    entry_at,
    entry_of,
    head_of,
    inlined,
    level_in,
    level_of,
    lowest_bit,
    open_book,
    order_of,
    page_of,
    set_level_in,
    side_of,
    stay_apart,
)
from market.matching.messages import PRICE_LIMIT
from market.orders import Side

LAYERS = 10  # of six bits each: layer 1 holds the pages, the others the trie
# the sides whose highest price is best
_FALLING = 1 << Side.BUY | 1 << HIDDEN + Side.BUY | 1 << WAITS + Side.SELL
_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)  # 2^64 over the golden ratio, as a signed word (Knuth, TAOCP 3, 6.4)
_WITHIN = (1 << PAGE_BITS) - 1


@inlined
def rank_of(side: int, price: int) -> int:
    """Return the rank of a price on a side, or the price of a rank. Of waiting bids the lowest price comes first."""
    return -price if _FALLING >> side & 1 else price


@inlined
def _path(rank: int) -> int:
    return rank + PRICE_LIMIT


# --- the hash table (its size is a power of two) ---------------------------------------------------------------------


@inlined
def _key(side: int, layer: int, prefix: int) -> int:
    return (prefix << 7) | (layer << 3) | side


@inlined
def _home(key: int, mask: int) -> int:
    return (((key ^ (key >> 32)) * _GOLDEN) >> 32) & mask


@inlined
def _find(book: Book, key: int) -> int:
    """Return where the key is, or the free place where it belongs."""
    at = _home(key, book.ladder_mask)
    entry = entry_of(book, at)
    while entry.value != 0 and entry.key != key:
        at = (at + 1) & book.ladder_mask
        entry = entry_of(book, at)
    return at


@inlined
def _value(book: Book, side: int, layer: int, prefix: int) -> int:
    """Return what is kept there: in layer 1 the number of a page, above it the children's bits; 0 for nothing."""
    return entry_of(book, _find(book, _key(side, layer, prefix))).value


@inlined
def _put(book: Book, key: int, value: int) -> int:
    """Keep a value, not 0, under a key; return the one that was there."""
    entry = entry_of(book, _find(book, key))
    before = entry.value
    entry.key = key
    entry.value = value
    if before == 0:
        head_of(book).ladder_used += 1
    return before


@inlined
def _erase(book: Book, at: int) -> None:
    """Free a place and move later entries up, so that no search ends too early (Knuth, TAOCP 3, algorithm 6.4R)."""
    mask = book.ladder_mask
    hole = at
    probe = (hole + 1) & mask
    while entry_of(book, probe).value != 0:
        entry = entry_of(book, probe)
        if (probe - _home(entry.key, mask)) & mask >= (probe - hole) & mask:
            entry_of(book, hole).key = entry.key
            entry_of(book, hole).value = entry.value
            hole = probe
        probe = (probe + 1) & mask
    entry_of(book, hole).value = 0
    head_of(book).ladder_used -= 1


@inlined
def ladder_is_full(book: Book) -> bool:
    """Tell whether a price that is far from all others might find no page, or fill more than half of the table."""
    head = head_of(book)
    return head.pages_used >= head.pages_room or 2 * (head.ladder_used + LAYERS) > book.ladder_mask


@called
def move_entries(address: int, old: int, size: int) -> int:
    """Put the entries of an old table of the ladder into the present one, which is empty."""
    stay_apart()
    book = open_book(address)
    for place in range(size):
        entry = entry_at(old + place * ENTRY_SIZE)
        if entry.value != 0:
            fresh = entry_of(book, _find(book, entry.key))
            fresh.key = entry.key
            fresh.value = entry.value
    return 0


# --- pages -----------------------------------------------------------------------------------------------------------


@called
def _open_page(address: int, side: int, prefix: int) -> int:
    """Make the page of this prefix, and set the bits that lead to it, up to the first node that existed before."""
    stay_apart()
    book = open_book(address)
    head = head_of(book)
    number = head.pages_free
    if number == NONE:
        head.pages_used += 1
        number = head.pages_used
    else:
        head.pages_free = page_of(book, number).bits
    page_of(book, number).bits = 0
    _put(book, _key(side, 1, prefix), number)
    path = prefix
    for layer in range(2, LAYERS + 1):
        bit = 1 << (path & 63)
        path >>= 6
        known = _value(book, side, layer, path)
        _put(book, _key(side, layer, path), known | bit)
        if known != 0:
            break
    return number


@called
def _close_page(address: int, side: int, prefix: int, number: int) -> None:
    """Free a page, and clear the bits that lead to it, up to the first node that still has another child."""
    stay_apart()
    book = open_book(address)
    head = head_of(book)
    page_of(book, number).bits = head.pages_free
    head.pages_free = number
    _erase(book, _find(book, _key(side, 1, prefix)))
    path = prefix
    for layer in range(2, LAYERS + 1):
        bit = 1 << (path & 63)
        path >>= 6
        at = _find(book, _key(side, layer, path))
        left = entry_of(book, at).value & ~bit
        if left != 0:
            entry_of(book, at).value = left
            return
        _erase(book, at)


@called
def _next_page(address: int, side: int, prefix: int) -> int:
    """Return the page that comes after this prefix, or NONE: climb until a later child exists, descend to the first."""
    stay_apart()
    book = open_book(address)
    path = prefix
    for layer in range(2, LAYERS + 1):
        position = path & 63
        path >>= 6
        later = _value(book, side, layer, path) & ((-1 << position) << 1)
        if later != 0:
            path = (path << 6) | lowest_bit(later)
            for below in range(layer - 1, 1, -1):
                path = (path << 6) | lowest_bit(_value(book, side, below, path))
            return _value(book, side, 1, path)
    return NONE


# --- levels ----------------------------------------------------------------------------------------------------------


@inlined
def next_level(book: Book, level: int) -> int:
    """Return the level that comes after this one on its side, or NONE."""
    this = level_of(book, level)
    path = _path(this.rank)
    page = this.page
    later = page_of(book, page).bits & ((-1 << (path & _WITHIN)) << 1)
    if later == 0:
        page = _next_page(book.head, this.side, path >> PAGE_BITS)
        if page == NONE:
            return NONE
        later = page_of(book, page).bits
    return level_in(book, page, lowest_bit(later))


@inlined
def take_node(book: Book) -> int:
    """Return a free record for an order or a level."""
    head = head_of(book)
    number = head.nodes_free
    if number == NONE:
        head.nodes_used += 1
        number = head.nodes_used
    else:
        head.nodes_free = order_of(book, number).next
    head.nodes_vacant -= 1
    return number


@inlined
def free_nodes(book: Book, first: int, last: int, count: int) -> None:
    """Give back records that are linked from the first to the last."""
    head = head_of(book)
    order_of(book, last).next = head.nodes_free
    head.nodes_free = first
    head.nodes_vacant += count


@inlined
def open_level(book: Book, side: int, rank: int) -> int:
    """Return the level of this rank; make it if it does not exist."""
    path = _path(rank)
    page = _value(book, side, 1, path >> PAGE_BITS)
    if page == NONE:
        page = _open_page(book.head, side, path >> PAGE_BITS)
    position = path & _WITHIN
    bits = page_of(book, page).bits
    if bits & (1 << position) != 0:
        return level_in(book, page, position)
    number = take_node(book)
    page_of(book, page).bits = bits | (1 << position)
    set_level_in(book, page, position, number)
    level = level_of(book, number)
    level.rank = rank
    level.quantity = 0
    level.next = number
    level.prev = number
    level.count = 0
    level.side = side
    level.page = page
    head_of(book).levels += 1
    ours = side_of(book, side)
    if ours.best == NONE or rank < level_of(book, ours.best).rank:
        ours.best = number
    return number


@inlined
def close_level(book: Book, number: int) -> None:
    """Take a level without orders off the ladder."""
    level = level_of(book, number)
    ours = side_of(book, level.side)
    if ours.best == number:
        ours.best = next_level(book, number)
    path = _path(level.rank)
    page = page_of(book, level.page)
    page.bits &= ~(1 << (path & _WITHIN))
    if page.bits == 0:
        _close_page(book.head, level.side, path >> PAGE_BITS, level.page)
    head_of(book).levels -= 1
    free_nodes(book, number, number, 1)
