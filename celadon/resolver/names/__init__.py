"""Domain names, addresses and record types as values: no file is read here, nothing is asked."""
