"""A bulk run on several processes: this one reads and writes, the others ask, each with an engine of its own.

Chunks of lines go out through pipes, records come back by the batch, and with them which questions they answer, so one
input, one output and one checkpoint are enough. A process reads its pipe as fast as it may ask, and a pipe that is full
is what holds its next chunk back: chunks that wait for one slow name do not count. Nothing here blocks on a pipe while
another has something to say.
"""

from __future__ import annotations

import json
import os
import select
import sys
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from ....hub import get_hub, getcurrent
from ....hub.lowlevel import watch
from .files import PENDING, Output, PipeLines
from .job import Job, work
from .names_in import Asked, Block, Key, Watermark, chunks, of_block
from .stop import Stop, Stopped, Unfit, held_back, ignore
from .tally import Tally

_RECORDS = 256  # that a worker reports together
_INDEX = 24  # bits of a question's number in its chunk
_INDICES = (1 << _INDEX) - 1
_BUFFERED = 1 << 14  # bytes that wait for a pipe to take them: it holds four times as many
_AHEAD = 64  # chunks for each process, of which the first may keep the others' records from being written
_poll = select.poll
_READ, _WRITE = select.POLLIN, select.POLLOUT


class WorkerLost(RuntimeError):
    """A process of the run ended before its work did."""


# -- in the worker: a line "B number known" begins a chunk, "L text" are its lines, "E" ends it -------------------


class _Chunk(Block):
    """A chunk by its number."""

    __slots__ = ("number",)

    def __init__(self, number: int, known: str) -> None:
        super().__init__(known=known)
        self.number = number


class _Worker:
    """Asks for the lines of a pipe, and reports their records with what they are the records of."""

    def __init__(self, job: Job, source: int, target: int, stop: int) -> None:
        self._job = job
        self._pipe = PipeLines(source)
        self._target = target
        self._hub = get_hub()
        self._me = getcurrent()
        self._stopping = watch(stop, on_readable=self._stop)  # its end is the parent's word, or the parent's end
        self._tally = Tally()
        self._lines: list[str] = []
        self._marks = array("Q")

    def run(self) -> None:
        """Work until the pipe ends or says stop."""
        job = self._job
        engine = job.engine()
        self._hub.call_later(1.0, self._tick)
        try:
            with suppress(Stopped):
                work(job, self._asked(), engine, self._tally, self._put, self._pipe.pending)
        finally:
            self._flush()
            engine.close()
            self._tell()

    def _asked(self) -> Iterator[Asked]:
        block = _Chunk(0, "")
        raw: Any
        for raw in self._pipe:
            if raw is PENDING:
                yield PENDING
                continue
            kind, rest = raw[:1], raw[1:-1]
            if kind == b"L":
                yield from of_block(block, rest, self._job.form)
            elif kind == b"E":
                block.closed = True
                if not block.left:
                    self._finished(block)
            else:
                number, _, known = rest.partition(b" ")
                block = _Chunk(int(number), known.decode())

    def _put(self, key: Key, line: str) -> None:
        block: Any = key.block
        if line:
            self._lines.append(line)
        self._marks.append(block.number << _INDEX | key.index)
        block.left -= 1
        if block.closed and not block.left:
            self._finished(block)
        elif len(self._marks) >= _RECORDS:
            self._flush()

    def _finished(self, block: _Chunk) -> None:
        self._flush()
        _send(self._target, b"D", f"{block.number} {len(block.done)}".encode())

    def _flush(self) -> None:
        if self._marks:
            lines = self._job.encode(self._lines) if self._lines else b""
            _send(self._target, b"R", len(self._marks).to_bytes(4, "big") + self._marks.tobytes() + lines)
            self._marks = array("Q")
            self._lines.clear()

    def _tell(self) -> None:
        _send(self._target, b"T", json.dumps(self._tally.plain()).encode())

    def _tick(self) -> None:
        self._hub.call_later(1.0, self._tick)  # and so the loop has something to wait for while there is no work
        try:
            self._flush()
            self._tell()
        except BrokenPipeError:
            os._exit(0)  # as in _work, but here it would end the tick only

    def _stop(self) -> None:
        self._stopping.close()
        self._hub.cancel(self._me, Stopped())


