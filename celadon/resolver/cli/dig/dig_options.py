"""The options of ``resolve`` in dig's dialect, as one table: the parser, the help, the completions and the manual
page are all made from it.

An option may be written dig's way (``+short``, ``+nostats``, ``+tries=1``, ``-p 5353``) and GNU's (``--short``,
``--no-stats``, ``--tries 1``, ``--port=5353``). What dig has and this command has not is in the table as well, so that
an old command line goes on working with a warning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ...errors import ResolverConfigError
from ...names.address import normal
from ...names.record_type import parse_type
from ...system.servers import parse_server
from ..commands import load
from ..exits import UsageError, must_be_readable
from ..server_list import server_list
from ..subnets import checked_subnet
from .settings import Run, Settings

CLASSES = {"IN": 1, "CH": 3, "CHAOS": 3, "HS": 4, "HESIOD": 4, "NONE": 254, "ANY": 255}
FORMATS = ("dig", "short", "json", "yaml", "table")

#: The change that an option makes: (Settings or Run, its value or None, False for its ``no`` form) -> the changed one.
Change = Callable[[Any, str | None, bool], Any]


class Option(NamedTuple):
    """One option. ``value`` is the placeholder of its value, in brackets where that may be left out.

    ``dig`` says that it may stand behind a ``+``, ``no`` that it has a negative form; ``whole`` that it holds for the
    command and not for a question. ``letter`` is its short form. An option without help is accepted in silence.
    """

    name: str
    value: str
    change: Change
    help: str
    group: str
    letter: str = ""
    dig: bool = True
    no: bool = True
    whole: bool = False
    choices: tuple[str, ...] = ()


# -- values ------------------------------------------------------------------------------------------------------


def _tries(text: str) -> int:
    return max(_number(text, 0, 99), 1)  # as dig


def _number(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise UsageError(f"{text!r} is not a number from {least} to {most}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text) or 1.0  # as dig
    except ValueError:
        value = 0.0
    if not 0 < value < 86400:
        raise UsageError(f"{text!r} is not a positive number of seconds")
    return value


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise UsageError(f"{text!r} is not hexadecimal") from None


def rdclass(word: str) -> int | None:
    """A class' number from its mnemonic or ``CLASS3``; None for what is none."""
    upper = word.upper()
    if upper.startswith("CLASS") and upper[5:].isascii() and upper[5:].isdigit() and int(upper[5:]) < 65536:
        return int(upper[5:])
    return CLASSES.get(upper)


_TRANSFERS = {"AXFR": 252, "TYPE252": 252, "IXFR": 251, "TYPE251": 251}


def rdtype(word: str) -> int | None:
    """A type's number from its mnemonic, ``TYPE28`` or ``IXFR=serial``; None for another word."""
    kind = word.partition("=")[0].upper()
    if kind in _TRANSFERS and (kind == word.upper() or _TRANSFERS[kind] == 251):
        return _TRANSFERS[kind]
    try:
        return parse_type(word)
    except ResolverConfigError:
        return None


def with_type(target: Settings, word: str, number: int) -> Settings:
    """The settings with one type more. UsageError for an IXFR without the serial that we have."""
    if number == _TRANSFERS["IXFR"]:
        serial = word.partition("=")[2]
        if not serial:
            raise UsageError("IXFR needs the serial that you have of the zone: IXFR=2026112501")
        target = target._replace(ixfr=_number(serial, 0, 0xFFFFFFFF))
    return target._replace(types=(*target.types, number))


# -- changes -----------------------------------------------------------------------------------------------------


def _set(field: str, on: object = True, off: object = False) -> Change:
    return lambda target, value, positive: target._replace(**{field: on if positive else off})


def _take(field: str, convert: Callable[[str], object], default: object = None, off: object = None) -> Change:
    def change(target: Any, value: str | None, positive: bool) -> Any:
        if not positive:
            return target._replace(**{field: off})
        return target._replace(**{field: default if value is None else convert(value)})

    return change


def _whole_number(field: str, least: int, most: int, default: object = None, off: object = None) -> Change:
    return _take(field, lambda text: _number(text, least, most), default, off)


def _types(target: Settings, value: str | None, positive: bool) -> Settings:
    for word in (value or "").split(","):
        number = rdtype(word)
        if number is None:
            raise UsageError(f"unknown record type {word!r}")
        target = with_type(target, word, number)
    return target


def _class(target: Settings, value: str | None, positive: bool) -> Settings:
    number = rdclass(value or "")
    if number is None:
        raise UsageError(f"unknown class {value!r}")
    return target._replace(rdclass=number)


