"""StubResolver: runs lookups on the hub, with an engine and the system's files.

``lookups`` says what to ask, the engine asks, and the greenlet parks once for all questions. So a kill or a Timeout is
raised at one place, where the questions are cancelled.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import GeneratorType as Generator
from typing import Any, TypeVar

from ...hub import Hub, get_hub, getcurrent
from ...hub.lowlevel import TIMED_OUT, Wake, hub_if_any, park_for
from ..answers.single_flight import Flights
from ..model import Question
from ..names.domain import to_ascii as _ascii
from ..policy.explain import Explanation
from ..policy.explain import steps as steps_of
from ..policy.search import candidates
from ..protocols import Engine, Outcome
from .calls import CallResolver
from .deadline import Bounded
from .lookups import Lookups, OtherCall, SideBySide, Steps, Waited, over

T = TypeVar("T")


def ask(engine: Engine | Flights, questions: tuple[Question, ...], ends: float | None = None) -> list[Outcome]:
    """Ask all at once and park until all are answered; returns the outcomes in order.

    A kill or a Timeout cancels what is still unanswered. ResolveError for a question that cannot be sent, and with
    Kind.TIMEOUT when the hub's clock reaches ``ends`` first.
    """
    return _ask(get_hub(), engine, questions, ends)


def _ask(hub: Hub, engine: Engine | Flights, questions: tuple[Question, ...], ends: float | None) -> list[Outcome]:
    if len(questions) == 1:
        return [ask_one(hub, engine, questions[0], ends)]
    left = None if ends is None else max(ends - hub.now(), 0)
    outcomes: Any = park_for(SideBySide(engine, questions, partial(hub.unpark, getcurrent())).cancel, left)
    if outcomes is TIMED_OUT:
        raise over(questions[0])
    return outcomes  # type: ignore[no-any-return]


def ask_one(hub: Hub, engine: Engine | Flights, question: Question, ends: float | None) -> Outcome:
    """As ``ask``, for one question."""
    wake = Wake(hub)
    outcome: Any = wake.wait(engine.submit(question, wake.up), None if ends is None else max(ends - hub.now(), 0))
    if outcome is TIMED_OUT:
        raise over(question)
    return outcome  # type: ignore[no-any-return]


class StubResolver(Lookups, CallResolver):
    """libc's answers over any engine. One object serves all hubs; each hub gets its own engine at its first question.

    See ``Lookups`` for the arguments. Each call parks the calling greenlet only.
    """

    def __repr__(self) -> str:
        return f"<StubResolver over {self.name}>"

    place: Callable[[], Any] = staticmethod(get_hub)

    def _here(self) -> Hub | None:
        """See Lookups."""
        return hub_if_any()

    def _drive(self, place: Hub, steps: Steps[T]) -> T:
        """See Lookups."""
        try:
            asked = next(steps)
            while True:
                try:
                    came = self._other(asked) if isinstance(asked, OtherCall) else _ask(place, *asked)
                except BaseException as error:  # noqa: BLE001  (raised again, by the steps)
                    asked = steps.throw(error)  # they end with the error, having put their house in order
                else:
                    asked = steps.send(came)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    def _other(self, asked: OtherCall) -> Any:
        resolver = asked.resolver if asked.seconds is None else Bounded(asked.resolver, asked.seconds, False)
        return asked.call.on(resolver)

    def _wait(self, place: Hub, waited: Waited, then: Callable[[Any, Waited, Outcome], Any]) -> Any:
        """See Lookups."""
        seat, key, question, ends, _, _ = waited
        try:
            wake = Wake(place)
            cancel = seat.flights.join(key, question, wake.up)
            outcome = wake.wait(cancel, None if ends is None else max(ends - place.now(), 0))
            if outcome is TIMED_OUT:
                raise over(question)
        except BaseException as error:
            self._failed(waited, error)
            raise
        found = then(place, waited, outcome)
        return self._drive(place, found) if found.__class__ is Generator else found

    def explain(self, name: str) -> Explanation:
        """See FullResolver."""
        reason = "it was chosen"
        if self._elsewhere is not None:
            choice = self._elsewhere.choice(name)
            if choice.who == "thread":
                return Explanation(name, "thread, libc itself", choice.reason)
            reason = choice.reason
        return Explanation(name, self.name, reason, steps_of(self._world(), name, self.cache, get_hub().now()))

    def discard(self, host: str, address: str) -> bool:
        """See FullResolver. Every name that the search list makes of the host counts."""
        cache = self.cache
        if cache is None:
            return False
        world = self._world()
        names = candidates(_ascii(host), world.config, world.aliases)
        found = [cache.discard(one, address) for one in names]  # all of them: the address may be under several
        return any(found)
