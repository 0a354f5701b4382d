"""The engine ``python``: ``dns/exchange`` over UDP, TCP, TLS, HTTPS and QUIC."""