def _servers(target: Settings, value: str | None, positive: bool) -> Settings:
    try:
        found, _ = server_list(value or "")
    except ResolverConfigError as error:
        raise UsageError(str(error)) from None
    servers = [one if "://" in one else str(parse_server(one)) for one in found]
    return target._replace(servers=(*target.servers, *servers))


_SECTIONS = ("comments", "question", "answer", "authority", "additional", "stats", "cmd")


def _all(target: Settings, value: str | None, positive: bool) -> Settings:
    return target._replace(**dict.fromkeys(_SECTIONS, positive))  # type: ignore[arg-type]


def _retry(target: Settings, value: str | None, positive: bool) -> Settings:
    return target._replace(tries=_number(value or "", 0, 99) + 1)


def _ednsopt(target: Settings, value: str | None, positive: bool) -> Settings:
    if not positive:
        return target._replace(ednsopt=())
    code, colon, data = (value or "").partition(":")
    number = _EDNS.get(code.upper())
    if number is None:
        number = _number(code, 0, 65535)
    return target._replace(ednsopt=(*target.ednsopt, (number, _hex(data) if colon else b"")))


#: EDNS options by the names that dig takes (IANA's registry).
_EDNS = {"LLQ": 1, "UL": 2, "NSID": 3, "DAU": 5, "DHU": 6, "N3U": 7, "ECS": 8, "EXPIRE": 9, "COOKIE": 10,
         "KEEPALIVE": 11, "PADDING": 12, "PAD": 12, "CHAIN": 13, "KEY-TAG": 14, "EDE": 15, "CLIENT-TAG": 16,
         "SERVER-TAG": 17, "DEVICEID": 26946}  # fmt: skip


def _empty_option(number: int) -> Change:
    def change(target: Settings, value: str | None, positive: bool) -> Settings:
        others = tuple(one for one in target.ednsopt if one != (number, b""))
        return target._replace(ednsopt=(*others, (number, b"")) if positive else others)

    return change


def _scheme(scheme: str) -> Change:
    def change(target: Settings, value: str | None, positive: bool) -> Settings:
        if value and not value.startswith("/"):
            raise UsageError(f"{value!r} is not a path")
        return target._replace(scheme=scheme if positive else "", path=value or "")

    return change


def _tls_ca(target: Settings, value: str | None, positive: bool) -> Settings:
    if value and positive:
        must_be_readable("+tls-ca", value)
    return target._replace(tls_trust=(value or "") if positive else None)


def _trace(target: Settings, value: str | None, positive: bool) -> Settings:
    if not positive:
        return target._replace(trace=False)
    return target._replace(trace=True, rd=False, dnssec=True)


def _format(target: Settings, value: str | None, positive: bool) -> Settings:
    if value not in FORMATS:
        raise UsageError(f"{value!r} is not one of {', '.join(FORMATS)}")
    return target._replace(format=value, short=value == "short")


def _when(target: Run, value: str | None, positive: bool) -> Run:
    if value not in ("auto", "always", "never"):
        raise UsageError(f"{value!r} is not one of auto, always, never")
    return target._replace(color=value)


def _status(target: Run, value: str | None, positive: bool) -> Run:
    if value not in ("dig", "rcode"):
        raise UsageError(f"{value!r} is not one of dig, rcode")
    return target._replace(by_rcode=value == "rcode")


_SHELLS = ("bash", "zsh", "fish")


def _completion(target: Run, value: str | None, positive: bool) -> Run:
    if value not in _SHELLS:
        raise UsageError(f"{value!r} is not one of {', '.join(_SHELLS)}")
    return target._replace(action=f"completion {value}")


OPCODES = ("QUERY", "IQUERY", "STATUS", "RESERVED3", "NOTIFY", "UPDATE", "DSO", *(f"RESERVED{n}" for n in range(7, 16)))


def _opcode(target: Settings, value: str | None, positive: bool) -> Settings:
    word = (value or "").upper()
    number = OPCODES.index(word) if word in OPCODES else _number(word, 0, 15) if positive else 0
    return target._replace(opcode=number if positive else 0)


def _get(target: Settings, value: str | None, positive: bool) -> Settings:
    made: Settings = _scheme("https")(target, value, positive)
    return made._replace(path=(made.path or "/dns-query") + "{?dns}") if positive else made  # RFC 8484 §4.1


def _tsig(target: Run, value: str | None, positive: bool) -> Run:
    return target._replace(key=load("dig.signing").key(value or ""))


