"""Pure core of the market: vocabulary, order books, auctions, the exchange. No I/O, no clock, no chance."""
