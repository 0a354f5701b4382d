"""A bulk run on several processes: this one reads and writes, the others ask, each with an engine of its own.

Chunks of lines go out through pipes, records come back by the batch, and with them which questions they answer, so one
input, one output and one checkpoint are enough. A process reads its pipe as fast as it may ask, and a pipe that is full
is what holds its next chunk back: chunks that wait for one slow name do not count. Nothing here blocks on a pipe while
another has something to say.

Chunks are the pieces of ``pieces``: of a process that dies, the questions whose records did not come whole are asked
again by another one.
"""

from __future__ import annotations

import json
import os
import select
import sys
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from ....hub import get_hub, getcurrent
from ....hub.lowlevel import watch
from .files import PENDING, Output, PipeLines
from .job import Job, work
from .names_in import Asked, Block, Key, Watermark, chunks, of_block
from .pieces import TRIES, Pieces, WorkerLost
from .stop import Stop, Stopped, Unfit, held_back, ignore
from .tally import NOTHING, Tally

_RECORDS = 256  # that a worker reports together
_INDEX = 24  # bits of a question's number in its chunk
_INDICES = (1 << _INDEX) - 1
_BUFFERED = 1 << 14  # bytes that wait for a pipe to take them: it holds four times as many
_AHEAD = 64  # chunks for each process, of which the first may keep the others' records from being written
_poll = select.poll
_READ, _WRITE = select.POLLIN, select.POLLOUT


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
            counts = json.dumps(self._tally.news()).encode()
            sizes = len(self._marks).to_bytes(4, "big") + len(counts).to_bytes(4, "big")
            _send(self._target, b"R", sizes + self._marks.tobytes() + counts + lines)
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


class _Sent(NamedTuple):
    """A chunk that is not done: its block, and its lines in the form of the pipe."""

    block: Block
    lines: bytes


class _AsTheyCome:
    """Records are written as soon as they are here, and their questions are done."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.chunks: dict[int, _Sent] = {}
        self.counts: Tally = Tally()  # of what was written

    def room(self, number: int) -> bool:
        """Whether chunk ``number`` may be given out."""
        return True

    def records(self, hand: _Hand, content: bytes) -> None:
        """Records from a worker; before them, which questions they are the records of, and what to count."""
        marks = 8 + int.from_bytes(content[:4], "big") * 8
        end = marks + int.from_bytes(content[4:8], "big")
        self._output.raw(content[end:])
        for mark in memoryview(content[8:marks]).cast("Q"):
            self.chunks[mark >> _INDEX].block.note(mark & _INDICES)
        self.counts.add_news(json.loads(content[marks:end]))

    def done(self, hand: _Hand, number: int, total: int) -> None:
        """All records of a chunk, ``total`` questions, have come from the worker that had it."""
        self.chunks.pop(number).block.all_done(total)


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
                if fd >= 0:
                    os.close(fd)
            _work(job, source, target, stop[0])
        os.close(source)
        os.close(target)
        os.set_blocking(self.feed, False)
        self.out = bytearray()
        self.buffer = bytearray()
        self.held: list[bytes] = []  # records that are not to be written yet
        self.report: dict[str, Any] | None = None
        self.fed = False  # its last chunk was queued
        self.of_use = False  # something that it did is done
        self.failure = ""

    @property
    def ended(self) -> bool:
        """Whether it says nothing more."""
        return self.reports < 0

    @property
    def hungry(self) -> bool:
        """Whether its pipe takes more."""
        return self.feed >= 0 and len(self.out) < _BUFFERED

    def give(self, number: int, chunk: _Sent) -> None:
        """Queue a chunk."""
        self.out += b"B%d %s\n" % (number, chunk.block.known.encode()) + chunk.lines

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

    def end(self) -> None:
        """Close its pipes, and wait for its end."""
        self.end_feed()
        if self.reports >= 0:
            os.close(self.reports)
            self.reports = -1
            code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            how = f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
            self.failure = self.failure or f"the worker process {self.pid} died: it {how}"

    def frames(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The frames that these bytes complete."""
        buffer = self.buffer
        buffer += data
        while len(buffer) >= 5 and len(buffer) >= 5 + (size := int.from_bytes(buffer[1:5], "big")):
            kind, content = bytes(buffer[:1]), bytes(buffer[5 : 5 + size])
            del buffer[: 5 + size]
            yield kind, content


