"""The five calls as one value, and what a resolver has that does not define all of them."""

import pytest

from celadon import resolver
from celadon.resolver import Kind, Question, ResolveError
from celadon.resolver.protocols import FullResolver
from celadon.resolver.resolvers.calls import NAMES, Call, CallResolver, Wrapper
from celadon.resolver.resolvers.custom import Completed
from celadon.resolver.resolvers.deadline import Bounded
from celadon.resolver.resolvers.observed import Observed, Teller
from celadon.resolver.resolvers.resolver_chain import ChainResolver

ARGUMENTS = {
    "getaddrinfo": ("a.test", 80, 2, 1, 6, 0),
    "getnameinfo": (("192.0.2.1", 80), 2),
    "gethostbyname": (b"a.test",),
    "gethostbyname_ex": ("a.test",),
    "gethostbyaddr": ("192.0.2.1",),
}
OTHERS = {
    "query": (Question("a.test", 1), 2.0),
    "stats": (),
    "explain": ("a.test",),
    "discard": ("a.test", "192.0.2.1"),
    "permit": ("192.0.2.1",),
}


class Recorder(CallResolver):
    """Records each call and returns it."""

    cache = "the cache"
    idna = 2008
    forward_only = False
    closed = False

    def __init__(self):
        self.heard = []

    def call(self, call):
        self.heard.append(call)
        return call

    def close(self):
        self.closed = True


for _name in OTHERS:
    setattr(Recorder, _name, lambda self, *args, _name=_name: self.heard.append(Call(_name, args)) or _name)

WRAPPED = {
    "Wrapper": Wrapper,
    "Bounded": lambda inner: Bounded(inner, 5, True),
    "Observed": lambda inner: Observed(inner, Teller("recorder", lambda event: None), "resolver"),
    "a chain": lambda inner: ChainResolver([inner]),
    "Completed": Completed,
}


@pytest.mark.parametrize(
    ("name", "args", "subject", "shown", "reverse"),
    [
        ("getaddrinfo", ("a.test", 80), "a.test", "a.test", False),
        ("getaddrinfo", (b"\xe9", 80), b"\xe9", "\xe9", False),
        ("getaddrinfo", (None, 80), None, "", False),
        ("gethostbyname", ("a.test",), "a.test", "a.test", False),
        ("gethostbyname_ex", (3,), 3, "3", False),
        ("gethostbyaddr", ("192.0.2.1",), "192.0.2.1", "192.0.2.1", True),
        ("getnameinfo", (("192.0.2.1", 80), 0), "192.0.2.1", "192.0.2.1", True),
        ("getnameinfo", ((), 0), None, "", True),
        ("getnameinfo", (7, 0), None, "", True),
    ],
)
def test_what_a_call_is_about(name, args, subject, shown, reverse):
    call = Call(name, args)
    assert (call.subject, call.shown, call.reverse) == (subject, shown, reverse)


@pytest.mark.parametrize("name", NAMES)
def test_a_call_is_the_method_of_its_name(name):
    inner = Recorder()
    assert getattr(inner, name)(*ARGUMENTS[name]) == Call(name, ARGUMENTS[name]) == inner.heard[0]
    assert inner.heard[0].on(inner) == inner.heard[0]


def test_arguments_left_out_are_the_standard_librarys():
    inner = Recorder()
    assert inner.getaddrinfo("a", None, flags=2).args == ("a", None, 0, 0, 0, 2)
    assert inner.getnameinfo(("a", 1)).args == (("a", 1), 0)


# A chain makes one result of what its members' query, stats and explain return.
OF_MEMBERS = ("query", "stats", "explain")


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_a_wrapper_hands_on_every_call(name):
    given = {**ARGUMENTS, **OTHERS}[name]
    for kind, wrap in WRAPPED.items():
        if kind != "a chain" or name not in OF_MEMBERS:
            inner = Recorder()
            getattr(wrap(inner), name)(*given)
            assert inner.heard == [Call(name, given)], kind


@pytest.mark.parametrize("wrap", [one for name, one in WRAPPED.items() if name != "a chain"])
def test_a_wrapper_shows_what_the_inner_one_is(wrap):
    inner = Recorder()
    made = wrap(inner)
    assert (made.cache, made.idna, made.forward_only, made.heard) == ("the cache", 2008, False, [])
    made.close()
    assert inner.closed


class Least:
    """What a program must write, and one optional call."""

    closed = 0

    def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):
        return [(2, 1, 6, "", ("192.0.2.7", 0))]

    def getnameinfo(self, sockaddr, flags=0):
        return "least.test", "0"

    def discard(self, host, address):
        return True

    def close(self):
        self.closed += 1


def test_what_a_program_left_out_is_the_default():
    made = resolver.make(Least())
    assert isinstance(made, FullResolver)
    assert made.discard("a", "b") is True
    assert made.gethostbyname("a") == "192.0.2.7"
    assert made.permit("127.0.0.1") is None
    assert (made.cache, made.idna, made.forward_only) == (None, 2003, False)
    assert "Least" in made.stats().resolver
    assert "Least" in made.explain("a").resolver
    with pytest.raises(ResolveError) as caught:
        made.query(Question("a.test", 1))
    assert caught.value.kind is Kind.UNSUPPORTED


def test_the_failure_of_a_member_that_could_know_is_the_chains():
    class Failing(Least):
        def query(self, question, deadline=None):
            raise ResolveError(Kind.TIMEOUT, question.name)

    for members in ([Failing(), Least()], [Least(), Failing()], [Failing(), lambda host: None]):
        with pytest.raises(ResolveError) as caught:
            resolver.make(members).query(Question("a.test", 1))
        assert caught.value.kind is Kind.TIMEOUT


@pytest.mark.parametrize("options", [{}, {"deadline": 5}])
def test_a_scope_leaves_the_callers_object_open(options):
    mine, made = Least(), Recorder()
    for one in (mine, made):
        with resolver.scope(one, **options):
            pass
        assert not one.closed
    with resolver.scope(Recorder, **options) as made:
        assert not made.closed
    assert made.closed
