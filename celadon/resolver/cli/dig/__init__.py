"""``resolve NAME``: one question in dig's dialect."""