def _keyfile(target: Run, value: str | None, positive: bool) -> Run:
    return target._replace(key=load("dig.signing").key_in(value or ""))


def _source(target: Run, value: str | None, positive: bool) -> Run:
    address, _, port = (value or "").partition("#")
    if normal(address) is None:
        raise UsageError(f"{address!r} is not an IPv4 or IPv6 address")
    return target._replace(source=(address, _number(port, 0, 65535) if port else 0))


def _unsupported(name: str) -> Change:
    def change(target: Run, value: str | None, positive: bool) -> Run:
        return target._replace(warnings=(*target.warnings, name)) if positive else target

    return change


def _nothing(target: Any, value: str | None, positive: bool) -> Any:
    return target


# -- the table -----------------------------------------------------------------------------------------------------

_ASK, _SERVERS, _HOW, _SHOW, _FORMAT, _REST = (
    "What to ask",
    "Servers",
    "How to ask",
    "What to show",
    "Output",
    "The command",
)


def _plus(group: str, *rows: tuple[str, str, Change, str]) -> list[Option]:
    return [Option(name, value, change, text, group) for name, value, change, text in rows]


def _long(group: str, letter: str, name: str, value: str, change: Change, text: str, *choices: str) -> Option:
    """An option that has no form with a plus."""
    whole = change not in _PER_QUESTION
    return Option(name, value, change, text, group, letter, False, False, whole, choices)


_PER_QUESTION = (_types, _class, _nothing, _servers, _format)

