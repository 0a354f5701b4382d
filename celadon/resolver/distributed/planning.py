"""An input to a plan of shards, kept in a directory of parts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from ..cli.bulk.bulk_options import Options, parse
from ..cli.bulk.checkpoint import about
from ..cli.bulk.job import job_of
from ..cli.exits import FileError, UsageError
from .grouping import rules_of, write_groups
from .layout import SUFFIXES, Plan, Shard, cut, different, some
from .parts import Parts, blocks_of, hash_of

#: The options of ``resolve bulk`` that are the coordinator's; a worker gets all others.
_COORDINATOR = frozenset(
    (
        *("--input-file", "--output", "--ordered", "--flush", "--status-format", "--quiet", "--metadata-file"),
        *("--resolvers", "--checkpoint", "--checkpoint-every", "--resume", "--restart", "--processes"),
        *(
            "--max-unanswered",
            "--parts",
            "--shard-lines",
            "--by-domain",
            "--public-suffixes",
            "--dask",
            "--tls-ca-file",
            "--tls-cert",
            "--tls-key",
        ),
        *("--help", "--version"),
    )
)
#: What must be the same for a run that goes on, besides what a checkpoint asks for: it is in the records.
_SAME = ("--output-format", "--schema", "--filter", "--ignore", "--no-failures", "--gzip", "--metadata-passthrough")
_FEWEST, _MOST = 5_000, 100_000  # lines of a shard, where nobody says how many
_PIECES = 16  # that an input makes at least, if it is long enough
_LINE = 20  # bytes, as names on average have


def plan(
    path: str,
    directory: str,
    *,
    lines: int = 0,
    restart: bool = False,
    by_domain: bool = False,
    **options: Any,
) -> Plan:
    """Cut an input file into shards, and note the plan in ``directory``, which is made if it is not there.

    ``lines`` is the length of a shard; 0: by the size of the input. ``by_domain`` copies the input into the directory,
    grouped by registered domain: the names of a domain are in one shard, or in shards of one worker. ``options`` are
    those of ``resolve bulk`` by their long names (``type="A,AAAA"``, ``resolvers="192.0.2.1"``, ``rate=500``,
    ``no_adaptive=True``). A directory that has the plan of the same run is gone on with, whatever is finished in it;
    ``restart`` removes it first. Reads the whole input once. FileError or UsageError, each with one line, for what
    cannot be.
    """
    words = ["--by-domain"] if by_domain else []
    for name, value in options.items():
        word = "--" + name.replace("_", "-")
        if word in _COORDINATOR - {"--resolvers", "--public-suffixes"}:
            raise UsageError(f"plan() takes no option {name!r}: it is not for workers")
        if value is True:
            words.append(word)
        elif value is not False and value is not None:
            text = value if isinstance(value, str) or not isinstance(value, Iterable) else ",".join(map(str, value))
            words.append(f"{word}={text}")
    return plan_for(parse([*words, f"--input-file={path}", f"--parts={directory}"]), directory, lines, restart)


def plan_for(options: Options, directory: str, lines: int = 0, restart: bool = False) -> Plan:
    """As ``plan``, from the options of the command."""
    job = job_of(options, 1)  # says now what cannot be
    source = os.path.abspath(options.source)
    if options.source == "-" or not os.path.isfile(source):
        raise UsageError(f"{options.source}: shards are pieces of a plain file; write the names into one first")
    same = {
        **about(source, "", job.form),
        **{name.removeprefix("--"): _plain(options[name]) for name in (*_SAME, "--norecurse", "--dnssec")},
    }
    del same["output"]
    same["by-domain"] = bool(options["--by-domain"])
    suffix = SUFFIXES[options["--output-format"][0]] + (".gz" if options["--gzip"] else "")
    directory = os.path.abspath(directory)
    if os.path.exists(directory) and not os.path.isdir(directory):
        raise UsageError(f"option --parts: {directory} is a file; the parts need a directory")
    os.makedirs(directory, exist_ok=True)
    parts = Parts(directory, suffix)
    if restart:
        parts.clear()
    words = (*_words(options),)
    old = parts.load_plan(words)
    size = os.path.getsize(source)
    if old is not None:
        _check(parts, old, same, size)
        return old
    count = lines or min(_MOST, max(_FEWEST, size // _LINE // _PIECES))
    grouped = options["--by-domain"]
    if grouped:
        rules = rules_of(options["--public-suffixes"])
        shards = tuple(write_groups(parts, source, size, job.form, count, rules))
    else:
        shards = tuple(
            Shard(number, source, offset, length)
            for number, (offset, length) in enumerate(cut(blocks_of(source, 0, size), count))
        )
    made = Plan(directory, source, size, shards, words, same, suffix, not grouped)
    parts.save_plan(made)
    return made


def _words(options: Options) -> Iterator[str]:
    for name, value in options.given:
        if name not in _COORDINATOR:
            yield name if value is None else f"{name}={value}"
    if options.server_words:
        yield f"--resolvers={','.join(options.server_words)}"


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value


def _check(parts: Parts, old: Plan, same: dict[str, Any], size: int) -> None:
    """FileError or UsageError unless the finished shards are of this run and this input."""
    what = different(old.about, same)
    if what:
        raise UsageError(f"{old.directory}: the parts of another run: {what}; --restart begins anew")
    if size != old.size:
        raise FileError(
            f"{old.source}: the input had {old.size} bytes in the plan, now it has {size}; --restart begins anew"
        )
    notes = parts.finished(old)
    bent = [one.number for one in old.shards if one.number in notes and _changed(one, notes[one.number].input)]
    if bent:
        raise FileError(
            f"{old.source}: the input is not what it was when these shards were done: {some(bent)}; "
            "--restart begins anew"
        )


def _changed(shard: Shard, known: str) -> bool:
    return hash_of(shard.path, shard.offset, shard.length) != known
