"""The resolver for crawlers: limits, politeness, pins, and the guard against private addresses."""
