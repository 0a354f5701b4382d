"""``resolve bench``: how fast a server answers, in dnspyre's terms."""
