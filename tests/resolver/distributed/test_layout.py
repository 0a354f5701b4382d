"""The plan and the notes as text, and where shards are cut."""

import random

import pytest

from celadon.resolver.distributed.layout import (
    Note,
    Plan,
    Shard,
    cut,
    different,
    note_of,
    note_text,
    ours,
    plan_of,
    plan_text,
)


def blocks(text, size):
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.parametrize("seed", range(30))
def test_shards_are_whole_lines_and_all_of_them(seed):
    draw = random.Random(seed)
    text = b"".join(b"x" * draw.randrange(9) + b"\n" for _ in range(draw.randrange(200)))
    text = text[: len(text) - draw.randrange(2)]  # with and without a newline at the end
    lines = draw.randrange(1, 30)
    found = [*cut(blocks(text, draw.randrange(1, 50)), lines)]
    assert b"".join(text[offset : offset + length] for offset, length in found) == text
    for offset, length in found[:-1]:
        assert text[offset : offset + length].count(b"\n") == lines
        assert text[offset + length - 1 : offset + length] == b"\n"
    assert all(length for _, length in found)


def test_nothing_has_no_shards():
    assert [*cut([], 5)] == []


SHARDS = (Shard(0, "/in", 0, 10), Shard(1, "/in", 10, 5, 3))


def test_a_plan_comes_back():
    plan = Plan("/parts", "/in", 15, SHARDS, ("--type=A",), {"input": "/in"}, ".csv.gz", False)
    assert plan_of("/parts", plan_text(plan), ("--type=A",)) == plan


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"v": 2}',
        "{" * 5000,
        plan_text(Plan("", "", 1, SHARDS, (), {})).replace("ndjson", "../x"),
    ],
)
def test_a_text_without_a_plan(text):
    with pytest.raises(ValueError):  # noqa: PT011
        plan_of("/parts", text)


NOTE = Note(1, 10, 5, "aa", 3, 2, 90, "bb", "host.1", 0.5, {"counts": [3, 0, 0, 3]})


def test_a_note_comes_back_for_its_shard_only():
    assert note_of(note_text(NOTE), SHARDS[1]) == NOTE
    assert note_of(note_text(NOTE), SHARDS[0]) is None
    assert note_of(note_text(NOTE)[:-1], SHARDS[1]) is None
    assert note_of(note_text(NOTE._replace(size=-1)), SHARDS[1]) is None
    assert note_of("{}", SHARDS[1]) is None


def test_a_plan_gives_specs_that_need_no_coordinator():
    plan = Plan("/parts", "/in", 15, SHARDS, ("--type=A",), {})
    assert len(plan) == 2
    assert [one.shard for one in plan] == [*SHARDS]
    assert {one.run for one in plan} == {""}


@pytest.mark.parametrize(
    ("name", "mine"),
    [
        ("plan.json", True), ("part-3.json", True), ("part-12.ndjson", True), ("part-3.csv.gz", True),
        ("part-3.ndjson.vm.12.ab.tmp", True), ("part-3.json.vm.1.a.tmp", True), ("run.json", True),
        ("part-x.json", False), ("names", False), ("part-3.ndjson.bak", False), ("plan.jsonl", False),
    ],
)  # fmt: skip
def test_only_our_files_are_removed(name, mine):
    assert ours(name) is mine


def test_what_is_different_is_said():
    assert different({"types": [1]}, {"types": [1]}) == ""
    assert different({"types": [1]}, {"types": [28]}) == "types was [1], now it is [28]"
