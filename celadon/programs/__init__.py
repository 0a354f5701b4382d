"""Whole programs made of the parts, each a command of ``celadon``. Nobody imports them but the command."""