class _Crew:
    """The workers, and who has which chunk."""

    def __init__(self, job: Job, output: Output, tally: Tally, count: int) -> None:
        self._job = job
        self._tally = tally
        self._sink = _InOrder(output, count * _AHEAD) if job.ordered else _AsTheyCome(output)
        self._stopping, self._ends = os.pipe()  # closing it tells the workers to stop
        self._number = 0  # of the last chunk
        self._stopped = False
        self._idle = 0  # workers that died without a chunk
        self.pieces: Pieces = Pieces("chunk of lines")
        self.hands: list[_Hand] = []

    def hire(self) -> None:
        """One worker more."""
        self.hands.append(_Hand(self._job, self.hands, (self._stopping, self._ends)))

    def feed(self, hand: _Hand, source: Iterator[Any]) -> Any:
        """Give a worker what it takes; returns PENDING or None where the source has nothing now or any more."""
        hand.push()
        while hand.hungry:
            if not self.pieces.waiting:
                if not self._sink.room(self._number + 1):
                    return True
                item = next(source, None)
                if item is None or item is PENDING:
                    return item
                block, lines = item
                block.left = 1
                block.closed = True
                self._number += 1
                self._sink.chunks[self._number] = _Sent(block, b"".join([b"L" + line for line in lines]) + b"E\n")
                self.pieces.add(self._number)
            number = self.pieces.claim(hand)
            if number is not None:
                hand.give(number, self._sink.chunks[number])
                hand.push()
        return True

    def no_more(self) -> None:
        """The source is at its end: workers end when they have done what they have."""
        for hand in self.hands:
            hand.fed = True
            hand.push()

    def stop(self) -> None:
        """All workers are to leave their work, and say what they have done."""
        self._stopped = True
        for hand in self.hands:
            hand.out.clear()
            hand.end_feed()
        os.close(self._ends)
        self._ends = -1

    def listen(self, *also: int) -> bool:
        """Wait a second at most for anything; False when every worker has ended, and nothing is left to do."""
        poller = _poll()
        readers = {}
        for hand in self.hands:
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
                heard = self._hear(hand_or_none) or heard
        if heard:
            self._tally.reset()
            self._tally.merge(self._sink.counts.plain())
            for hand in self.hands:
                if hand.report is not None:
                    self._tally.merge({**hand.report, **NOTHING})
        return True

    def _hear(self, hand: _Hand) -> bool:
        """Read what a worker says; whether the counts have changed."""
        data = os.read(hand.reports, 1 << 18)
        counted = not data
        for kind, content in hand.frames(data):
            if kind == b"R":
                self._sink.records(hand, content)
                hand.of_use = hand.of_use or not self._job.ordered
            elif kind == b"D":
                number, _, total = content.partition(b" ")
                self.pieces.commit(int(number))
                hand.of_use = True
                self._sink.done(hand, int(number), int(total))
            elif kind == b"T":
                hand.report = json.loads(content)
                counted = True
            elif kind == b"U":
                raise Unfit(content.decode())
            else:
                hand.failure = content.decode()
        if not data:
            self._ended(hand)
        return counted

    def _ended(self, hand: _Hand) -> None:
        """A worker says no more. What it had and has not done goes to another one. WorkerLost after some of that."""
        hand.end()
        undone = self.pieces.of(hand)
        if self._stopped or (hand.fed and not undone):
            return
        if not undone:
            self._idle += 1
            if self._idle >= TRIES:
                raise WorkerLost(hand.failure)
        for number in undone:
            block, lines = self._sink.chunks[number]
            block.known = block.so_far()
            self._sink.chunks[number] = _Sent(block, lines)
            # What it did is done, so deaths like this come to an end: they are not the chunk's.
            self.pieces.lost(number, "" if hand.of_use else hand.failure)
        self.hire()

    def end(self) -> None:
        """Close everything, and wait for the workers."""
        for hand in self.hands:
            hand.end_feed()
        os.close(self._stopping)
        if self._ends >= 0:
            os.close(self._ends)
        for hand in self.hands:
            hand.end()


def run_workers(
    job: Job,
    count: int,
    lines: Any,
    mark: Watermark,
    output: Output,
    tally: Tally,
    tick: Callable[[], object],
    stop: Stop,
) -> int:
    """Share the lines among ``count`` processes; ``tick`` is called every second. Returns how many chunks were lost.

    When ``stop`` has noted a signal, what was answered is written, and what was not is cancelled. A chunk is lost when
    its process dies, and another process asks what is not done of it. WorkerLost if that happens to one four times.
    """
    crew = _Crew(job, output, tally, count)
    try:
        for _ in range(count):
            crew.hire()
        _share(crew, chunks(lines, job.form, mark), lines, tick, stop)
        if stop.number:
            crew.stop()
            while crew.listen():
                tick()
        return crew.pieces.again
    finally:
        crew.end()


def _share(crew: _Crew, source: Iterator[Any], lines: Any, tick: Callable[[], object], stop: Stop) -> None:
    """Give out chunks and take in records until all is done, or it is to stop."""
    while not stop.number:
        state: Any = True
        for hand in crew.hands:
            if state is True:
                state = crew.feed(hand, source)
            else:
                hand.push()
        if state is None:
            crew.no_more()
        if not crew.listen(stop.fd, *((lines.fd,) if state is PENDING else ())):
            return
        tick()
