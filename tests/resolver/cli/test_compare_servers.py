"""``resolve compare @A @B``: the same questions to several servers, and what differs."""

import json

import pytest

from celadon.resolver.cli import main
from celadon.resolver.testing import Drop, NameServer, Rcode

RECORDS = [
    ("same.test", "A", "192.0.2.1"),
    ("same.test", "A", "192.0.2.2"),
    ("other.test", "A", "192.0.2.3"),
    ("more.test", "A", "192.0.2.4"),
    ("dead.test", "A", "192.0.2.5"),
]
SCRIPTS = {"dead.test": Drop()}


@pytest.fixture
def both(server):
    with NameServer() as second:
        for name, data in (("same.test", "192.0.2.2"), ("same.test", "192.0.2.1"), ("other.test", "192.0.2.66")):
            second.add(name, "A", data, ttl=7)
        second.add("more.test", "A", "192.0.2.4")
        second.add("more.test", "A", "192.0.2.67")
        second.script("dead.test", Drop())
        yield server, second


@pytest.fixture
def run(both, capsys):
    def compare(*words):
        code = main(["compare", *(f"@{one.address}" for one in both), "+timeout=0.3", "+tries=1", *words])
        return code, *capsys.readouterr()

    return compare


def test_what_is_the_same(run, both):
    code, out, err = run("same.test", "A")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "same.test A"
    assert out.endswith("  all agree\n")
    assert "!" not in out
    assert all(str(one.port) in out for one in both)
    assert run("same.test")[0] == 0  # A, without a type
    assert run("nowhere.test", "A", "MX")[0] == 0


def test_what_differs(run):
    code, out, _ = run("other.test")
    assert code == 2
    assert next(line for line in out.splitlines() if line.startswith("!")).endswith("other.test. A 192.0.2.66")
    assert out.endswith("  they differ\n")
    code, out, _ = run("more.test")
    marked = [line.split("  ")[-1] for line in out.splitlines() if line.startswith("!")]
    assert (code, marked) == (2, ["more.test. A 192.0.2.67"])


def test_a_response_code_differs(run, both):
    both[1].script("same.test", Rcode(3))
    code, out, _ = run("same.test")
    assert code == 2
    assert any(line.startswith("!") and line.endswith("NXDOMAIN") for line in out.splitlines())


def test_json_and_many(run, both, tmp_path):
    names = tmp_path / "names"
    names.write_text("same.test\n# no\nother.test A\n\nmore.test\n")
    code, out, _ = run("-f", str(names), "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 2
    assert [(row["name"], row["same"]) for row in rows] == [
        ("same.test", True),
        ("other.test", False),
        ("more.test", False),
    ]
    answers = rows[1]["servers"][f"127.0.0.1#{both[1].port}"]
    assert answers == {"status": "NOERROR", "answers": ["other.test. A 192.0.2.66"]}


def test_nobody_replies(run):
    code, out, _ = run("dead.test")
    assert code == 9
    assert "TIMEOUT" in out


def test_one_of_them_is_silent(run, both):
    both[1].script("same.test", Drop())
    assert run("same.test")[0] == 2


def test_wrong_options(run, tmp_path):
    empty = tmp_path / "empty"
    empty.write_text("# nothing\n")
    assert run("-f", str(empty))[0] == 1
    assert run("same.test", "--resolver", "thread")[0] == 1
    assert run()[0] == 1
