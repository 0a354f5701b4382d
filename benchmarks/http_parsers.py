"""Parsers of HTTP/1.1, by strictness and speed: ``python -m benchmarks.http_parsers``.

Strictness is counted over the corpus of the tests (tests/green/servers/wsgi/corpus.py): how many requests that must be
refused a parser takes, and how many valid ones it refuses. A parser by itself is given no rule that it does not have.
"""

import timeit

import h11
import httptools

from celadon.green.servers.wsgi.limits import Limits
from celadon.green.servers.wsgi.request_head import parse_head
from tests.green.servers.wsgi.corpus import CASES, get
from tests.green.servers.wsgi.test_corpus import requests_by_h11, requests_in

LIMITS = Limits()
SHORT = get()
LONG = get(
    b"/a/b?c=d",
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    b"Accept-Language: en-US,en;q=0.5",
    b"Accept-Encoding: gzip, deflate, br, zstd",
    b"DNT: 1",
    b"Connection: keep-alive",
    b"Cookie: session=abcdefghijklmnopqrstuvwxyz0123456789; theme=dark",
    b"Upgrade-Insecure-Requests: 1",
    b"Sec-Fetch-Dest: document",
)


class Fields:
    """What llhttp calls back."""

    def __init__(self):
        self.fields = []
        self.complete = 0

    def on_header(self, name, value):
        self.fields.append((name, value))

    def on_message_complete(self):
        self.complete += 1


def by_httptools(data):
    """Whether llhttp takes the first request of the data."""
    fields = Fields()
    try:
        httptools.HttpRequestParser(fields).feed_data(data)
    except httptools.HttpParserUpgrade:
        return True
    except httptools.HttpParserError:
        return fields.complete > 0
    return fields.complete > 0


def by_h11(data):
    """Whether h11 does."""
    found, refused = requests_by_h11(data)
    return bool(found) and not refused


def by_celadon(data):
    """Whether we do."""
    found, fault = requests_in(data)
    return bool(found) and fault is None


def head_by_httptools(data):
    """Method, version and fields, by llhttp."""
    fields = Fields()
    parser = httptools.HttpRequestParser(fields)
    parser.feed_data(data)
    return parser.get_method(), parser.get_http_version(), fields.fields


def head_by_h11(data):
    """The same by h11."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(data)
    return server.next_event()


def head_by_celadon(data):
    """The same, and the variables for CGI, by us."""
    return parse_head(data, LIMITS)


ROWS = {
    "h11": (by_h11, head_by_h11),
    "llhttp (httptools)": (by_httptools, head_by_httptools),
    "llhttp and our rules": (by_celadon, head_by_celadon),
}


def microseconds(function, data):
    """The best of many short runs, which a busy machine interrupts less."""
    return min(timeit.repeat(lambda: function(data), number=40, repeat=500)) / 40 * 1e6


def main():
    """Print the table."""
    bad = [case for case in CASES if case.status != 200]
    good = [case for case in CASES if case.status == 200]
    print(f"{len(bad)} requests that must be refused, {len(good)} valid ones\n")
    print("| parser | takes what must be refused | refuses valid ones | us, 1 field | us, 10 fields |")
    print("|---|--:|--:|--:|--:|")
    for name, (takes, head) in ROWS.items():
        taken = sum(takes(case.raw) for case in bad)
        refused = sum(not takes(case.raw) for case in good)
        times = [f"{microseconds(head, data):.1f}" for data in (SHORT, LONG)]
        print(f"| {name} | {taken} | {refused} | {' | '.join(times)} |")


if __name__ == "__main__":
    main()
