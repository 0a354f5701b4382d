"""Every request of the corpus, sent whole and byte by byte, and read by a second parser."""

import h11
import pytest

from celadon.green.servers.wsgi import BadRequest, BodyError, Limits, WSGIServer
from celadon.green.servers.wsgi.connection import Connection
from celadon.green.servers.wsgi.request_body import ChunkedBody, Input, SizedBody
from celadon.green.servers.wsgi.request_head import parse_head

from .clients import Script, split_responses, talk
from .corpus import CASES, NEXT, get


def requests_in(*pieces, limits=None):
    """What our parser makes of a connection: (method, target, body) of each request, and the status of the fault."""
    limits = limits or Limits()
    connection, found = Connection(Script(*pieces), limits), []
    try:
        while (data := connection.read_head()) is not None:
            head = parse_head(data, limits)
            source = ChunkedBody(connection, None) if head.chunked else SizedBody(connection, head.length or 0)
            found.append((head.method.encode(), head.target.encode(), Input(source).read()))
            if not head.keep_alive:
                break
    except (BadRequest, BodyError) as fault:
        return found, fault.status
    return found, None


def requests_by_h11(data):
    """The same by h11, and whether it refused something."""
    server, found = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20), []
    server.receive_data(data)
    server.receive_data(b"")
    try:
        while True:
            event = server.next_event()
            if not isinstance(event, h11.Request):
                return found, False
            body = b""
            while isinstance(more := server.next_event(), h11.Data):
                body += more.data
            if not isinstance(more, h11.EndOfMessage):
                return found, False
            found.append((event.method, event.target, body))
            server.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
            server.send(h11.EndOfMessage())
            if server.our_state is not h11.DONE or server.their_state is not h11.DONE:
                return found, False
            server.start_next_cycle()
    except h11.RemoteProtocolError:
        return found, True


@pytest.fixture(scope="module")
def seen():
    return []


@pytest.fixture
def server(seen):
    def application(environ, start_response):
        seen.append((environ["REQUEST_METHOD"], environ["RAW_URI"], environ["wsgi.input"].read()))
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    with WSGIServer(("127.0.0.1", 0), application, log=None, error_log=None) as made:
        yield made


def test_the_corpus_is_large():
    assert len(CASES) > 400
    assert len({case.name for case in CASES}) == len(CASES)
    assert sum(case.status != 200 for case in CASES) > 300


def test_every_request_of_the_corpus_by_a_server(server, seen):
    wrong = []
    for case in CASES:
        seen.clear()
        method = case.raw.lstrip(b"\r\n").partition(b" ")[0]
        data = talk(server, case.raw + NEXT)
        answers = [one for one in split_responses(data, ["HEAD" if method == b"HEAD" else "GET"]) if one.status != 100]
        statuses = [one.status for one in answers]
        wanted = [case.status] if case.status != 200 or case.last else [200, 200]
        if statuses != wanted:
            wrong.append((case.name, statuses, wanted))
        elif case.status != 200 and b"\r\nConnection: close\r\n" not in data:
            wrong.append((case.name, "does not say that it closes"))
        elif case.status == 200 and seen[0][2] != case.body:
            wrong.append((case.name, "body", seen))
        elif case.status == 200 and not case.last and seen[1][:2] != ("GET", "/next"):
            wrong.append((case.name, "the next request", seen))
    assert not wrong


@pytest.mark.parametrize("raw", [get()[:-2], get()[:-1], b"GET / HT", b"G", b"\r\nG"])
def test_a_head_that_is_not_finished(server, seen, raw):
    seen.clear()
    assert [one.status for one in split_responses(talk(server, raw))] == [400]
    assert not seen


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"\r\n\r\n"])
def test_no_request_is_no_fault(server, seen, raw):
    seen.clear()
    assert talk(server, raw) == b""
    assert not seen


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pieces_make_no_difference(size):
    wrong = []
    for case in CASES:
        if len(case.raw) > 3000:
            continue
        raw = case.raw + NEXT
        whole = requests_in(raw)
        pieces = requests_in(*(raw[at : at + size] for at in range(0, len(raw), size)))
        if pieces != whole:
            wrong.append((case.name, whole, pieces))
    assert not wrong


def test_a_second_parser_splits_as_we_do():
    wrong = []
    for case in CASES:
        ours, fault = requests_in(case.raw + NEXT)
        if case.status == 200 and fault is not None:
            wrong.append((case.name, fault))
        theirs, refused = requests_by_h11(case.raw.lstrip(b"\r\n") + NEXT)
        if ours[: len(theirs)] != theirs[: len(ours)]:
            wrong.append((case.name, ours, theirs))
        if case.status == 200 and not refused and len(theirs) != len(ours) and b" HTTP/1.0" not in case.raw:
            wrong.append((case.name, ours, theirs))
    assert not wrong
