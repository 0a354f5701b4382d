"""DNS without I/O: messages, record data, and the exchange with servers as a state machine."""
