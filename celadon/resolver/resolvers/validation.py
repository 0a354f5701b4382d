"""Validation where the questions are asked: for an answer at hand, for a resolver in use, and as an engine.

``Validator`` keeps what is known of zones and their keys. It plays the plan of ``dns/dnssec/validate`` in the greenlet
that wants to know; ``ValidatingEngine`` plays many side by side, from the loop, without a greenlet for each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from ...hub import get_hub
from ..answers.single_flight import Flights
from ..dns.dnssec import anchors, validate
from ..dns.dnssec.anchors import Anchors
from ..dns.dnssec.cuts import Cuts
from ..errors import Kind, ResolveError, ResolverConfigError
from ..model import Answer, Question, RRType, Security, Validation
from ..policy.plan import Ask
from ..protocols import Cancel, Done, Engine, FullResolver, Outcome, counts_of

#: Asks these questions and gives their outcomes, in order.
AskAll = Callable[[tuple[Question, ...]], list[Outcome]]
_PROOFS = frozenset((RRType.RRSIG, RRType.NSEC, RRType.NSEC3))
_FAILS = {Security.BOGUS: Kind.BOGUS, Security.INDETERMINATE: Kind.INDETERMINATE}


def read_anchors(path: str | None) -> Anchors:
    """The anchors of a file, or the root's where None. ResolverConfigError, which names the file, if it has none."""
    if path is None:
        return anchors.parse()
    try:
        with open(path, encoding="utf-8") as file:
            return anchors.parse(file.read())
    except OSError as error:
        raise ResolverConfigError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:  # no text; or what parse says
        raise ResolverConfigError(f"{path}: {error}") from None


class Validator:
    """The anchors, and what was found below them. For all greenlets of all hubs; ``clock`` is the time of day."""

    def __init__(self, path: str | None = None, clock: Callable[[], float] | None = None) -> None:
        self.anchors: Anchors = read_anchors(path)
        self.clock: Callable[[], float] = clock or time.time
        self.cuts: Cuts = Cuts()

    asked: Callable[[Question], Question] = staticmethod(validate.asked)

    def plan(self, answer: Answer) -> Any:
        """The plan that validates an answer to a question as ``asked`` makes it."""
        return validate.validation(answer, self.anchors, self.cuts, self.clock)

    def finished(self, question: Question, answer: Answer, found: Validation) -> Answer:
        """The answer to the question as it was given: without the signatures, if it did not ask for them."""
        options = question.options
        if options is not None and options.dnssec:
            return answer.changed(question=question, validation=found)
        dropped = _PROOFS - {question.rdtype}
        sections = {
            name: tuple([one for one in getattr(answer, name) if one.rdtype not in dropped])
            for name in ("records", "authority", "additional")
        }
        return answer.changed(question=question, validation=found, **sections)

    def validated(
        self, question: Question, answer: Answer, ask: Callable[[tuple[Question, ...]], list[Outcome]]
    ) -> Answer:
        """The answer with its ``validation``; it is to ``asked(question)``. ``ask`` may park the calling greenlet."""
        plan = self.plan(answer)
        try:
            request: Ask = next(plan)
            while True:
                request = plan.send(ask(request.questions))
        except StopIteration as end:
            return self.finished(question, answer, end.value)


_of_resolvers: WeakKeyDictionary[Any, dict[str | None, Validator]] = WeakKeyDictionary()


def queries(resolver: Any, question: Question, path: str | None) -> Generator[Question, Outcome, Answer]:
    """The steps of ``query``: what they yield is to be asked, and its outcome sent back.

    ``resolver`` is whose keys these are: what was found of zones is kept for it.
    """
    kept = _of_resolvers.setdefault(resolver, {})
    validator = kept.get(path)
    if validator is None:
        validator = kept[path] = Validator(path)
    answer = yield validator.asked(question)
    if isinstance(answer, ResolveError):
        raise answer
    plan = validator.plan(answer)
    try:
        request: Ask = next(plan)
        while True:
            outcomes: list[Outcome] = []
            for one in request.questions:
                outcomes.append((yield one))  # noqa: PERF401  (a comprehension cannot yield)
            request = plan.send(outcomes)
    except StopIteration as end:
        answer = validator.finished(question, answer, end.value)
    told = answer.validation
    assert told is not None
    if told.state in _FAILS:
        raise ResolveError(
            _FAILS[told.state],
            question.name,
            detail=told.reason,
            server=answer.server,
            rcode=answer.rcode,
            answer=answer,
        )
    return answer


