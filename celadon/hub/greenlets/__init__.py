"""Greenlets: starting, joining and killing them, one by one and in groups and pools."""
