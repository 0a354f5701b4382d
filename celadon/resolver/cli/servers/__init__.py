"""``resolve servers``: which servers of a list are honest and quick."""