def query(resolver: FullResolver, question: Question, deadline: float | None, path: str | None) -> Answer:
    """``resolver.query`` with validation: the answer is secure or insecure. Parks the calling greenlet.

    ``path`` is a file of anchors, None for the root's. ResolveError with Kind.BOGUS or Kind.INDETERMINATE, and the
    answer, for any other; ResolverConfigError for a file that names no anchors.
    """
    hub = get_hub()
    ends = None if deadline is None else hub.now() + deadline
    steps = queries(resolver, question, path)
    try:
        asked = next(steps)
        while True:
            outcome: Outcome
            try:
                outcome = resolver.query(asked, None if ends is None else max(ends - hub.now(), 0.001))
            except ResolveError as error:
                outcome = error
            asked = steps.send(outcome)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


class ValidatingEngine:
    """An engine around another one that puts a ``validation`` on each answer. Belongs to the calling thread's hub."""

    def __init__(self, inner: Engine, validator: Validator) -> None:
        hub = get_hub()
        self.name: str = inner.name
        self.inner = inner
        self.validator = validator
        self._keys = Flights(inner, None, hub.now, hub.call_later)

    def submit(self, question: Question, done: Done) -> Cancel:
        """See ``Engine.submit``."""
        return _Judging(self, question, done).cancel

    def counts(self) -> Any:
        """The inner engine's."""
        return counts_of(self.inner)

    @property
    def exchange(self) -> Any:
        """The inner engine's, if it has one."""
        return getattr(self.inner, "exchange", None)

    def close(self) -> None:
        """See ``Engine.close``."""
        self._keys.close()


class _Judging:
    """One question under way: first its answer, then what the plan asks."""

    __slots__ = ("_answer", "_cancels", "_done", "_home", "_outcomes", "_plan", "_question")

    def __init__(self, home: ValidatingEngine, question: Question, done: Done) -> None:
        self._home = home
        self._question = question
        self._done = done
        self._plan: Any = None
        self._answer: Any = None
        self._outcomes: dict[int, Outcome] = {}
        self._cancels = [home.inner.submit(home.validator.asked(question), self._came)]

    def cancel(self) -> None:
        for one in self._cancels:
            one()
        self._cancels = []
        self._plan = None

    def _came(self, outcome: Outcome) -> None:
        if isinstance(outcome, ResolveError):
            self._cancels = []
            self._done(outcome)
            return
        self._answer = outcome
        self._plan = self._home.validator.plan(outcome)
        self._go_on(None)

    def _go_on(self, outcomes: list[Outcome] | None) -> None:
        self._cancels = []
        try:
            request: Ask = self._plan.send(outcomes)
        except StopIteration as end:
            self._plan = None
            self._done(self._home.validator.finished(self._question, self._answer, end.value))
            return
        self._outcomes = {}
        count = len(request.questions)
        for index, one in enumerate(request.questions):
            try:
                self._cancels.append(self._home._keys.submit(one, partial(self._heard, index, count)))
            except ResolveError as error:
                get_hub().call_soon(self._heard, index, count, error)

    def _heard(self, index: int, count: int, outcome: Outcome) -> None:
        if self._plan is None:
            return
        self._outcomes[index] = outcome
        if len(self._outcomes) == count:
            self._go_on([self._outcomes[one] for one in range(count)])


def engine(inner: Engine, path: str | None) -> ValidatingEngine:
    """An engine that validates what ``inner`` answers, from the anchors of a file or the root's."""
    return ValidatingEngine(inner, Validator(path))
