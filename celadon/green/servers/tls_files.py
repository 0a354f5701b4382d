"""The TLS settings of a server: where its certificate is, and the contexts that are made of that."""

from __future__ import annotations

import os
import ssl as _ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..ssl import SSLSocket

Path = str | os.PathLike[str]


@dataclass(frozen=True)
class TlsFiles:
    """The files of a server's TLS context, so that it can be made anew after they were renewed."""

    #: The certificate and those above it, in PEM.
    certfile: Path
    #: Its private key; None: in ``certfile`` as well.
    keyfile: Path | None = None
    password: Any = None
    #: Certificates that clients' are checked by, in PEM, and whether they must have one.
    ca_certs: Path | None = None
    cert_reqs: _ssl.VerifyMode = _ssl.CERT_NONE
    #: OpenSSL's list for TLS 1.2.
    ciphers: str | None = None
    #: Protocols offered by ALPN, the preferred one first.
    alpn: Sequence[str] = ()

    def context(self) -> _ssl.SSLContext:
        """Read the files; at least TLS 1.2. OSError (ssl.SSLError is one) if that is not possible."""
        made = _ssl.SSLContext(_ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = _ssl.TLSVersion.TLSv1_2
        if self.ciphers is not None:
            made.set_ciphers(self.ciphers)
        if self.ca_certs is not None:
            made.load_verify_locations(self.ca_certs)
        made.verify_mode = self.cert_reqs
        if self.alpn:
            made.set_alpn_protocols(list(self.alpn))
        made.load_cert_chain(self.certfile, self.keyfile, self.password)
        return green(made)


def green(context: _ssl.SSLContext) -> _ssl.SSLContext:
    """Have the context make sockets that block their greenlet only."""
    if not issubclass(context.sslsocket_class, SSLSocket):
        context.sslsocket_class = SSLSocket
    return context


__all__ = ["Path", "TlsFiles", "green"]