TABLE: tuple[Option, ...] = (
    _long(_ASK, "t", "type", "TYPE", _types, "record type (A); several are joined by commas: A,AAAA,TYPE65"),
    _long(_ASK, "c", "class", "CLASS", _class, "class (IN): CH, HS, CLASS3"),
    _long(_ASK, "q", "name", "NAME", _nothing, "a name, also if it looks like a type or an option"),
    _long(_ASK, "x", "reverse", "ADDRESS", _nothing, "ask for the PTR record of this address"),
    _long(_ASK, "f", "batch", "FILE", _take("batch", str), "read command lines from a file, - for stdin"),
    *_plus(
        _ASK,
        ("search", "", _set("search"), "use resolv.conf's search list and ndots"),
        ("showsearch", "", _set("showsearch"), "search, and show the answer to each name that was tried"),
        ("domain", "NAME", _take("domain", str), "search this domain in place of resolv.conf's list"),
        ("ndots", "N", _whole_number("ndots", 0, 15), "a name with this many dots is tried as it is first"),
        ("trace", "", _trace, "follow the delegations from the root down"),
        ("nssearch", "", _set("nssearch"), "the SOA record from each name server of the zone"),
        ("idnin", "", _set("idnin"), "take names in any script (IDNA)"),
    ),
    _long(_SERVERS, "", "servers", "A,B|FILE", _servers,
          "servers with optional ports, or a file with one a line; like @A @B"),
    _long(_SERVERS, "", "discover", "", _set("action", "discover"),
          "the encrypted servers that a server designates (DDR, RFC 9462); @ddr://ADDRESS uses them"),
    _long(_SERVERS, "p", "port", "PORT", _whole_number("port", 1, 65535), "port of the servers (53)"),
    _long(_SERVERS, "4", "ipv4", "", _set("family", 4), "servers over IPv4 only"),
    _long(_SERVERS, "6", "ipv6", "", _set("family", 6), "servers over IPv6 only"),
    _long(_SERVERS, "", "hints", "A,B|FILE", _take("hints", str),
          "with +trace: the root servers, or a root hints file"),
    _long(_SERVERS, "", "anchors", "FILE", _take("anchors", str),
          "with +validate: trust anchors in place of the root's (DS or DNSKEY records, or BIND's)"),
    _long(_SERVERS, "", "resolver", "NAME", _take("resolver", str), "engine (python); thread and block use libc",
          "python", "ares", "thread", "block"),
    *_plus(
        _HOW,
        ("tcp", "", _set("tcp"), "TCP without trying UDP"),
        ("vc", "", _set("tcp"), ""),
        ("tls", "", _scheme("tls"), "DNS over TLS; as in dig, certificates are checked only with +tls-ca"),
        ("https", "[PATH]", _scheme("https"), "DNS over HTTPS (/dns-query)"),
        ("quic", "", _scheme("quic"), "DNS over QUIC"),
        ("https-post", "[PATH]", _scheme("https"), ""),
        ("tls-ca", "[FILE]", _tls_ca, "check certificates, by the system's authorities or those in FILE"),
        ("tls-hostname", "NAME", _take("tls_hostname", str, "", ""),
         "the name that the certificate must have, in place of the address"),
        ("ignore", "", _set("ignore"), "take a truncated answer as it is"),
        ("timeout", "SECONDS", _take("timeout", _seconds, 2.0, 2.0), "seconds to wait for each reply (2)"),
        ("time", "SECONDS", _take("timeout", _seconds, 2.0, 2.0), ""),
        ("tries", "N", _take("tries", _tries, 3, 3), "rounds over all servers (3)"),
        ("attempts", "N", _take("tries", _tries, 3, 3), ""),
        ("retry", "N", _retry, "tries after the first one"),
        ("recurse", "", _set("rd"), "ask for recursion (on)"),
        ("rdflag", "", _set("rd"), ""),
        ("dnssec", "", _set("dnssec"), "ask for DNSSEC records (the DO bit)"),
        ("do", "", _set("dnssec"), ""),
        ("validate", "", _set("validate"), "validate the answer (DNSSEC) from a trust anchor down, and say why not"),
        ("cdflag", "", _set("cd"), "ask without validation (the CD bit)"),
        ("adflag", "", _set("ad"), "set the AD bit in the question (on)"),
        ("aaflag", "", _set("aa"), "set the AA bit in the question"),
        ("aaonly", "", _set("aa"), ""),
        ("zflag", "", _set("z"), "set the reserved bit in the question"),
        ("bufsize", "BYTES", _whole_number("bufsize", 0, 65535, 1232, 512), "largest reply over UDP (1232)"),
        ("edns", "[VERSION]", _whole_number("edns", 0, 255, 0), "EDNS version (0); +noedns for none"),
        ("nsid", "", _set("nsid"), "ask for the server's identity (RFC 5001)"),
        ("subnet", "ADDRESS/BITS", _take("subnet", checked_subnet), "send a client's subnet to the server (RFC 7871)"),
        ("cookie", "[HEX]", _take("cookie", _hex, b""), "a DNS cookie (on, a random one)"),
        ("padding", "BYTES", _whole_number("padding", 0, 512, 0, 0), "pad the question to a multiple (RFC 7830)"),
        ("ednsopt", "CODE[:HEX]", _ednsopt, "any other EDNS option"),
        ("ednsnegotiation", "", _set("ednsnegotiation"), "ask again by EDNS 0 where +edns=VERSION is not known (on)"),
        ("expire", "", _empty_option(9), "ask when a secondary's copy of the zone ends (RFC 7314)"),
        ("keepalive", "", _empty_option(11), "ask how long the server keeps TCP connections (RFC 7828)"),
        ("coflag", "", _set("co"), "ask for compact answers (the CO bit, RFC 9824)"),
        ("co", "", _set("co"), ""),
        ("https-get", "[PATH]", _get, "DNS over HTTPS by GET"),
        ("fail", "", _set("fail"), "take the first reply, also SERVFAIL; +nofail, the default, asks the next server"),
        ("keepopen", "", _nothing, "keep connections open between questions, which is always done"),
        ("opcode", "CODE", _opcode, "the operation: a number or QUERY, STATUS, NOTIFY, UPDATE"),
        ("qid", "N", _whole_number("qid", 0, 65535), "the id of each message"),
        ("header-only", "", _set("header_only"), "send a header without a question"),
    ),
    *_plus(
        _SHOW,
        ("short", "", _set("short"), "the data alone, a line each"),
        ("all", "", _all, "all of the parts below, or none"),
        ("cmd", "", _set("cmd"), "the first lines, which repeat the command"),
        ("comments", "", _set("comments"), "header, flags and titles"),
        ("question", "", _set("question"), "the question"),
        ("answer", "", _set("answer"), "the answer"),
        ("authority", "", _set("authority"), "the authority section"),
        ("additional", "", _set("additional"), "the additional section"),
        ("stats", "", _set("stats"), "time, server and size"),
        ("ttlid", "", _set("ttlid"), "TTLs"),
        ("ttlunits", "", _set("ttlunits"), "TTLs as 1h30m"),
        ("class", "", _set("show_class"), "classes"),
        ("multiline", "", _set("multiline"), "long records over several lines, with comments"),
        ("rrcomments", "", _set("rrcomments"), "what the numbers of a DNSKEY record mean"),
        ("crypto", "", _set("crypto"), "keys and signatures"),
        ("split", "N", _whole_number("split", 0, 1024, None, 0), "break long codes after N characters (56)"),
        ("identify", "", _set("identify"), "with +short: who answered, and how fast"),
        ("onesoa", "", _set("onesoa"), "of a zone transfer without the SOA record at its end"),
        ("qr", "", _set("qr"), "the question as it is sent"),
        ("idnout", "", _set("idnout"), "names in their own script (on a terminal)"),
        ("expandaaaa", "", _set("expandaaaa"), "IPv6 addresses in full"),
    ),
    Option("json", "", _set("format", "json", "dig"), "one JSON object per question, on one line", _FORMAT),
    Option("yaml", "", _set("format", "yaml", "dig"), "as dig's +yaml", _FORMAT),
    _long(_FORMAT, "", "format", "FORMAT", _format, f"one of {', '.join(FORMATS)}", *FORMATS),
    _long(_FORMAT, "", "color", "WHEN", _when, "colour in a table (auto: on a terminal without NO_COLOR)",
          "auto", "always", "never"),
    _long(_FORMAT, "", "exit-status", "KIND", _status, "dig, or rcode: 2 if a name has no data, 3 if a server failed",
          "dig", "rcode"),
    _long(_REST, "", "why", "", _set("why"), "say on stderr which resolver and servers are asked, and why"),
    _long(_REST, "", "strict-args", "", _set("strict"), "refuse dig's options that are not supported here"),
    _long(_REST, "", "completion", "SHELL", _completion, "print a completion script: bash, zsh, fish", *_SHELLS),
    _long(_REST, "", "man", "", _set("action", "man"), "the manual page: on a terminal by man(1), else as it is"),
    _long(_REST, "v", "version", "", _set("action", "version"), "print the version"),
    _long(_REST, "h", "help", "", _set("action", "help"), "print this"),
    _long(_REST, "r", "rcfile", "", _nothing, ""),  # dig's -r: there is no ~/.digrc here
    _long(_SHOW, "u", "microseconds", "", _set("microseconds"), "query times in microseconds"),
    *(
        Option(name, value, _unsupported(f"+{name}"), "", _REST, whole=True)
        for name, value in (
            ("badcookie", ""), ("besteffort", ""), ("dns64prefix", ""), ("dscp", "N"), ("ednsflags", "[N]"),
            ("http-plain", "[PATH]"), ("http-plain-get", "[PATH]"), ("http-plain-post", "[PATH]"),
            ("mapped", ""), ("raflag", ""),
            ("showbadcookie", ""), ("tcflag", ""),
            ("tls-certfile", "FILE"), ("tls-keyfile", "FILE"),
            ("unknownformat", ""), ("defname", ""), ("sigchase", ""), ("topdown", ""),
        )
    ),
    _long(_HOW, "b", "bind", "ADDRESS[#PORT]", _source, "send from this address"),
    _long(_HOW, "y", "tsig", "[ALG:]NAME:KEY", _tsig, "sign with this key (TSIG); hmac-md5 without ALG, as dig"),
    _long(_HOW, "k", "keyfile", "FILE", _keyfile, "sign with the key of this file, as tsig-keygen writes it"),
    _long(_REST, "m", "memory", "", _unsupported("-m"), ""),
)  # fmt: skip

