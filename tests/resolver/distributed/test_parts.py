"""The commit protocol: crashes between any two steps, and attempts that overtake each other, lose nothing."""

import itertools
import json
import os

import pytest

from celadon.resolver.cli.exits import FileError
from celadon.resolver.distributed.layout import Note, Plan, Shard
from celadon.resolver.distributed.merging import bent_parts, merge
from celadon.resolver.distributed.parts import Parts, hash_of, write_whole

NAMES = ["a.test", "b.test", "c.test"]
SHARD = Shard(0, "in", 0, 21)
STEPS = ["fsync", "look", "rename", "note"]


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "in").write_text("".join(f"{one}\n" for one in NAMES))
    made = Plan(str(tmp_path / "parts"), str(tmp_path / "in"), 21, (SHARD,), (), {})
    os.mkdir(made.directory)
    Parts(made.directory).save_plan(made)
    return made


class Attempt:
    """One try at the shard, whose records are right but unlike those of any other try: another time, another length."""

    def __init__(self, plan, number):
        self.parts = Parts(plan.directory, who=f"try{number}")
        path = self.parts.temporary(0)
        with open(path, "w") as file:
            file.writelines(
                json.dumps({"name": name, "ts": "1" * (number % 2 + 1), "try": number}) + "\n" for name in NAMES
            )
        note = Note(0, 0, 21, "in", 3, 3, os.stat(path).st_size, hash_of(path), f"w{number}", 0.1, {})
        self.steps = self.parts.commit(SHARD, note)

    def step(self):
        """Go on up to the next step; False after the last one, or when the attempt has failed."""
        try:
            return next(self.steps, None) is not None
        except OSError:
            return False

    def to_the_end(self):
        while self.step():
            pass


def recover(plan):
    """What a coordinator does: ask again what is not finished or does not fit its note. Whether there was any."""
    parts = Parts(plan.directory)
    for number in range(90, 93):
        notes = parts.finished(plan)
        for one in bent_parts(parts, plan.shards, notes):
            parts.forget(one)
            del notes[one]
        if notes:
            return number > 90
        Attempt(plan, number).to_the_end()
    raise AssertionError("it does not come to an end")


def check(plan, tmp_path):
    assert merge(plan.directory, str(tmp_path / "out"), ordered=True) == 3
    rows = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert [row["name"] for row in rows] == NAMES
    assert len({row["try"] for row in rows}) == 1, "records of two attempts in one part"


@pytest.mark.parametrize("step", range(len(STEPS) + 1))
def test_a_crash_before_any_step(plan, tmp_path, step):
    attempt = Attempt(plan, 1)
    assert [*itertools.islice(attempt.steps, step + 1)] == STEPS[: step + 1]
    finished = bool(Parts(plan.directory).finished(plan))
    assert finished is (step == len(STEPS))
    recover(plan)
    check(plan, tmp_path)


@pytest.mark.parametrize("call", ["replace", "fsync", "unlink"])
@pytest.mark.parametrize("nth", range(4))
def test_a_call_that_fails(plan, tmp_path, monkeypatch, call, nth):
    calls = itertools.count()
    real = getattr(os, call)

    def fail(*args):
        if next(calls) == nth:
            raise OSError(28, "No space left on device")
        return real(*args)

    attempt = Attempt(plan, 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        attempt.to_the_end()
    recover(plan)
    check(plan, tmp_path)


@pytest.mark.parametrize("second", [2, 3], ids=["another-length", "the-same-length"])
@pytest.mark.parametrize("crash", [9, 4], ids=["both-run-on", "one-ends-before-its-note"])
def test_two_attempts_in_every_order(plan, tmp_path, monkeypatch, second, crash):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    redone = 0
    for first_at in [*itertools.combinations(range(10), 5)][:: 4 if second == 2 else 2]:
        Parts(plan.directory).clear()
        Parts(plan.directory).save_plan(plan)
        both = Attempt(plan, 1), Attempt(plan, second)
        left = [crash, 9]
        for at in range(10):
            one = at not in first_at
            if left[one]:
                left[one] -= 1
                both[one].step()
        redone += recover(plan)
        check(plan, tmp_path)
    assert redone, "no order in which the two overtake each other: the test shows nothing"


def test_an_attempt_that_comes_too_late_leaves_no_trace(plan):
    late = Attempt(plan, 2)
    Attempt(plan, 1).to_the_end()
    note = Parts(plan.directory).note(SHARD)
    late.to_the_end()
    assert Parts(plan.directory).note(SHARD) == note
    assert sorted(os.listdir(plan.directory)) == ["part-0.json", "part-0.ndjson", "plan.json"]


def test_records_without_their_note_are_no_part(plan):
    Attempt(plan, 1).to_the_end()
    os.unlink(plan.directory + "/part-0.json")
    with pytest.raises(FileError, match=r"1 of 1 parts are missing \(0\).*--resume"):
        merge(plan.directory, "-")


def test_a_part_that_was_changed_is_not_merged(plan, tmp_path):
    Attempt(plan, 1).to_the_end()
    path = tmp_path / "parts" / "part-0.ndjson"
    path.write_text(path.read_text().replace("b.test", "x.test"))
    with pytest.raises(FileError, match="not what their notes say: 0"):
        merge(plan.directory, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_whole(str(path), "me", "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_clear_leaves_what_is_not_ours(plan, tmp_path):
    Attempt(plan, 1)
    os.mkdir(plan.directory + "/mine")
    (tmp_path / "parts" / "names").write_text("x")
    Parts(plan.directory).clear(only_temporary=True)
    assert sorted(os.listdir(plan.directory)) == ["mine", "names", "plan.json"]
    Parts(plan.directory).clear()
    assert sorted(os.listdir(plan.directory)) == ["mine", "names"]
