"""A bulk run on several processes: this one reads and writes, the others ask, each with an engine of its own.

Chunks of lines go out through pipes, records come back by the batch, and with them which chunks are done, so one
input, one output and one checkpoint are enough. A process reads its pipe as fast as it may ask, and a pipe that is full
is what holds its next chunk back: chunks that wait for one slow name do not count. Nothing here blocks on a pipe while
another has something to say.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from ....hub import get_hub
from ... import registry
from .files import PENDING, Output, PipeLines
from .job import Job, work
from .names_in import Asked, Block, Form, Key, Watermark, chunks, of_line
from .tally import Tally

_STOP = signal.SIGUSR1
_BUFFERED = 1 << 14  # bytes that wait for a pipe to take them: it holds four times as many
_AHEAD = 64  # chunks for each process, of which the first may keep the others' records from being written
_poll = select.poll
_READ, _WRITE = select.POLLIN, select.POLLOUT


class WorkerLost(RuntimeError):
    """A process of the run ended before its work did."""


# -- in the worker: a line "B number" begins a chunk, "L text" are its lines, "E" ends it --------------------------


def _asked(pipe: PipeLines, form: Form, finished: Callable[[Block], object]) -> Iterator[Asked]:
    block = Block()
    block.left = 1  # no chunk yet
    raw: Any
    for raw in pipe:
        if raw is PENDING:
            yield PENDING
            continue
        kind, rest = raw[:1], raw[1:]
        if kind == b"L":
            for name, rdtype, meta, asked in of_line(rest.decode("utf-8", "surrogateescape").strip(), form):
                block.left += 1
                block.total += 1
                yield Key(block, name, rdtype, meta), asked
        elif kind == b"E":
            block.closed = True
            if not block.left:
                finished(block)
        else:
            block = Block()
            block.end = (int(rest), 0)


def _worker(job: Job, source: int, target: int) -> None:
    """Work until the pipe ends or says stop; never returns."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent has it too, and says what to do
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(_STOP, signal.default_int_handler)
        hub = get_hub()
        lines: list[str] = []

        def flush() -> None:
            if lines:
                _send(target, b"L", ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))
                lines.clear()

        def write(line: str) -> None:
            if line:
                lines.append(line)
                if len(lines) >= 256:
                    flush()

        def finished(block: Block) -> None:
            flush()
            _send(target, b"D", f"{block.end[0]} {block.total}".encode())

        def tick() -> None:
            hub.call_later(1.0, tick)  # and so the loop has something to wait for while there is no work
            try:
                flush()
                _send(target, b"T", json.dumps(tally.plain()).encode())
            except BrokenPipeError:
                os._exit(0)  # as below, but here it would end the tick only

        tally = Tally()
        engine = registry.make_engine(job.resolver, job.config, job.tuning)
        pipe = PipeLines(source)
        hub.call_later(1.0, tick)
        with suppress(KeyboardInterrupt):
            work(job, _asked(pipe, job.form, finished), engine, tally, write, pipe.pending, finished)
        flush()
        engine.close()
        _send(target, b"T", json.dumps(tally.plain()).encode())
        code = 0
    except BrokenPipeError:
        code = 0  # the parent is gone, and with it whoever wanted the records
    except BaseException as error:  # noqa: BLE001  (a process that forked off must end here, whatever happens)
        with suppress(OSError):
            _send(target, b"X", f"{type(error).__name__}: {error}".encode("utf-8", "backslashreplace"))
    finally:
        os._exit(code)


def _send(fd: int, kind: bytes, data: bytes) -> None:
    frame = memoryview(kind + len(data).to_bytes(4, "big") + data)
    while frame:
        frame = frame[os.write(fd, frame) :]


# -- in the parent -----------------------------------------------------------------------------------------------


class _AsTheyCome:
    """Records are written as soon as they are here."""

    def __init__(self, output: Output) -> None:
        self.write = output.raw

    def room(self, number: int) -> bool:
        """Whether chunk ``number`` may be given out."""
        return True

    def lines(self, hand: _Hand, lines: bytes) -> None:
        """Records from a worker."""
        self.write(lines)

    def done(self, hand: _Hand, number: int) -> None:
        """All records of a chunk have come from the worker that had it."""


class _InOrder(_AsTheyCome):
    """A chunk's records are written after those of all chunks before it.

    A worker, which keeps to the order itself, is between two chunks when it says that one is done. What waits for a
    slow chunk is bounded, because none is given out too far ahead of it.
    """

    def __init__(self, output: Output, ahead: int) -> None:
        super().__init__(output)
        self._ahead = ahead
        self._next = 1
        self._waiting: dict[int, bytes] = {}

    def room(self, number: int) -> bool:
        """See ``_AsTheyCome.room``."""
        return number < self._next + self._ahead

    def lines(self, hand: _Hand, lines: bytes) -> None:
        """See ``_AsTheyCome.lines``."""
        hand.held += lines

    def done(self, hand: _Hand, number: int) -> None:
        """See ``_AsTheyCome.done``."""
        self._waiting[number] = bytes(hand.held)
        hand.held.clear()
        while self._next in self._waiting:
            self.write(self._waiting.pop(self._next))
            self._next += 1


