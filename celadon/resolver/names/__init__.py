"""Domain names, addresses and record types as values: pure functions on text."""
