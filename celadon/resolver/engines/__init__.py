"""Engines; ``registry`` makes them by name."""
