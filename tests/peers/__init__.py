"""Peers' own test suites, run by the peer itself and then by Celadon through ``celadon.compat``."""
