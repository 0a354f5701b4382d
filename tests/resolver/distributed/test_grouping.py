"""Affinity: the names of a registered domain in one shard, and every record back in the order of the input."""

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

from celadon.resolver.cli import main
from celadon.resolver.cli.bulk.names_in import Form
from celadon.resolver.cli.exits import FileError, UsageError
from celadon.resolver.distributed import ForkPool, drive, grouping, merge, plan, shard
from celadon.resolver.distributed.grouping import group_of, rules_of
from celadon.resolver.distributed.parts import Parts
from celadon.resolver.names.registered_domain import registered_domain
from celadon.resolver.testing import NameServer, synthetic_address

NAMES = [f"h{n}.d{n * 7 % 40}.{('example', 'co.uk')[n % 2]}" for n in range(500)]


@pytest.fixture
def server():
    with NameServer(synthetic=True) as made:
        yield made


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "names"
    lines = [*NAMES]
    lines[100:100] = ["# a comment", "", "two words"]
    path.write_text("\n".join(lines))  # the last line has no end
    return str(path)


def names_of(path):
    return [json.loads(line).get("input", json.loads(line)["name"]) for line in Path(path).read_text().splitlines()]


WANTED = [*NAMES[:100], "two words", *NAMES[100:]]


def test_the_names_of_a_domain_are_in_one_shard_and_the_order_comes_back(server, source, tmp_path):
    made = plan(source, str(tmp_path / "parts"), lines=50, by_domain=True, resolvers=server.address, type="A,AAAA")
    assert not made.in_order
    assert drive(ForkPool(2), made).finished
    where = defaultdict(set)
    for one in made.shards:
        for name in names_of(Parts(made.directory).part(one.number)):
            where[registered_domain(name)].add(one.number)
    assert len(where) == 41
    assert all(len(numbers) == 1 for numbers in where.values())
    assert len(set.union(*where.values())) > 5
    count = 2 * len(WANTED)
    assert merge(made.directory, str(tmp_path / "any")) == count
    assert sorted(names_of(tmp_path / "any")) == sorted(WANTED * 2)
    assert merge(made.directory, str(tmp_path / "out"), ordered=True) == count
    assert names_of(tmp_path / "out") == [one for name in WANTED for one in (name, name)]
    for line in (tmp_path / "out").read_text().splitlines():
        row = json.loads(line)
        assert row["status"] == "ILLEGAL_INPUT" or row["type"] == "AAAA" or (
            row["data"]["answers"][0]["data"] == synthetic_address(row["name"])
        )  # fmt: skip


@pytest.mark.parametrize("form", ["S", "F", "B"])
def test_every_form_comes_back_as_one_process_writes_it(server, source, tmp_path, form, monkeypatch):
    monkeypatch.setattr(grouping, "_MOST", 1 << 12)
    monkeypatch.setattr(grouping, "_HELD", 999)  # written by the piece
    words = ["bulk", source, "-r", server.address, "-o", form, "--ordered", "-q"]
    assert main([*words, "-w", str(tmp_path / "one")]) == 0
    assert main([*words, "-w", str(tmp_path / "out"), "--by-domain", "--parts", str(tmp_path / "p"),
                 "--shard-lines", "120"]) == 0  # fmt: skip
    one, out = ((tmp_path / name).read_bytes() for name in ("one", "out"))
    assert out.count(b"\n") == one.count(b"\n") or form == "B"
    assert len(out) == len(one) or form in ("J", "F", "csv"), "times and round trips differ"
    if form in ("S", "L"):
        assert out == one


def test_a_large_group_is_cut_and_stays_together(server, tmp_path):
    source = tmp_path / "names"
    source.write_text("".join(f"h{n}.one.example\n" for n in range(100)))
    made = plan(str(source), str(tmp_path / "parts"), lines=20, by_domain=True, resolvers=server.address)
    assert len(made) == 3  # of 40 lines at most
    assert len({one.group for one in made.shards}) == 1
    for one in made:
        shard(one)
    merge(made.directory, str(tmp_path / "out"), ordered=True)
    assert names_of(tmp_path / "out") == source.read_text().split()


def test_what_is_filtered_out_leaves_no_gap(server, source, tmp_path):
    made = plan(source, str(tmp_path / "parts"), lines=50, by_domain=True, resolvers=server.address,
                filter="ILLEGAL_INPUT")  # fmt: skip
    for one in made:
        shard(one)
    assert merge(made.directory, str(tmp_path / "out"), ordered=True) == 1
    assert names_of(tmp_path / "out") == ["two words"]


def test_a_plan_goes_on_with_its_groups_and_with_no_others(server, source, tmp_path):
    made = plan(source, str(tmp_path / "parts"), lines=50, by_domain=True, resolvers=server.address)
    shard(next(iter(made)))
    again = plan(source, str(tmp_path / "parts"), by_domain=True, resolvers=server.address)
    assert again.shards == made.shards
    with pytest.raises(UsageError, match="by-domain was True, now it is False"):
        plan(source, str(tmp_path / "parts"), resolvers=server.address)
    Parts(made.directory).clear()
    assert os.listdir(made.directory) == []


def test_an_empty_input_has_no_groups(server, tmp_path):
    (tmp_path / "none").write_text("")
    made = plan(str(tmp_path / "none"), str(tmp_path / "parts"), by_domain=True, resolvers=server.address)
    assert not made.shards
    assert merge(made.directory, str(tmp_path / "out"), ordered=True) == 0


@pytest.mark.parametrize(
    ("form", "line", "same"),
    [
        (Form(), b"www.a.example\n", b"A.EXAMPLE.\n"), (Form("csv"), b"www.a.example,1,2\n", b'"a.example"\n'),
        (Form("jsonl"), b'{"name": "x.a.example"}\n', b'{"type": "MX", "name": "a.example"}\n'),
        (Form("dnsperf"), b"www.a.example A\n", b"a.example MX\n"),
        (Form("names", suffix=".a.example"), b"x\n", b"y\n"),
        (Form("name,server"), b"www.a.example,192.0.2.1\n", b"a.example\n"),
        (Form(), "www.b\u00fccher.example\n".encode(), b"xn--bcher-kva.example\n"),
    ],
)  # fmt: skip
def test_lines_of_one_domain_are_in_one_group(form, line, same):
    find = group_of(form, 1000, frozenset())
    assert find(line) == find(same)


@pytest.mark.parametrize("line", [b"\xff\xfe\n", b"{\n", b"", b"." * 300, b"a b c\n", b"\0\n"])
def test_any_line_is_in_some_group(line):
    for kind in ("names", "csv", "jsonl", "dnsperf"):
        assert 0 <= group_of(Form(kind), 7, frozenset())(line) < 7


def test_a_list_that_is_not_there_is_said(tmp_path):
    with pytest.raises(FileError, match="No such file"):
        rules_of(str(tmp_path / "none"))


def test_what_cannot_be_grouped(source, tmp_path, capsys):
    for words, said in (
        (["--parts", "p", "--gzip"], "--by-domain and --gzip exclude"),
        (["--parts", "p", "--ptr"], "--by-domain and --ptr exclude"),
        ([], "--by-domain needs --parts"),
    ):
        assert main(["bulk", source, "--by-domain", *words]) == 1
        assert said in capsys.readouterr().err