def _work(job: Job, source: int, target: int, stop: int) -> None:
    """A worker's whole life; never returns."""
    code = 1
    try:
        _Worker(job, source, target, stop).run()
        code = 0
    except BrokenPipeError:
        code = 0  # the parent is gone, and with it whoever wanted the records
    except Unfit as error:
        with suppress(OSError):
            _send(target, b"U", str(error).encode("utf-8", "backslashreplace"))
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
    """Records are written as soon as they are here, and their questions are done."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def room(self, number: int) -> bool:
        """Whether chunk ``number`` may be given out."""
        return True

    def records(self, hand: _Hand, content: bytes) -> None:
        """Records from a worker, and before them which questions they are the records of."""
        end = 4 + int.from_bytes(content[:4], "big") * 8
        self._output.raw(content[end:])
        for mark in memoryview(content[4:end]).cast("Q"):
            hand.chunks[mark >> _INDEX].note(mark & _INDICES)

    def done(self, hand: _Hand, number: int, total: int) -> None:
        """All records of a chunk, ``total`` questions, have come from the worker that had it."""
        hand.chunks.pop(number).all_done(total)


class _InOrder(_AsTheyCome):
    """A chunk's records are written after those of all chunks before it.

    A worker, which keeps to the order itself, is between two chunks when it says that one is done. What waits for a
    slow chunk is bounded, because none is given out too far ahead of it.
    """

    def __init__(self, output: Output, ahead: int) -> None:
        super().__init__(output)
        self._ahead = ahead
        self._next = 1
        self._waiting: dict[int, tuple[_Hand, list[bytes], int]] = {}

    def room(self, number: int) -> bool:
        """See ``_AsTheyCome.room``."""
        return number < self._next + self._ahead

    def records(self, hand: _Hand, content: bytes) -> None:
        """See ``_AsTheyCome.records``."""
        hand.held.append(content)

    def done(self, hand: _Hand, number: int, total: int) -> None:
        """See ``_AsTheyCome.done``."""
        self._waiting[number] = hand, hand.held, total
        hand.held = []
        while self._next in self._waiting:
            owner, held, count = self._waiting.pop(self._next)
            for content in held:
                super().records(owner, content)
            super().done(owner, self._next, count)
            self._next += 1


class _Hand:
    """A worker as its parent sees it."""

    def __init__(self, job: Job, others: list[_Hand], stop: tuple[int, int]) -> None:
        source, self.feed = os.pipe()
        self.reports, target = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        with held_back():
            self.pid = os.fork()
            if not self.pid:
                # They come to the whole group of processes; the parent has them too, and says what to do.
                ignore()
        if not self.pid:
            for fd in (stop[1], self.feed, self.reports, *(fd for one in others for fd in (one.feed, one.reports))):
                os.close(fd)
            _work(job, source, target, stop[0])
        os.close(source)
        os.close(target)
        os.set_blocking(self.feed, False)
        self.out = bytearray()
        self.buffer = bytearray()
        self.held: list[bytes] = []  # records that are not to be written yet
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
        self.out += b"B%d %s\n" % (number, block.known.encode()) + b"".join([b"L" + line for line in lines]) + b"E\n"

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
    job: Job,
    count: int,
    lines: Any,
    mark: Watermark,
    output: Output,
    tally: Tally,
    tick: Callable[[], object],
    stop: Stop,
) -> None:
    """Share the lines among ``count`` processes; ``tick`` is called every second.

    When ``stop`` has noted a signal, what was answered is written, and what was not is cancelled. WorkerLost if one
    of the processes fails.
    """
    hands: list[_Hand] = []
    sink = _InOrder(output, count * _AHEAD) if job.ordered else _AsTheyCome(output)
    stopping, ends = os.pipe()  # closing it tells the workers to stop
    try:
        for _ in range(count):
            hands.append(_Hand(job, hands, (stopping, ends)))
        if not _share(job, hands, lines, mark, sink, tally, tick, stop):
            for hand in hands:
                hand.stopped = True
                hand.out.clear()
                hand.end_feed()
            os.close(ends)
            ends = -1
            while _listen(hands, sink, tally):
                tick()
    finally:
        for hand in hands:
            hand.end_feed()
            os.close(hand.reports)
        os.close(stopping)
        if ends >= 0:
            os.close(ends)
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
    stop: Stop,
) -> bool:
    """Give out chunks and take in records until all is done; False when it is to stop before."""
    source = chunks(lines, job.form, mark)
    number = 0
    over = False
    while not stop.number:
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
        if not _listen(hands, sink, tally, stop.fd, *((lines.fd,) if dry else ())):
            return True
        tick()
    return False


def _listen(hands: list[_Hand], sink: _AsTheyCome, tally: Tally, *also: int) -> bool:
    """Wait a second at most for anything; False when every worker has ended. WorkerLost if one failed."""
    poller = _poll()
    readers = {}
    for hand in hands:
        if not hand.ended:
            readers[hand.reports] = hand
            poller.register(hand.reports, _READ)
            if hand.out and hand.feed >= 0:
                poller.register(hand.feed, _WRITE)
    for fd in also:
        poller.register(fd, _READ)
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
        if kind == b"R":
            sink.records(hand, content)
        elif kind == b"D":
            number, _, total = content.partition(b" ")
            sink.done(hand, int(number), int(total))
        elif kind == b"T":
            hand.report = json.loads(content)
            counted = True
        elif kind == b"U":
            raise Unfit(content.decode())
        else:
            hand.failure = content.decode()
    if not data:
        hand.ended = True
        if hand.failure or hand.report is None:
            raise WorkerLost(hand.failure or f"the worker process {hand.pid} died")
        if hand.chunks and not hand.stopped:
            raise WorkerLost(f"the worker process {hand.pid} ended with {len(hand.chunks)} chunks undone")
    return counted
