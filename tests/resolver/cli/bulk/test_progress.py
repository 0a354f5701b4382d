"""How a run stands: when it is said, and in which words."""

import os

import pytest

from celadon.resolver.cli.bulk import progress
from celadon.resolver.cli.bulk.progress import Progress, bar
from celadon.resolver.cli.bulk.tally import Tally
from celadon.resolver.errors import Kind, ResolveError


class Clock:
    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(progress.time, "time", lambda: self.now)


@pytest.fixture
def tally():
    made = Tally()
    made._unlike.update({"NOERROR": 880, "NXDOMAIN": 100, "SERVFAIL": 12, "TIMEOUT": 8})
    made.records, made.unanswered = 1000, 8
    return made


def test_a_bar_shows_what_is_known(tally):
    assert bar(tally, 12345.6, 0.25, 65.0) == " 25% [#####               ] 1,000 done  12,346/s  20 errors  1:05 left"
    assert bar(tally, 10, None, None) == "1,000 done  10/s  20 errors"


def test_a_terminal_sees_nothing_in_the_first_two_seconds(tally, monkeypatch, capsys):
    clock = Clock(monkeypatch)
    told = Progress("bar", 100, 0, clock.now)
    clock.now += 1
    told.tell(tally, 25, 7)
    assert capsys.readouterr().err == ""
    clock.now += 1
    told.tell(tally, 50, 7)
    line = capsys.readouterr().err
    assert line.startswith("\r 50% [")
    assert line.endswith("0:02 left\x1b[K")
    told.end()
    assert capsys.readouterr().err == "\r\x1b[K"


def test_a_short_run_leaves_the_terminal_alone(tally, monkeypatch, capsys):
    told = Progress("bar", 100, 0, Clock(monkeypatch).now)
    told.end()
    assert capsys.readouterr().err == ""


def test_a_bar_is_cut_to_the_terminal(tally, monkeypatch, capsys):
    clock = Clock(monkeypatch)
    monkeypatch.setattr(progress, "_columns", lambda: 30)
    told = Progress("bar", 100, 0, clock.now)
    clock.now += 5
    told.tell(tally, 50, 7)
    assert len(capsys.readouterr().err) == len("\r") + 29 + len("\x1b[K")


@pytest.mark.parametrize(("form", "seconds", "word"), [("text", 10, "50% of the input"), ("json", 1, '"percent":50.0')])
def test_lines(form, seconds, word, tally, monkeypatch, capsys):
    clock = Clock(monkeypatch)
    told = Progress(form, 100, 0, clock.now)
    clock.now += seconds
    told.tell(tally, 50, 7)
    assert word in capsys.readouterr().err


def test_a_failure_counts_as_an_error():
    made = Tally()
    made.add(ResolveError(Kind.TIMEOUT, "www.example"))
    assert "1 errors" in bar(made, 1, None, None)


def test_the_columns_of_what_is_no_terminal(monkeypatch):
    with open(os.devnull, "w") as file:
        monkeypatch.setattr(progress.sys, "stderr", file)
        assert progress._columns() == 80
