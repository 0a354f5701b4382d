"""Programs of test_other_loops.py: real servers and libraries on loops that a hub has joined, or that it hosts."""
