"""What is known of one name server: its speed, whether it answers, and what it understands.

A server that was silent several times in a row, or whose port is closed, is skipped for a while, twice as long each
time. Then it gets a copy of a question, which also goes to another server: so no lookup waits for the test.
"""

from __future__ import annotations

from ..model import Server
from .pace import Pace

_SILENCES = 3  # silences in a row before a server is skipped
_PENALTY = 2.0  # seconds; doubled with each further silence
_MOST_PENALTY = 60.0
_LEAST_TIMEOUT = 0.3  # seconds; below that, a miss in the server's cache would look like a loss
_PLAIN_FOR = 900.0  # seconds for which a server without EDNS is asked without it
TIMED = 7  # one reply in eight is timed, which is enough to know a server
_COOKIE_FOR = 120.0  # seconds after which a server that stopped sending cookies is believed again (c-ares' figure)


class Health:
    """One server's state. ``timeout``: seconds to wait for its reply to a first try. The caller gives the times."""

    __slots__ = (
        "_guesses", "_variance", "answered", "client_cookie", "cookie_at", "down_until", "edns_seen", "encrypted",
        "heard_at", "in_flight", "index", "label", "most", "pace", "penalty", "plain_until", "sent", "server",
        "server_cookie", "silences", "smoothed", "stream", "timeout", "timeouts",
    )  # fmt: skip

    answered: int
    client_cookie: bytes
    most: float
    sent: int
    server_cookie: bytes
    smoothed: float
    timeout: float
    timeouts: int

    def __init__(self, index: int, server: Server, timeout: float, pace: Pace | None = None) -> None:
        self.index: int = index
        self.server: Server = server
        self.label: str = str(server)
        self.stream: bool = server.scheme != "udp"
        self.encrypted: bool = server.scheme in ("tls", "https", "quic")
        self.most = self.timeout = timeout
        self.pace: Pace | None = pace
        self.smoothed = self._variance = 0.0
        self.silences: int = 0
        self.penalty: float = _PENALTY
        self.down_until: float = 0.0
        self.plain_until: float = 0.0
        self.edns_seen: bool = False
        self._guesses = 0
        self.heard_at: float = float("-inf")
        self.client_cookie = self.server_cookie = b""
        self.cookie_at: float = 0.0
        self.in_flight: int = 0
        self.sent = self.answered = self.timeouts = 0

    def __repr__(self) -> str:
        return f"<{self.label}: {self.sent} sent, {self.answered} answered, {self.timeouts} timeouts>"

    def heard(self, now: float) -> None:
        """A packet came from it, of whatever kind: it is up."""
        self.heard_at = now
        self.silences = 0
        self.penalty = _PENALTY
        self.down_until = 0.0

    def replied(self, now: float, rtt: float | None) -> None:
        """A reply that is believed, in ``rtt`` seconds if it was to a first try, else None."""
        self.answered = count = self.answered + 1
        self.heard_at = now
        if self.silences:
            self.heard(now)
        if rtt is not None and (not count & TIMED or not self.smoothed):
            self.timed(rtt)

    def timed(self, rtt: float) -> None:
        """A first try was answered in ``rtt`` seconds (RFC 6298 §2's smoothing)."""
        if self.smoothed:
            self._variance += (abs(rtt - self.smoothed) - self._variance) / 4
            self.smoothed += (rtt - self.smoothed) / 8
        else:
            self.smoothed = rtt
            self._variance = rtt / 2
        self.timeout = min(self.most, max(_LEAST_TIMEOUT, self.smoothed + 4 * self._variance))

    def silent(self, now: float, sent: float) -> None:
        """A question sent at ``sent`` got no reply in time. If anything came since, only one packet was lost."""
        self.timeouts += 1
        if sent <= self.heard_at:
            return
        self.silences += 1
        if self.silences >= _SILENCES:
            self._down(now)

    def unreachable(self, now: float) -> None:
        """The kernel reported that the port or host cannot be reached."""
        self.silences = max(self.silences, _SILENCES)
        self._down(now)

    def _down(self, now: float) -> None:
        if now >= self.down_until:
            self.down_until = now + self.penalty
            self.penalty = min(self.penalty * 2, _MOST_PENALTY)

    def wants_probe(self, now: float) -> bool:
        """True, once, when it is time to try a server that is down again."""
        if self.silences < _SILENCES or now < self.down_until:
            return False
        self.down_until = now + self.penalty
        self.penalty = min(self.penalty * 2, _MOST_PENALTY)
        return True

    @property
    def down(self) -> bool:
        """Whether to skip it while there is another. Only a packet from it ends that."""
        return self.silences >= _SILENCES

    def answered_plain(self, now: float, guess: bool) -> None:
        """It answered without EDNS but not with it (RFC 6891 §6.2.2). ``guess``: with EDNS it was only silent."""
        self._guesses += 1
        if not guess or self._guesses > 1:  # one silence may have been one lost packet
            self.plain_until = now + _PLAIN_FOR

    def cookie(self, random: bytes) -> bytes:
        """The COOKIE option's data for it (RFC 7873 §5.1)."""
        if not self.client_cookie:
            self.client_cookie = random
        return self.client_cookie + self.server_cookie

    def accepts_cookie(self, data: bytes | None, now: float) -> bool:
        """Whether to believe a reply with this COOKIE option (None: without) (RFC 7873 §5.3). Keeps the cookie."""
        if data is None or not 16 <= len(data) <= 40:
            # A wrong length counts as no cookie; a server that sent cookies may have stopped.
            return not self.server_cookie or now - self.cookie_at > _COOKIE_FOR
        if data[:8] != self.client_cookie:
            return False
        self.server_cookie = data[8:]
        self.cookie_at = now
        return True
