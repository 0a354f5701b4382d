"""``resolve bulk``: one record for each of millions of names."""