class _Hand:
    """A worker as its parent sees it."""

    def __init__(self, job: Job, others: list[_Hand]) -> None:
        source, self.feed = os.pipe()
        self.reports, target = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            for fd in (self.feed, self.reports, *(fd for one in others for fd in (one.feed, one.reports))):
                os.close(fd)
            _worker(job, source, target)
        os.close(source)
        os.close(target)
        os.set_blocking(self.feed, False)
        self.out = bytearray()
        self.buffer = bytearray()
        self.held = bytearray()  # records that are not to be written yet
        self.chunks: dict[int, Block] = {}
        self.report: dict[str, Any] | None = None
        self.fed = False  # its last chunk was queued
        self.failure = ""
        self.ended = False
        self.stopped = False  # told to leave its work

    @property
    def hungry(self) -> bool:
        """Whether its pipe takes more."""
        return self.feed >= 0 and len(self.out) < _BUFFERED

    def give(self, number: int, block: Block, lines: list[bytes]) -> None:
        """Queue a chunk."""
        block.left = 1
        block.closed = True
        self.chunks[number] = block
        self.out += b"B%d\n" % number + b"".join([b"L" + line for line in lines]) + b"E\n"

    def push(self) -> None:
        """Write what the pipe takes."""
        if self.feed < 0:
            return
        try:
            while self.out:
                del self.out[: os.write(self.feed, self.out)]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.out.clear()  # it has ended; why, its last report tells
            self.fed = True
        if self.fed:
            self.end_feed()

    def end_feed(self) -> None:
        """No more chunks."""
        if self.feed >= 0:
            os.close(self.feed)
            self.feed = -1

    def frames(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The frames that these bytes complete."""
        buffer = self.buffer
        buffer += data
        while len(buffer) >= 5 and len(buffer) >= 5 + (size := int.from_bytes(buffer[1:5], "big")):
            kind, content = bytes(buffer[:1]), bytes(buffer[5 : 5 + size])
            del buffer[: 5 + size]
            yield kind, content


def run_workers(
    job: Job, count: int, lines: Any, mark: Watermark, output: Output, tally: Tally, tick: Callable[[], object]
) -> None:
    """Share the lines among ``count`` processes; ``tick`` is called every second.

    Ctrl-C stops them: what was answered is written, and what was not is cancelled. WorkerLost if one fails.
    """
    hands: list[_Hand] = []
    sink = _InOrder(output, count * _AHEAD) if job.ordered else _AsTheyCome(output)
    try:
        for _ in range(count):
            hands.append(_Hand(job, hands))
        _share(job, hands, lines, mark, sink, tally, tick)
    except KeyboardInterrupt:
        for hand in hands:
            hand.stopped = True
            hand.out.clear()
            hand.end_feed()
            with suppress(ProcessLookupError):
                os.kill(hand.pid, _STOP)
        while _listen(hands, sink, tally, -1):
            tick()
        raise
    finally:
        for hand in hands:
            hand.end_feed()
            os.close(hand.reports)
        for hand in hands:
            os.waitpid(hand.pid, 0)


def _share(
    job: Job,
    hands: list[_Hand],
    lines: Any,
    mark: Watermark,
    sink: _AsTheyCome,
    tally: Tally,
    tick: Callable[[], object],
) -> None:
    source = chunks(lines, job.form, mark)
    number = 0
    over = False
    while True:
        dry = False
        for hand in hands:
            hand.push()
            while not over and not dry and hand.hungry and sink.room(number + 1):
                item = next(source, None)
                if item is None:
                    over = True
                elif item is PENDING:
                    dry = True
                else:
                    number += 1
                    hand.give(number, *item)
                    hand.push()
            if over:
                hand.fed = True
                hand.push()
        if not _listen(hands, sink, tally, lines.fd if dry else -1):
            return
        tick()


def _listen(hands: list[_Hand], sink: _AsTheyCome, tally: Tally, also: int) -> bool:
    """Wait a second at most for anything; False when every worker has ended. WorkerLost if one failed."""
    poller = _poll()
    readers = {}
    for hand in hands:
        if not hand.ended:
            readers[hand.reports] = hand
            poller.register(hand.reports, _READ)
            if hand.out and hand.feed >= 0:
                poller.register(hand.feed, _WRITE)
    if also >= 0:
        poller.register(also, _READ)
    if not readers:
        return False
    heard = False
    for fd, _ in poller.poll(1000):
        hand_or_none = readers.get(fd)
        if hand_or_none is not None:
            heard = _hear(hand_or_none, sink) or heard
    if heard:
        tally.reset()
        for hand in hands:
            if hand.report is not None:
                tally.merge(hand.report)
    return True


def _hear(hand: _Hand, sink: _AsTheyCome) -> bool:
    """Read what a worker says; whether its counts were among it."""
    data = os.read(hand.reports, 1 << 18)
    counted = False
    for kind, content in hand.frames(data):
        if kind == b"L":
            sink.lines(hand, content)
        elif kind == b"D":
            number, _, total = content.partition(b" ")
            block = hand.chunks.pop(int(number))
            block.total = int(total)
            block.left = 0
            sink.done(hand, int(number))
        elif kind == b"T":
            hand.report = json.loads(content)
            counted = True
        else:
            hand.failure = content.decode()
    if not data:
        hand.ended = True
        if hand.failure or hand.report is None:
            raise WorkerLost(hand.failure or f"the worker process {hand.pid} died")
        if hand.chunks and not hand.stopped:
            raise WorkerLost(f"the worker process {hand.pid} ended with {len(hand.chunks)} chunks undone")
    return counted
