"""The patch: what is replaced where, as a table, and how it is put in place and undone."""
