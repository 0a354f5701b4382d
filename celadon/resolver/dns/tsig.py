"""Signed messages (TSIG, RFC 8945): a key as people write it, and one exchange signed with it, through dnspython."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from typing import Any, NamedTuple

import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TSIG
import dns.tsig
from dns.exception import DNSException

from ..errors import ResolverConfigError

_FUDGE = 300  # seconds that the clocks may differ (RFC 8945 §10)
_MOST_UNSIGNED = 100  # messages between two signatures (RFC 8945 §5.3.1)
_ALGORITHMS = {
    "hmac-md5": "hmac-md5.sig-alg.reg.int",
    **{
        f"hmac-{one}": f"hmac-{one}"
        for one in ("sha1", "sha224", "sha256", "sha256-128", "sha384", "sha384-192", "sha512", "sha512-256")
    },
}
_FILE = re.compile(
    r'\bkey\s+"?(?P<name>[^\s"{]+)"?\s*\{(?=[^}]*\balgorithm\s+"?(?P<algorithm>[^\s";]+)"?\s*;)'
    r'[^}]*\bsecret\s+"(?P<secret>[^"]*)"\s*;',
    re.DOTALL,
)


class TsigKey(NamedTuple):
    """A shared key: its name, its algorithm as a name, and the secret."""

    name: str
    algorithm: str
    secret: bytes

    def __repr__(self) -> str:
        return f"<TsigKey {self.name} {self.algorithm}>"  # without what is secret


def key_of(text: str) -> TsigKey:
    """The key of ``[algorithm:]name:secret``, dig's ``-y``; HMAC-MD5 without an algorithm. ResolverConfigError."""
    words = text.split(":")
    if not 2 <= len(words) <= 3:
        raise ResolverConfigError("a key is written as [algorithm:]name:secret")
    return _key(words[-2], words[0] if len(words) == 3 else "hmac-md5", words[-1])


def key_of_file(text: str) -> TsigKey:
    """The key in a file's text, as ``tsig-keygen`` or ``keymgr -t`` write it. ResolverConfigError if it has none."""
    found = _FILE.search(re.sub(r"//[^\n]*|#[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL))
    if found is None:
        raise ResolverConfigError('no key "…" { algorithm …; secret "…"; } in it')
    return _key(found["name"], found["algorithm"], found["secret"])


def _key(name: str, algorithm: str, secret: str) -> TsigKey:
    known = _ALGORITHMS.get(algorithm.lower().rstrip("."))
    if known is None:
        raise ResolverConfigError(f"{algorithm!r} is no algorithm of TSIG; there are {', '.join(_ALGORITHMS)}")
    try:
        raw = b64decode(secret, validate=True)
        dns.name.from_text(name)
    except (DNSException, ValueError) as error:
        raise ResolverConfigError(f"the key {name!r}: {error}") from None
    if not raw or not name:
        raise ResolverConfigError("a key needs a name and a secret")
    return TsigKey(name, known, raw)


class TsigError(Exception):
    """A reply is not signed as it must be; the text says how."""


class SignedExchange:
    """One question and its replies. ``now`` gives the time of day in seconds of the epoch."""

    def __init__(self, key: TsigKey, now: Callable[[], float]) -> None:
        self._key = dns.tsig.Key(dns.name.from_text(key.name), key.secret, key.algorithm)
        self._now = now
        self._mac = b""
        self._context: Any = None
        self._unsigned = 0

    def signed(self, message: bytes) -> bytes:
        """The message with a TSIG record at its end."""
        template = dns.rdtypes.ANY.TSIG.TSIG(  # type: ignore[no-untyped-call]
            dns.rdataclass.ANY,
            dns.rdatatype.TSIG,
            self._key.algorithm,
            int(self._now()),
            _FUDGE,
            b"",
            int.from_bytes(message[:2], "big"),
            0,
            b"",
        )
        made, _ = dns.tsig.sign(message, self._key, template, int(self._now()), b"")  # type: ignore[no-untyped-call]
        self._mac = made.mac
        data = made.to_wire() or b""
        count = int.from_bytes(message[10:12], "big") + 1
        owner = self._key.name.to_wire() or b""
        record = owner + b"\0\xfa\0\xff\0\0\0\0" + len(data).to_bytes(2, "big") + data
        return message[:10] + count.to_bytes(2, "big") + message[12:] + record

    def check(self, message: bytes) -> bool:
        """Whether a reply is signed; unsigned ones may stand between signed ones of a transfer. TsigError."""
        try:
            read = dns.message.from_wire(
                message,
                keyring={self._key.name: self._key},
                request_mac=self._mac,
                xfr=True,
                tsig_ctx=self._context,
                multi=True,
                ignore_trailing=True,
            )
        except dns.message.UnknownTSIGKey:
            raise TsigError("signed with another key") from None
        except dns.tsig.PeerError as error:
            raise TsigError(f"the server says {_PEERS.get(type(error), type(error).__name__)}") from None
        except DNSException as error:
            raise TsigError(f"{type(error).__name__}: {error}".rstrip(": .")) from None
        except Exception as error:  # noqa: BLE001  (hostile bytes may break dnspython in more ways than its own exceptions)
            raise TsigError(f"it cannot be read: {error}") from None
        first, self._context = self._context is None, read.tsig_ctx
        self._unsigned = 0 if read.had_tsig else self._unsigned + 1
        if not read.had_tsig and (first or self._unsigned > _MOST_UNSIGNED):
            raise TsigError("it is not signed")
        return bool(read.had_tsig)


_PEERS = {
    dns.tsig.PeerBadKey: "BADKEY",
    dns.tsig.PeerBadSignature: "BADSIG",
    dns.tsig.PeerBadTime: "BADTIME",
    dns.tsig.PeerBadTruncation: "BADTRUNC",
}
