"""Where answers come soon after the hub fell asleep, it looks again for a moment before it does so the next time."""

import _socket

import pytest

from celadon.hub import get_hub, joinall, spawn, wait_readable
from celadon.hub.loop import busy_look


class Peer:
    """A poller that plays the other side: it answers at the n-th look of a wait (None: only to one who sleeps)."""

    def __init__(self, real, answers_at):
        self.real, self.answers_at = real, answers_at
        self.left, self.right = _socket.socketpair()
        self.looks = self.slept = 0
        self.log = []

    def __getattr__(self, name):
        return getattr(self.real, name)

    def poll(self, timeout):
        if timeout == 0:
            self.looks += 1
            if self.looks == self.answers_at:
                self.right.send(b"x")
        else:
            self.slept += 1
            self.right.send(b"x")
        return self.real.poll(timeout)

    def wait(self):
        """One wait for an answer; how often the kernel was looked at meanwhile, and how often it was slept."""
        self.looks = self.slept = 0
        wait_readable(self.left.fileno())
        self.left.recv(1)
        self.log.append((self.looks, self.slept))
        return self.log[-1]


@pytest.fixture
def peer(request, monkeypatch):
    monkeypatch.setattr(busy_look._thread, "_count", lambda: 0)  # other tests leave pools with idle threads
    hub = get_hub()
    monkeypatch.setattr(hub, "_busy", busy_look.BusyLook())
    monkeypatch.setattr(hub, "now", lambda: 0.0)  # every sleep is brief, however busy the machine
    made = hub.poller = Peer(hub.poller, getattr(request, "param", None))
    yield made
    hub.poller = made.real
    made.left.close()
    made.right.close()


@pytest.mark.parametrize("peer", [5], indirect=True)
def test_an_answer_that_comes_soon_finds_the_hub_awake(peer):
    assert spawn(lambda: [peer.wait() for _ in range(20)]).get() == [(0, 1), *[(5, 0)] * 19]


def test_what_is_in_vain_is_tried_ever_more_seldom(peer):
    spawn(lambda: [peer.wait() for _ in range(2000)]).join()
    tried = [n for n, (looks, _) in enumerate(peer.log) if looks]
    assert tried[:6] == [1, 3, 7, 15, 31, 63]
    assert len(tried) < 12
    assert all(slept == 1 for _, slept in peer.log)


@pytest.mark.parametrize("peer", [5], indirect=True)
def test_after_a_success_all_is_forgiven(peer):
    spawn(lambda: [peer.wait() for _ in range(3)]).join()
    peer.answers_at = None
    spawn(lambda: [peer.wait() for _ in range(7)]).join()
    peer.answers_at = 5
    spawn(lambda: [peer.wait() for _ in range(30)]).join()
    assert peer.log[-2:] == [(5, 0)] * 2


@pytest.mark.parametrize("peer", [5], indirect=True)
def test_not_after_waits_that_are_long(peer, monkeypatch):
    hub = get_hub()
    clock = iter(range(1 << 30))
    monkeypatch.setattr(hub, "now", lambda: float(next(clock)))
    spawn(lambda: [peer.wait() for _ in range(50)]).join()
    assert set(peer.log) == {(0, 1)}


@pytest.mark.parametrize("peer", [5], indirect=True)
def test_not_beside_another_thread(peer, monkeypatch):
    monkeypatch.setattr(busy_look._thread, "_count", lambda: 1)
    spawn(lambda: [peer.wait() for _ in range(50)]).join()
    assert all(looks <= 1 and slept == 1 for looks, slept in peer.log)


@pytest.mark.parametrize("peer", [5], indirect=True)
def test_not_where_many_wait(peer):
    others = [_socket.socketpair() for _ in range(2)]
    waiting = [spawn(wait_readable, left.fileno()) for left, _ in others]
    spawn(lambda: [peer.wait() for _ in range(50)]).join()
    assert set(peer.log) == {(0, 1)}
    for _, right in others:
        right.send(b"x")
    joinall(waiting)
    for one in (end for pair in others for end in pair):
        one.close()
