"""Hooks for libraries that wait outside of the standard library."""
