"""TLS, cooperatively: ``tls_socket`` after the standard library's ``ssl``, with whose import the patch brings it."""

import ssl as _std  # noqa: F401  (first: under the patch, its import imports tls_socket, which must not be under way)

from .tls_socket import SSLSocket, context

__all__ = ["SSLSocket", "context"]
