"""Frozen values behave as those of ``dataclasses`` do: each case is put to a class of either kind."""

import copy
import dataclasses
import pickle
import sys
from typing import ClassVar

import pytest

from celadon.resolver import Config, Server
from celadon.resolver import frozen as ours


def made(frozen, field):
    """The same classes, decorated by either."""

    @frozen
    class Flat:
        x: "int"
        y: "int" = 2
        seen: "list[int]" = field(default_factory=list)
        note: "str" = field(default="", compare=False)
        total: "int" = field(init=False, compare=False)
        kept: "ClassVar[int]" = 7

        def __post_init__(self):
            if self.x < 0:
                raise ValueError("below 0")
            object.__setattr__(self, "total", self.x + self.y)

        def far(self):
            return self.x + self.y

    @frozen
    class Deep(Flat):
        z: "int" = 3

        def __repr__(self):
            return f"<{self.x} {self.z}>"

    return Flat, Deep


KINDS = [made(ours.frozen, ours.field), made(dataclasses.dataclass(frozen=True, slots=True), dataclasses.field)]
PAIRS = zip(KINDS, (ours, dataclasses), strict=True)


@pytest.fixture(params=list(PAIRS), ids=["ours", "dataclasses"])
def kinds(request):
    return request.param


def test_values(kinds):
    (flat, deep), module = kinds
    one = flat(1)
    assert (one.x, one.y, one.seen, one.note, one.total, one.kept, one.far()) == (1, 2, [], "", 3, 7, 3)
    assert flat(1).seen is not one.seen
    assert flat(1, note="other") == one == flat(y=2, x=1)
    assert flat(1) != flat(2)
    assert one != (1, 2, [])
    assert deep(1) != one
    assert one != deep(1)
    assert (deep(1, 5, z=9).y, deep(1, 5, z=9).z) == (5, 9)
    assert not hasattr(one, "__dict__")
    assert flat.__match_args__ == ("x", "y", "seen", "note")
    assert [field.name for field in module.fields(deep)] == ["x", "y", "seen", "note", "total", "z"]
    assert repr(one).endswith("Flat(x=1, y=2, seen=[], note='', total=3)")
    assert repr(deep(1)) == "<1 3>"


def test_hash(kinds):
    (flat, _), _ = kinds
    assert hash(flat(1, seen=(), note="a")) == hash(flat(1, seen=(), note="b"))
    with pytest.raises(TypeError, match="unhashable"):
        hash(flat(1))


def test_they_are_frozen(kinds):
    (flat, _), _ = kinds
    one = flat(1)
    for name in ("x", "other"):
        with pytest.raises((AttributeError, TypeError)):  # CPython 3.11: TypeError for what is no field
            setattr(one, name, 5)
        with pytest.raises((AttributeError, TypeError)):
            delattr(one, name)
    assert one.x == 1


def test_replace(kinds):
    (flat, deep), module = kinds
    assert module.replace(flat(1, seen=[4]), y=5) == flat(1, 5, [4])
    assert module.replace(deep(1), z=5).z == 5
    assert module.asdict(flat(1)) == {"x": 1, "y": 2, "seen": [], "note": "", "total": 3}
    with pytest.raises(TypeError, match="other"):
        module.replace(flat(1), other=5)
    with pytest.raises(ValueError, match="below 0"):
        module.replace(flat(1), x=-1)
    if sys.version_info >= (3, 13):
        assert copy.replace(flat(1), y=5) == flat(1, 5)


@pytest.mark.parametrize(
    ("args", "kwargs", "why"),
    [
        ((), {}, "missing.*'x'"),
        ((), {"y": 1}, "missing.*'x'"),
        ((1, 2, 3, 4, 5), {}, "takes"),
        ((1,), {"x": 1}, "multiple values for argument 'x'"),
        ((1,), {"other": 1}, "unexpected keyword argument 'other'"),
        ((1,), {"total": 1}, "unexpected keyword argument 'total'"),
        ((1, 2, [], ""), {"other": 1}, "unexpected keyword argument 'other'"),
        ((1, 2, [], ""), {"y": 1}, "multiple values for argument 'y'"),
    ],
)
def test_wrong_arguments(kinds, args, kwargs, why):
    (flat, _), _ = kinds
    with pytest.raises(TypeError, match=why):
        flat(*args, **kwargs)


def test_a_value_of_the_library_is_copied_and_pickled():
    from celadon.resolver import Config, QueryOptions, Question, ResolverStats, Server

    for one in (Config((Server("192.0.2.1", 54),), warnings=("w",)), QueryOptions(cd=True), ResolverStats("r")):
        for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
            assert other == one
            assert repr(other) == repr(one)
    question = Question("www.example", 1, options=QueryOptions())
    assert {question: 1}[Question("www.example", 1, options=QueryOptions())] == 1


def test_dataclasses_takes_our_values_too():
    config = Config(servers=(Server("192.0.2.1"),), warnings=("a line",))
    assert dataclasses.is_dataclass(config)
    assert [one.name for one in dataclasses.fields(config)] == [one.name for one in ours.fields(Config)]
    assert dataclasses.replace(config, ndots=2) == ours.replace(config, ndots=2) != config
    assert dataclasses.asdict(Server("192.0.2.1"))["port"] == 53