LETTERS = {option.letter: option for option in TABLE if option.letter}
PLUS = {option.name: option for option in TABLE if option.dig}
LONG = {option.name: option for option in TABLE if option.dig} | {o.name: o for o in TABLE if not o.dig}
#: Short forms that fingers know, where a prefix alone would be ambiguous.
_ALIASES = {"ad": "adflag", "aa": "aaflag", "cd": "cdflag", "rec": "recurse", "ra": "raflag", "tc": "tcflag",
            "add": "additional", "auth": "authority", "ans": "answer", "com": "comments", "multi": "multiline",
            "st": "stats", "q": "question", "qu": "question", "ti": "timeout", "tim": "timeout", "ttl": "ttlid",
            "v": "vc", "rrcomm": "rrcomments", "sea": "search", "backend": "resolver"}  # fmt: skip


def find(word: str, among: dict[str, Option]) -> Option | None:
    """The option that a keyword or an unambiguous beginning of it names; UsageError for an ambiguous one."""
    name = _ALIASES.get(word, word)
    if name in among:
        return among[name]
    matching = [one for one in among.values() if word and one.name.startswith(word)]
    if len({id(one.change) if not one.help else one.name for one in matching}) > 1:
        raise UsageError(f"{word!r} is ambiguous: {', '.join(one.name for one in matching)}")
    return matching[0] if matching else None
