"""The engine ``python``: our own exchange over UDP, TCP, TLS, HTTPS and QUIC."""
