"""The accelerator says what the Python codec says, or leaves it to it; and it is known whether it is there."""

import os
import random
import subprocess
import sys
from collections import Counter
from types import SimpleNamespace

import pytest

from celadon.resolver import Question, accel, stats
from celadon.resolver.dns import wire
from tests.resolver import fuzz_codec

BUILT = pytest.mark.skipif(accel.codec is None, reason="the accelerator is not built, or off")


@BUILT
def test_bent_packets_and_odd_names_are_read_alike(codec):
    if codec == "accelerator":
        return  # the Python codec is what it is held against
    draw, seen = random.Random(5), Counter()
    seeds = fuzz_codec.seeds(draw)
    for _ in range(3000):
        packet = fuzz_codec.bent(draw, draw.choice(seeds))
        if len(packet) >= 12:
            fuzz_codec.compare(accel.codec, packet, seen)
        fuzz_codec.names(accel.codec, draw, seen)
        fuzz_codec.arguments(accel.codec, draw, seen)
    assert min(seen[one] for one in ("addresses", "well-formed", "sections", "names", "plain arguments")) > 50


@BUILT
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("walk", (b"",)),
        ("walk", ("text", 12)),
        ("walk", (b"", "text")),
        ("address_in", (b"", None)),
        ("records", (b"", 1)),
        ("records", (None, 12, 1)),
        ("rows", (b"", 12, "1")),
        ("tail", ("a",)),
        ("tail", (("a", 1),)),
        ("first_reply", (wire.OneAddress, wire.AddressAnswer, None, b"", b"", "s", 0.0)),
        ("first_reply", (wire.OneAddress, wire.AddressAnswer, None, "", b"", "s", 0.0, False)),
        ("first_reply", (wire.OneAddress, 1, None, b"", b"", "s", 0.0, False)),
        ("plain", ("a.test", 80, 2, 1, 0)),
    ],
)
def test_wrong_arguments_are_refused(function, arguments):
    with pytest.raises(TypeError):
        getattr(accel.codec, function)(*arguments)


@BUILT
@pytest.mark.parametrize("at", [-1, 0, 11, 13, 1 << 40])
def test_no_offset_leads_out_of_the_message(at):
    message = b"\0\0\x81\x80\0\1\0\1\0\0\0\0"
    assert accel.codec.walk(message, at) is None
    assert accel.codec.records(message, at, 1) is None
    assert accel.codec.records(message + b"\0" * 8, at, 65535) is None
    assert accel.codec.rows(message + b"\0" * 8, at, 64) is None


@pytest.mark.parametrize("name", ["a" * 63 + ".b", "a" * 64, "", "a..b", "a.", "a\\.b", "é", ".".join(["a" * 63] * 4)])
def test_names_at_the_bounds(name):
    try:
        expected = wire.encode_name(name) + b"\0\1\0\1"
    except wire.ResolveError:
        with pytest.raises(wire.ResolveError):
            wire.question_tail(Question(name, 1))
    else:
        assert wire.question_tail(Question(name, 1)) == expected


def test_it_is_said_whether_it_is_on():
    assert stats().accelerator == accel.state()
    code = "from celadon.resolver import accel; print(accel.state())"
    off = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "CELADON_ACCEL": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert off.stdout == ("not built\n" if accel.state() == "not built" else "off\n")


def test_one_that_was_built_from_an_older_source_is_left_out():
    """A checkout that was updated and not built again: its functions may have other arguments."""
    with pytest.warns(RuntimeWarning, match="older source and is not used; build it again"):
        assert accel.current(SimpleNamespace(walk=None)) is None
