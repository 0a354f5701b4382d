"""What is known of one name server: how fast it answers, whether it does, and what it understands.

A server that was silent several times running, or that nobody listens at, is passed over for a while (twice as long
each time); then a copy of a question, not the question itself, finds out whether it is back, so nobody waits for it.
"""

from __future__ import annotations

from ..model import Server
from .pace import Pace

_SILENCES = 3  # running, before a server is passed over
_PENALTY = 2.0  # seconds, doubled with each silence more
_MOST_PENALTY = 60.0
_LEAST_TIMEOUT = 0.3  # seconds: below that, a cache's miss would look like a loss
_PLAIN_FOR = 900.0  # seconds for which a server that does not know EDNS is spared it
_COOKIE_FOR = 120.0  # seconds after which a server that has stopped sending cookies is believed again (c-ares' figure)


class Health:
    """One server's state; ``timeout`` is the seconds to wait for its reply to a first try. Times are handed in."""

    __slots__ = (
        "_guesses", "_variance", "answered", "client_cookie", "cookie_at", "down_until", "edns_seen", "encrypted",
        "heard_at", "in_flight", "index", "label", "most", "pace", "penalty", "plain_until", "sent", "server",
        "server_cookie", "silences", "smoothed", "stream", "timeout", "timeouts",
    )  # fmt: skip

    def __init__(self, index: int, server: Server, timeout: float, pace: Pace | None = None) -> None:
        self.index = index
        self.server = server
        self.label = str(server)
        self.stream = server.scheme != "udp"
        self.encrypted = server.scheme in ("tls", "https", "quic")
        self.most = self.timeout = timeout
        self.pace = pace
        self.smoothed = self._variance = 0.0
        self.silences = 0
        self.penalty = _PENALTY
        self.down_until = 0.0
        self.plain_until = 0.0
        self.edns_seen = False
        self._guesses = 0
        self.heard_at = float("-inf")
        self.client_cookie = self.server_cookie = b""
        self.cookie_at = 0.0
        self.in_flight = 0
        self.sent = self.answered = self.timeouts = 0

    def __repr__(self) -> str:
        return f"<{self.label}: {self.sent} sent, {self.answered} answered, {self.timeouts} timeouts>"

    def heard(self, now: float) -> None:
        """Anything at all came from it: it lives."""
        self.heard_at = now
        self.silences = 0
        self.penalty = _PENALTY
        self.down_until = 0.0

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
        """A question sent to it at ``sent`` ran out of time. If it has spoken since, one packet was lost, no more."""
        self.timeouts += 1
        if sent <= self.heard_at:
            return
        self.silences += 1
        if self.silences >= _SILENCES:
            self._down(now)

    def unreachable(self, now: float) -> None:
        """The kernel said that nobody is there."""
        self.silences = max(self.silences, _SILENCES)
        self._down(now)

    def _down(self, now: float) -> None:
        if now >= self.down_until:
            self.down_until = now + self.penalty
            self.penalty = min(self.penalty * 2, _MOST_PENALTY)

    def wants_probe(self, now: float) -> bool:
        """True, once, when a server that is down should be tried again."""
        if self.silences < _SILENCES or now < self.down_until:
            return False
        self.down_until = now + self.penalty
        self.penalty = min(self.penalty * 2, _MOST_PENALTY)
        return True

    @property
    def down(self) -> bool:
        """Whether to pass it over while another is left. Nothing but a word from it ends that."""
        return self.silences >= _SILENCES

    def answered_plain(self, now: float, guess: bool) -> None:
        """It answered without EDNS what it did not with (RFC 6891 §6.2.2); ``guess``: silence had told us so."""
        self._guesses += 1
        if not guess or self._guesses > 1:  # one silence may have been one lost packet
            self.plain_until = now + _PLAIN_FOR

    def cookie(self, random: bytes) -> bytes:
        """The COOKIE option's data for it (RFC 7873 §5.1)."""
        if not self.client_cookie:
            self.client_cookie = random
        return self.client_cookie + self.server_cookie

    def accepts_cookie(self, data: bytes | None, now: float) -> bool:
        """Whether a reply with this COOKIE option (None: without) may be believed (RFC 7873 §5.3); learns from it."""
        if data is None or not 16 <= len(data) <= 40:
            # A length that cannot be is no cookie; a server that sent real ones may have stopped.
            return not self.server_cookie or now - self.cookie_at > _COOKIE_FOR
        if data[:8] != self.client_cookie:
            return False
        self.server_cookie = data[8:]
        self.cookie_at = now
        return True
