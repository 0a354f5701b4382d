"""``bulk`` on asyncio: the same batch as on the hub, awaited."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from functools import partial
from typing import Any

from .. import bulk_lookup
from ..dns.exchange import Tuning
from ..model import Question, Server
from ..protocols import Cancel, Outcome
from .awaiting import current


async def bulk(
    names: Iterable[str],
    types: Iterable[str | int] = ("A",),
    *,
    engine: str = "python",
    servers: Iterable[str | Server] | None = None,
    timeout: float = bulk_lookup.PATIENCE,
    attempts: int = bulk_lookup.TRIES,
    concurrency: int = 1000,
    rate: float = 0.0,
    rate_per_server: float = 0.0,
    adaptive: bool = True,
    ordered: bool = False,
) -> AsyncGenerator[tuple[Question, Outcome], None]:
    """See ``celadon.resolver.bulk``: exactly one ``(question, outcome)`` for each name and type, as they come.

    ``engine`` is a name. ``aclose`` of the generator, or the end of its task, cancels what is in flight; a loop that
    breaks off closes it in the loop's next turns (``contextlib.aclosing`` does it at once).
    """
    place = current()
    asked = bulk_lookup.pairs(names, types)
    tuning = Tuning(in_flight=concurrency, rate=rate, rate_per_server=rate_per_server, adaptive=adaptive)
    made = bulk_lookup.engine_for(engine, servers, timeout, attempts, tuning, place)
    batch = bulk_lookup.Batch(asked, made, concurrency, ordered, None)

    def begin(_: None, done: Callable[[Any], None]) -> Cancel:
        return batch.wake_by(partial(done, None))

    try:
        while True:
            batch.ask_more()
            if batch.ready:
                for one in batch.take():
                    yield one
                if batch.ready:
                    await place.turn()
            elif not batch.exhausted and batch.count < concurrency:
                await place.turn()
            elif batch.flight:
                await place.wait(begin, None, None)
            elif batch.exhausted:
                return
    finally:
        batch.cancel()
        made.close()
