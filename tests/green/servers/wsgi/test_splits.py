"""Random connections: valid requests, pipelined and bent, split by us as by h11, and in whatever pieces they come.

HTTP_SPLITS=100000 for a longer run.
"""

import contextlib
import os

from hypothesis import given, settings
from hypothesis import strategies as st

from celadon.green.servers.wsgi import BadRequest
from celadon.green.servers.wsgi.chunked_body import ChunkedDecoder, encode_chunk

from .corpus import CASES, NEXT
from .test_corpus import requests_by_h11, requests_in

EXAMPLES = int(os.environ.get("HTTP_SPLITS", "300"))
RAWS = [case.raw for case in CASES if len(case.raw) < 600]
VALID = [case.raw for case in CASES if case.status == 200 and not case.last and len(case.raw) < 600]
#: What parsers have disagreed on.
PIECES = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"\0",
    b":",
    b",",
    b";",
    b"0",
    b"5",
    b"-",
    b"+",
    b"_",
    b"x",
    b"\x0b",
    b"\xff",
    b'"',
]
PIECES += [
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: h\r\n",
    b"chunked",
    b"HTTP/1.0",
    b"0\r\n\r\n",
    b"GET / HTTP/1.1\r\n",
]

bends = st.lists(
    st.tuples(st.integers(0, 2000), st.integers(0, 3), st.sampled_from(PIECES) | st.binary(max_size=2)), max_size=3
)


def bent(data, changes):
    """At each place so many bytes are taken away and others put in."""
    for at, drop, piece in changes:
        at %= len(data) + 1
        data = data[:at] + piece + data[at + drop :]
    return data


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.sampled_from(RAWS), min_size=1, max_size=3), bends)
def test_no_two_requests_are_split_otherwise_than_by_h11(raws, changes):
    data = bent(b"".join(raws), changes) + NEXT
    ours, _ = requests_in(data)
    theirs, _ = requests_by_h11(data)
    both = min(len(ours), len(theirs))
    assert ours[:both] == theirs[:both]


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.sampled_from(VALID), min_size=1, max_size=5))
def test_valid_requests_behind_each_other(raws):
    ours, fault = requests_in(b"".join(raws) + NEXT)
    assert fault is None
    assert len(ours) == len(raws) + 1
    assert ours[-1] == (b"GET", b"/next", b"")


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.sampled_from(RAWS), min_size=1, max_size=2), bends, st.lists(st.integers(1, 50), min_size=1))
def test_pieces_make_no_difference(raws, changes, sizes):
    """To what is answered; which of two faults is seen first may differ."""
    data = bent(b"".join(raws), changes) + NEXT
    cut, at = [], 0
    while at < len(data):
        size = sizes[len(cut) % len(sizes)]
        cut.append(data[at : at + size])
        at += size
    whole, fault = requests_in(data)
    pieces, other = requests_in(*cut)
    assert whole == pieces
    assert (fault is None) == (other is None)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.binary(max_size=20), st.integers(1, 9))
def test_chunks_are_decoded_as_they_were_encoded(chunks, rest, size):
    data = b"".join(map(encode_chunk, chunks)) + b"0\r\n\r\n" + rest
    decoder, body, at = ChunkedDecoder(), b"", 0
    while not decoder.done:
        body += decoder.feed(data[at : at + size])
        at += size
    assert body == b"".join(chunks)
    assert decoder.rest + data[at:] == rest


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes_are_refused_or_read(data):
    """Nothing but a BadRequest comes out."""
    requests_in(data)
    with contextlib.suppress(BadRequest):
        ChunkedDecoder().feed(data)
