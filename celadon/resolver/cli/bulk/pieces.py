"""The book of a run's pieces: how each is done exactly once, although workers die and overtake each other. Pure.

A piece is to do, out with somebody, or done. For the processes of ``-P`` it is a chunk of lines, for ``--parts`` and
for clusters a shard. The rules are the same everywhere:

1. ``claim`` takes a piece that is to do. A claim promises nothing: who has it may die.
2. Records come first, their note second. Only what a note covers counts; all else is cut off, or never read.
   (``-P``: a whole frame has records and which questions they answer; the caller writes them and notes the questions.
   Parts: a file of records, then ``part-N.json``. A checkpoint: the output's length, and what is done in it.)
3. ``commit`` counts once, the first time; a second attempt's comes to nothing.
4. ``lost`` puts a piece back. An attempt that failed counts, and after ``TRIES`` of them the run ends.

A run that goes on begins with what the notes say is done, and adds the other pieces.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

TRIES = 4  # of a piece: three workers may die under it


class WorkerLost(RuntimeError):
    """The workers of a run cannot do a piece of it."""


class Pieces:
    """Pieces by number; ``out`` says who has which. What is done is not kept, so memory is that of what is open.

    ``kind`` is the word for a piece in errors. ``again`` counts the attempts that were lost. Not for threads.
    """

    def __init__(self, kind: str, todo: Iterable[int] = ()) -> None:
        self._kind = kind
        self._todo: deque[int] = deque(todo)
        self._failed: Counter[int] = Counter()
        self.out: dict[int, object] = {}
        self.again: int = 0

    @property
    def waiting(self) -> bool:
        """Whether a piece is to do."""
        return bool(self._todo)

    @property
    def open(self) -> bool:
        """Whether a piece is not done."""
        return bool(self._todo or self.out)

    def add(self, number: int) -> None:
        """One piece more is to do."""
        self._todo.append(number)

    def claim(self, who: object = None) -> int | None:
        """The piece that ``who`` does next; None if none is to do."""
        if not self._todo:
            return None
        number = self._todo.popleft()
        self.out[number] = who
        return number

    def of(self, who: object) -> list[int]:
        """What somebody has."""
        return [number for number, owner in self.out.items() if owner is who]

    def commit(self, number: int) -> bool:
        """A piece is done; True the first time."""
        if number not in self.out:
            return False
        del self.out[number]
        self._failed.pop(number, None)
        return True

    def lost(self, number: int, why: str = "") -> None:
        """A piece that is out came to nothing: it is to do again.

        ``why`` is empty where the attempt is not to blame. WorkerLost when the last attempt that it has failed.
        """
        del self.out[number]
        if why:
            self._failed[number] += 1
            if self._failed[number] >= TRIES:
                raise WorkerLost(f"{self._kind} {number} failed {TRIES} times, at last by {why}")
        self.again_with(number)

    def again_with(self, number: int) -> None:
        """A piece whose records turned out not to be what its note says is to do again."""
        self.again += 1
        self._todo.append(number)
