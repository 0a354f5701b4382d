"""Redirects that are followed by hand: which request comes next, and what is left out of it."""

import pytest

from celadon.resolver.adapters.redirects import Answer, Fetch, Look, TooManyRedirects, hops, next_hop, place


@pytest.mark.parametrize(
    ("method", "status", "location", "found"),
    [
        ("GET", 200, "/x", None),
        ("GET", 302, None, None),
        ("GET", 304, "/x", None),
        ("GET", 302, "/x", ("GET", "http://a.test/x")),
        ("POST", 302, "x", ("GET", "http://a.test/p/x")),
        ("POST", 301, "//b.test", ("GET", "http://b.test")),
        ("PUT", 302, "/x", ("PUT", "http://a.test/x")),
        ("POST", 307, "/x", ("POST", "http://a.test/x")),
        ("POST", 308, "https://b.test/", ("POST", "https://b.test/")),
        ("PUT", 303, "/x", ("GET", "http://a.test/x")),
        ("HEAD", 303, "/x", ("HEAD", "http://a.test/x")),
    ],
)
def test_next_hop(method, status, location, found):
    assert next_hop(method, "http://a.test/p/q", status, location) == found


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http:///x", "/x", "gopher://a.test", "http://a.test:99999"])
def test_no_place(url):
    with pytest.raises(ValueError, match=r"is not an http|[Pp]ort"):
        place(url)


def play(plan, answers):
    """The steps of a plan, each fetch answered from a list."""
    steps, said = [], None
    try:
        while True:
            step = plan.send(said)
            steps.append(step)
            said = [] if isinstance(step, Look) else answers.pop(0)
    except StopIteration as end:
        return steps, end.value


def test_hops():
    kwargs = {
        "headers": {"Authorization": "x", "Cookie": "y", "X-A": "z"},
        "auth": ("a", "b"),
        "params": {},
        "json": {},
    }
    answers = [
        Answer("one", "http://a.test/", 302, "/two"),
        Answer("two", "http://a.test/two", 301, "https://b.test/"),
        Answer("three", "https://b.test/", 200, None),
    ]
    steps, last = play(hops("POST", "http://a.test/", 5, kwargs, ("json",)), answers)
    assert last == "three"
    assert [step for step in steps if isinstance(step, Fetch)] == [
        Fetch("POST", "http://a.test/", []), Fetch("GET", "http://a.test/two", []), Fetch("GET", "https://b.test/", []),
    ]  # fmt: skip
    assert [step.place[1:] for step in steps if isinstance(step, Look)] == [
        ("a.test", 80),
        ("a.test", 80),
        ("b.test", 443),
    ]
    assert kwargs == {"headers": {"X-A": "z"}}


def test_too_many():
    answers = [Answer(None, "http://a.test/", 302, "/")] * 9
    with pytest.raises(TooManyRedirects):
        play(hops("GET", "http://a.test/", 3, {}, ()), answers)
    assert len(answers) == 5
    assert play(hops("GET", "http://a.test/", 0, {}, ()), [Answer("it", "http://a.test/", 302, "/")])[1] == "it"


def test_a_redirect_to_a_file_is_an_error():
    with pytest.raises(ValueError, match="is not an http"):
        play(hops("GET", "http://a.test/", 3, {}, ()), [Answer(None, "http://a.test/", 302, "file:///etc/passwd")])
