"""What can go wrong between a market and a chain, on a real node: a stage that is set up once, and days of trouble on it."""
