"""Engines, made by name in the registry."""
