"""The engine ``ares``: c-ares through pycares."""
