"""The loop of one thread: what is ready, timers, the poller, and the wake-up from other threads."""
