"""What happened (the record), whose money it is (double-entry books), what waits for the chain (outbox)."""
