"""What a crawl has yet to fetch, and when: blocking code on threads, which are greenlets under ``patch_all``."""

from __future__ import annotations

import heapq
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit


class Task(NamedTuple):
    """A page to fetch; ``depth`` is how many links it is away from the seeds."""

    url: str
    depth: int = 0
    tries: int = 0

    @property
    def host(self) -> str:
        """Its host's name, without the port."""
        return urlsplit(self.url).hostname or ""


class Frontier:
    """What is to be fetched, and when: one page at a time and ``delay`` seconds between two for each ``key(host)``."""

    def __init__(self, key: Callable[[str], str], delay: float) -> None:
        self._key = key
        self._delay = delay
        self._waiting: defaultdict[str, deque[Task]] = defaultdict(deque)
        # A heap of (when it may be asked, number, host). Each host that has tasks is once in here,
        self._hosts: list[tuple[float, int, str]] = []
        # or in here, while another host with its key is being asked.
        self._blocked: defaultdict[str, list[str]] = defaultdict(list)
        self._next: dict[str, float] = {}  # by key, when it may be asked again
        self._busy: dict[str, str] = {}  # by url, the key that is being asked
        self._count = 0
        self._stopped = False
        self._change = threading.Condition()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values())) + len(self._busy)

    def add(self, task: Task, after: float = 0.0) -> None:
        """Have a page fetched, ``after`` seconds at the earliest."""
        with self._change:
            line = self._waiting[task.host]
            line.append(task)
            if len(line) == 1:
                self._push(time.monotonic() + after, task.host)
            self._change.notify()

    def _push(self, when: float, host: str) -> None:
        self._count += 1
        heapq.heappush(self._hosts, (when, self._count, host))

    def take(self) -> Task | None:
        """The next page whose time has come, waited for; None when nothing is left, nor can be, or it was stopped."""
        with self._change:
            while not self._stopped and (self._waiting or self._busy):
                now = time.monotonic()
                if not self._hosts or self._hosts[0][0] > now:
                    self._change.wait(self._hosts[0][0] - now if self._hosts else None)
                    continue
                _, _, host = heapq.heappop(self._hosts)
                key = self._key(host)
                if key in self._busy.values():
                    self._blocked[key].append(host)
                elif self._next.get(key, 0.0) > now:
                    self._push(self._next[key], host)
                else:
                    task = self._waiting[host].popleft()
                    self._busy[task.url] = key
                    if self._waiting[host]:
                        self._blocked[key].append(host)
                    else:
                        del self._waiting[host]
                    return task
            self._change.notify_all()
            return None

    def stop(self) -> None:
        """Give out no more pages."""
        with self._change:
            self._stopped = True
            self._change.notify_all()

    def done(self, task: Task, delay: float = 0.0) -> None:
        """A page that was taken is dealt with; its key may be asked again after ``delay`` seconds or more."""
        with self._change:
            key = self._busy.pop(task.url)
            self._next[key] = when = time.monotonic() + max(self._delay, delay)
            for host in self._blocked.pop(key, ()):
                self._push(when, host)
            self._change.notify_all()
