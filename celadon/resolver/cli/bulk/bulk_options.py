"""The options of ``resolve bulk``, as one table that parsing and help are made from."""

from __future__ import annotations

import _socket
import re
from collections.abc import Callable
from contextlib import closing
from typing import Any

from .... import late
from ...errors import ResolverConfigError
from ...frozen import frozen
from ...model import Rcode, Server
from ...names.address import normal
from ...names.record_type import parse_type
from ...system.servers import parse_server
from ..exits import UsageError
from ..server_list import server_list
from ..subnets import checked_subnet

difflib: Any = late.module("difflib")  # for an error's advice


def _number(least: float, most: float, what: str, whole: bool = True) -> Callable[[str], object]:
    def convert(text: str) -> object:
        try:
            value = int(text) if whole else float(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise UsageError(f"{text!r} is not {what}")
        return value

    return convert


def _choice(*words: str) -> Callable[[str], object]:
    def convert(text: str) -> object:
        if text not in words:
            raise UsageError(f"{text!r} is not one of {', '.join(words)}")
        return text

    return convert


def _form(text: str) -> object:
    form = "J" if text == "json" else text
    if form not in ("csv", "parquet") and not _LETTERS.fullmatch(form):
        raise UsageError(
            f"{text!r} is no form: choose J (JSON, the default), S (text), L (names), csv, parquet, F or B (massdns'); "
            "letters may follow (J: a e; S: d i l m n q r s t u; L: 0)"
        )
    return form


def _addresses(text: str) -> object:
    found = tuple([one.strip().removesuffix(":0").strip("[]") for one in text.split(",")])
    for one in found:
        if normal(one) is None:
            raise UsageError(f"{one!r} is not an IP address")
        try:
            with closing(
                _socket.socket(_socket.AF_INET6 if ":" in one else _socket.AF_INET, _socket.SOCK_DGRAM)
            ) as probe:
                probe.bind((one, 0))
        except OSError as error:
            raise UsageError(f"{one!r}: {error.strerror}") from None
    return found


def _rcodes(text: str) -> frozenset[str]:
    words = frozenset(one.strip().upper() for one in text.split(",") if one.strip())
    for one in words:
        if one not in _STATUSES:
            raise UsageError(f"{one!r} is no status; choose from {', '.join(sorted(_STATUSES))}")
    return words


def _retried(text: str) -> frozenset[int]:
    if text == "never":
        return frozenset()
    return frozenset(int(Rcode[one]) for one in _rcodes(text) if one in Rcode.__members__)


_LETTERS = re.compile(r"F|B|S[dilmnqrstu]*|L0*|J[ae]*")
_STATUSES = frozenset((*Rcode.__members__, "TIMEOUT", "UNREACHABLE", "ILLEGAL_INPUT", "CANCELLED", "ERROR", "NODATA"))
_count = _number(1, 60000, "a number from 1 to 60000")
_seconds = _number(0.001, 86400, "a positive number of seconds", whole=False)
_rate = _number(0.001, 1e7, "a positive number of questions a second", whole=False)


@frozen
class Row:
    """One option: its short form, its placeholder (None for a switch), conversion, default, and what help says."""

    short: str
    value: str | None
    convert: Callable[[str], object]
    default: Any
    help: str
    group: str
    also: tuple[str, ...] = ()


def _table() -> dict[str, Row]:
    rows: dict[str, Row] = {}

    def group(title: str, **made: tuple[Any, ...]) -> None:
        for name, (short, value, convert, default, text, *also) in made.items():
            rows["--" + name.replace("_", "-")] = Row(short, value, convert, default, text, title, tuple(also))

    group(
        "input",
        input_file=("-f", "FILE", str, None, "read names from FILE, one a line (FILE may be an argument; -: stdin)"),
        input_format=("", "FORM", _choice("names", "csv", "dnsperf", "jsonl", "name,server", "name server", "zone"),
                      "names",
                      "names; csv; dnsperf (name type); jsonl (name, type, meta); name,server; zone"),
        domain=("-d", "D,..|FILE", str, None,
                "lines are words: ask for WORD.D, or for D with WORD in place of FUZZ"),
        wordlist=("-W", "FILE", str, None, "the words of -d"),
        zone_file=("", "FILE", str, None, "ask for each owner in a zone file"),
        origin=("", "NAME", str, "", "the zone file's origin, until it says one"),
        metadata_passthrough=("", None, str, False,
                              "copy the other columns of csv, or meta of jsonl, into the record"),
        prefix=("", "TEXT", str, "", "put TEXT before each name"),
        suffix=("", "TEXT", str, "", "put TEXT after each name"),
        ptr=("", None, str, False,
             "lines are addresses, networks (CIDR), names under in-addr.arpa or ip6.arpa: ask for PTR"),
    )  # fmt: skip
    group(
        "questions",
        type=("-t", "TYPE", str, None, "record type (A); repeat it, or join types by commas. PTR takes addresses"),
        lookup=(
            "",
            "WHAT",
            _choice("mx+a", "ns+a", "spf", "dmarc", "caa"),
            None,
            "mail or name servers with their addresses; an SPF or DMARC policy; CAA up the tree",
        ),
        norecurse=("", None, str, False, "clear the RD bit"),
        nsid=("", None, str, False, "ask for the server's identity (RFC 5001)"),
        client_subnet=("", "A/BITS", checked_subnet, None, "send this as the client's subnet (RFC 7871)"),
        checking_disabled=("", None, str, False, "set the CD bit", "--cd"),
        authenticated_data=("", None, str, False, "set the AD bit", "--ad"),
        dnssec=("", None, str, False, "set the DO bit"),
        validate_dnssec=("", None, str, False, "validate each answer (DNSSEC), and say in the record what came of it"),
        anchors=("", "FILE", str, None, "trust anchors in place of the root's: DS or DNSKEY records, or BIND's"),
    )
    group(
        "servers",
        resolvers=("-r", "A,B|FILE", str, None, "servers as ADDRESS or ADDRESS:PORT, or a file with one a line; "
                   "without it resolv.conf's", "--servers", "--name-servers"),
        port=("-p", "PORT", _number(1, 65535, "a port from 1 to 65535"), None, "port of all servers (53)"),
        rotate=("", "HOW", _choice("round-robin", "in-order"), "round-robin",
                "servers in turn; in-order: the next only when one fails"),
        resolver=("", "NAME", str, "python", "engine: python or ares"),
        local_address=("-b", "A,B", _addresses, (), "send from these addresses of this machine", "--bind",
                       "--local-addr"),
        iterative=("", None, str, False, "ask no resolver: walk from the root down, with a cache of the delegations"),
        hints=("", "FILE|A,B", str, None, "the root servers, or a root hints file (dns-root-data's)"),
        tcp_only=("", None, str, False, "use TCP only"),
    )  # fmt: skip
    group(
        "pace",
        concurrency=("-s", "N", _count, 1000, "questions in flight at most"),
        rate=("", "QPS", _rate, 0.0, "questions a second at most, all servers together"),
        rate_per_server=("", "QPS", _rate, 0.0, "questions a second at most to each server"),
        inflight_per_server=("", "N", _count, 0, "questions in flight at most to each server"),
        no_adaptive=("", None, str, False, "do not lower the number in flight when questions are lost"),
        processes=("-P", "N", _number(1, 64, "a number from 1 to 64"), 1, "use N processes"),
    )
    group(
        "reliability",
        tries=("-c", "N", _number(1, 50, "a number from 1 to 50"), None,
               "tries for each question at most (4; two for each of several servers, up to 16)",
               "--attempts"),
        sticky=("", None, str, False, "try again on the same server, not on the next"),
        timeout=("", "S", _seconds, 2.0, "seconds for each try at most; less for a server known to be fast"),
        interval=("-i", "MS", _number(1, 86_400_000, "a positive number of milliseconds"), None,
                  "the same in milliseconds"),
        retry=("", "RCODES", _retried, None,
               "try again after these response codes (SERVFAIL,REFUSED,FORMERR,NOTIMP), or never"),
        second_pass=("", None, str, False, "ask what got no answer again in the end, at a tenth of the rate"),
        max_unanswered=("", "PERCENT", _number(0, 100, "a percentage", whole=False), 100.0,
                        "exit with status 9 if more than PERCENT of the questions get no answer"),
    )  # fmt: skip
    group(
        "output",
        output=("-w", "FILE", str, "-", "write records to FILE (stdout)", "--output-file"),
        output_format=("-o", "FORM", _form, "J",
                       "J: JSON lines; S: name, type, data; L: names; csv; parquet; F, B, Snl: massdns'"),
        schema=("", "NAME", _choice("native", "massdns", "zdns", "dnsx"), "native",
                "keys of the JSON: native, massdns, zdns or dnsx"),
        fields=("", "A,B", str, None, "write only these fields of JSON records, such as name,status,data.answers"),
        ordered=("", None, str, False, "write records in the order of the input"),
        filter=("", "STATUS,…", _rcodes, None, "write only records with these statuses"),
        ignore=("", "STATUS,…", _rcodes, None, "write no records with these statuses"),
        no_failures=("", None, str, False, "write no records of names that got no answer"),
        flush=("", None, str, False, "write each record at once"),
        gzip=("", None, str, False, "compress the output"),
    )  # fmt: skip
    group(
        "checks",
        wildcard=("", "HOW", _choice("auto", "mark", "drop"), None,
                  "mark in JSON what a wildcard gave, or drop it; auto: drop where no JSON is written"),
        wildcard_tests=("", "N", _number(1, 100, "a number from 1 to 100"), 3,
                        "random names for each parent of a name that was found"),
        write_wildcards=("", "FILE", str, None, "write the wildcards that were found to FILE"),
        nxdomain_cut=("", None, str, False, "ask nothing under a name that does not exist (RFC 8020)"),
        canary=("", "N", _number(1, 1 << 40, "a positive number"), 0,
                "with each N-th answer ask its server for what cannot exist; mark answers of liars"),
        canary_name=("", "DOMAIN", str, "", "ask for canaries under DOMAIN (the top-level domain of the name before)"),
        canary_stop=("", None, str, False, "stop with status 9 when a canary is answered"),
        trusted_resolvers=("", "A,B|FILE", str, None,
                           "ask these for what was found once more; the record says verified, and has their answer"),
        rate_trusted=("", "QPS", _rate, 500.0, "questions a second at most to all trusted servers together"),
        recheck=("", "S", _seconds, 0.0, "check the servers every S seconds; ask no more who lies or is silent"),
        recheck_zones=("", "A,B", str, "com,net,org", "zones in which that asks for names that cannot exist"),
    )  # fmt: skip
    group(
        "progress",
        status_format=("", "FORM", _choice("auto", "text", "json", "none"), "auto",
                       "progress on stderr: auto (a bar on a terminal, else text), text, json or none"),
        quiet=("-q", None, str, False, "print no progress and no summary"),
        metadata_file=("", "FILE", str, None, "write the summary to FILE as JSON"),
        checkpoint=("", "FILE", str, None, "note in FILE which names are done, so that --resume can go on"),
        checkpoint_every=("", "S", _seconds, 5.0, "seconds between two notes"),
        resume=("", None, str, False, "go on where the checkpoint says; each record is in the output once"),
        restart=("", None, str, False, "begin anew although the run of the checkpoint has not finished"),
    )  # fmt: skip
    group(
        "shards",
        parts=("", "DIR", str, None,
               "work in shards, each a file in DIR; a dead process costs its shard, not the run"),
        shard_lines=("", "N", _number(1, 10_000_000, "a number of lines, from 1"), 0,
                     "lines of a shard (by the input's size, 100000 at most)"),
        by_domain=("", None, str, False, "put the names of a registered domain into the same shard, for one worker"),
        public_suffixes=("", "FILE", str, None, "for --by-domain: the Public Suffix List (the distribution's, if any)"),
        dask=("", "WHERE", str, None,
              "shards on a Dask cluster: tls://HOST:PORT of its scheduler, or local:N processes here"),
        tls_ca_file=("", "FILE", str, None, "for tls://: the authority that signed the cluster's certificates"),
        tls_cert=("", "FILE", str, None, "for tls://: our certificate"),
        tls_key=("", "FILE", str, None, "for tls://: its key"),
    )  # fmt: skip
    group("other", help=("-h", None, str, False, "print this and exit"),
          man=("", None, str, False, "show the manual page of resolve and exit"),
          version=("", None, str, False, "print the version and exit"))  # fmt: skip
    return rows


TABLE = _table()
_SHORT = {row.short: name for name, row in TABLE.items() if row.short} | {
    also: name for name, row in TABLE.items() for also in row.also
}


class Options:
    """A parsed command line. ``options["--rate"]`` is what was given, or the default."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.given: list[tuple[str, str | None]] = []  # the options as words, in their order
        self.server_file = ""  # that --resolvers names
        self.server_words: list[str] = []  # what --resolvers, or its file, names
        self.types: list[int] = []
        self.names: list[str] = []
        self.servers: list[Server] = []

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name, TABLE[name].default)

    def tries(self, servers: int) -> int:
        """How often a question is sent at most, to so many servers."""
        given: int | None = self["--tries"]
        return given or max(4, 2 * min(servers, 8))

    @property
    def source(self) -> str:
        """The input file, ``-`` for stdin."""
        given = self["--input-file"] or self["--wordlist"] or self["--zone-file"]
        return given or (self.names[0] if self.names else "-")


#: The contract, in the help and in the manual.
PROMISE = (
    "Ask DNS about many names. Writes exactly one record for each name and type, also for failures. "
    "Blank lines and lines that begin with # are skipped."
)


def groups() -> dict[str, list[tuple[str, str]]]:
    """Title -> the options' forms and what they do, with their defaults."""
    made: dict[str, list[tuple[str, str]]] = {}
    for name, row in TABLE.items():
        head = ", ".join(filter(None, (row.short, name))) + (f" {row.value}" if row.value else "")
        shown = row.default not in (None, False, "", 0, 0.0, ()) and name not in ("--output", "--input-format")
        made.setdefault(row.group, []).append((head, f"{row.help}{f' ({row.default})' if shown else ''}"))
    return made


#: What ``--help`` shows of the options: those that people use most.
_OFTEN = """
input and questions:
  -f FILE, FILE, -       names, one a line; - is stdin
  --input-format FORM    names, csv, dnsperf, jsonl, name,server, zone
  -d DOMAIN|FILE         lines are words: ask for WORD.DOMAIN
  -t TYPE                record type (A); several with commas: A,AAAA,MX
  --ptr                  lines are addresses and networks: ask for PTR
servers:
  -r A,B|FILE            ADDRESS or ADDRESS:PORT, or a file of them
                         (without it: those of resolv.conf)
  --iterative            ask no resolver: walk from the root down
pace:
  -s N                   questions in flight at most (1000)
  -P N                   processes (1)
  --rate QPS             questions a second; --rate-per-server QPS
  -c N, --timeout S      tries for each question (4); seconds for each (2)
output:
  -w FILE                write records to FILE (stdout)
  -o FORM                J: JSON; S: name, type, data; L: names; csv; parquet;
                         F, B, Snl, ...: massdns' forms
  --schema NAME          JSON as of massdns, zdns or dnsx
  --ordered              in the order of the input; --gzip: compressed
  --filter STATUS,...    only these: NOERROR,NXDOMAIN,...; --no-failures
checks:
  --wildcard mark|drop   what a wildcard gave is marked, or left out
  --trusted-resolvers A  ask these servers again for what was found
  --validate-dnssec      check each answer's signatures
stop and go on:
  --checkpoint FILE      note what is done;  --resume: go on from there
  --parts DIR            in shards;  --dask WHERE: on a cluster
  -q                     no progress and no summary
"""


def help_text() -> str:
    """What ``resolve bulk --help`` prints: a screen; the manual has the rest."""
    usage = "usage: resolve bulk [FILE|-] [options]\n       resolve bulk merge DIR [-w OUT] [--ordered]\n"
    return (
        f"{usage}\nAsk DNS about many names; one record for each name and type, also for failures.\n{_OFTEN}\n"
        f"All {len(TABLE)} options: resolve bulk --man"
    )


def parse(argv: list[str]) -> Options:
    """The command line as values. UsageError with one line for what cannot be."""
    made = Options()
    left = list(argv)
    try:
        while left:
            word = left.pop(0)
            if word.startswith("-") and word != "-":
                _option(made, word, left)
            else:
                made.names.append(word)
        given = made["--resolvers"]
        if given is not None:
            found, made.server_file = server_list(str(given))
            made.server_words = found
            made.servers += [parse_server(one) for one in found]
    except ResolverConfigError as error:
        raise UsageError(str(error)) from None
    port = made["--port"]
    if port is not None:
        made.servers = [Server(one.address, port) for one in made.servers]
    if len(made.names) + sum(made[one] is not None for one in ("--input-file", "--wordlist", "--zone-file")) > 1:
        for name in made.names:
            if name.startswith("@"):
                raise UsageError(f"{name} is no file; bulk takes servers by -r: -r {name[1:]}")
        raise UsageError("bulk reads one file; to read several, pipe them: cat FILE... | resolve bulk")
    if made["--interval"] is not None:
        made.values["--timeout"] = made["--interval"] / 1000
    if made["--resume"] and made["--restart"]:
        raise UsageError("--resume and --restart exclude each other")
    if made["--wordlist"] is not None and made["--domain"] is None:
        raise UsageError("--wordlist needs domains: -d D,...")
    if made["--zone-file"] is not None:
        made.values["--input-format"] = "zone"
    for option in ("--checkpoint", "--parts", "--dask"):
        if made["--input-format"] == "zone" and made[option] is not None:
            raise UsageError(f"a zone file cannot be read from its middle: leave out {option}")
    if made["--lookup"] is not None and made.types:
        raise UsageError("--lookup says itself what is asked for: leave out --type")
    if made["--second-pass"] and made["--ordered"]:
        raise UsageError("--second-pass and --ordered exclude each other: what is asked again comes last")
    _check_notes(made)
    if made["--output-format"] == "parquet":
        if made["--output"] == "-":
            raise UsageError("-o parquet needs a file: -w FILE")
        for option in ("--checkpoint", "--parts", "--dask", "--gzip", "--schema", "--fields"):
            if option in made.values:
                raise UsageError(f"{option} and -o parquet exclude each other")
    return made


def _check_notes(made: Options) -> None:
    """UsageError for options that say how to go on, where there is nothing to go on with."""
    shards = made["--parts"] is not None or made["--dask"] is not None
    for option in ("--resume", "--restart"):
        if made[option] and made["--checkpoint"] is None and not shards:
            raise UsageError(f"{option} needs --checkpoint FILE or --parts DIR")
    if shards:
        for option in ("--checkpoint", "--flush"):
            if option in made.values:
                raise UsageError(f"{option} and shards exclude each other: each shard is committed as a whole")
        if "--write-wildcards" in made.values:
            raise UsageError("--write-wildcards and shards exclude each other: mark the records, by --wildcard mark")
        if made["--dask"] is not None and "--processes" in made.values:
            raise UsageError("--processes and --dask exclude each other; for processes here: --dask local:N")
        for option in ("--ptr", "--domain", "--gzip"):
            if made["--by-domain"] and option in made.values:
                raise UsageError(f"--by-domain and {option} exclude each other")
    else:
        for option in ("--shard-lines", "--by-domain", "--public-suffixes"):
            if made[option]:
                raise UsageError(f"{option} needs --parts DIR or --dask WHERE")
    if made["--checkpoint"] is not None and (made.source == "-" or made["--output"] == "-"):
        raise UsageError("--checkpoint needs an input file and an output file (-w FILE)")


#: Options of ``resolve`` and of others -> what bulk has in their place.
_INSTEAD = {"--json": "JSON is what bulk writes by default", "--csv": "write -o csv"}


def _option(made: Options, word: str, left: list[str]) -> None:
    name, equals, value = word.partition("=")
    if not word.startswith("--") and len(word) > 2 and word[:2] in _SHORT:
        name, equals, value = word[:2], "=", word[2:]
    name = _SHORT.get(name, name)
    if name not in TABLE:
        near = difflib.get_close_matches(name, TABLE, 1)
        advice = _INSTEAD.get(name) or (f"did you mean {near[0]}?" if near else "resolve bulk --man lists them")
        raise UsageError(f"unknown option {word}; {advice}")
    row = TABLE[name]
    if row.value is None:
        if equals:
            raise UsageError(f"option {name} takes no value")
        made.values[name] = True
        made.given.append((name, None))
        return
    if not equals:
        if not left:
            raise UsageError(f"option {word} needs a value ({row.value})")
        value = left.pop(0)
    try:
        found = row.convert(value)
    except UsageError as error:
        raise UsageError(f"option {name}: {error}") from None
    if isinstance(found, frozenset):
        found |= made.values.get(name) or frozenset()  # --retry REFUSED --retry SERVFAIL are both
    elif isinstance(found, tuple):
        found = (*made.values.get(name, ()), *found)
    made.values[name] = found
    made.given.append((name, value))
    if name == "--type":
        made.types += [parse_type(one) for one in value.split(",")]
