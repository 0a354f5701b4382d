"""An answer as dig prints it: header, EDNS, sections and figures, each of which may be left out."""

from __future__ import annotations

import _socket
import time
from binascii import hexlify

from ...model import Answer, RRType, Validation, rcode_name
from ..escapes import printable
from .asker import Reply
from .dig_options import OPCODES
from .record_text import data_of, question_line, record_line, words
from .settings import Settings

_UPDATE = 5  # the opcode (RFC 2136)
_FLAGS = (
    ("qr", 0x8000),
    ("aa", 0x0400),
    ("tc", 0x0200),
    ("rd", 0x0100),
    ("ra", 0x0080),
    ("ad", 0x0020),
    ("cd", 0x0010),
)
# RFC 8914 §4 and IANA's registry of extended DNS errors.
_EDE = ("Other", "Unsupported DNSKEY Algorithm", "Unsupported DS Digest Type", "Stale Answer", "Forged Answer",
        "DNSSEC Indeterminate", "DNSSEC Bogus", "Signature Expired", "Signature Not Yet Valid", "DNSKEY Missing",
        "RRSIGs Missing", "No Zone Key Bit Set", "NSEC Missing", "Cached Error", "Not Ready", "Blocked", "Censored",
        "Filtered", "Prohibited", "Stale NXDOMAIN Answer", "Not Authoritative", "Not Supported",
        "No Reachable Authority", "Network Error", "Invalid Data")  # fmt: skip


def flag_words(answer: Answer) -> str:
    """The header's flags as words."""
    return " ".join(name for name, bit in _FLAGS if answer.flags & bit)


def counts(answer: Answer) -> tuple[int, int, int]:
    """The header's counts of answer, authority and additional records, the OPT record among the last."""
    return len(answer.records), len(answer.authority), len(answer.additional) + (answer.edns is not None)


def questions(answer: Answer, settings: Settings) -> int:
    """How many questions stand in the message: none in some replies to odd ones."""
    wire = getattr(answer, "message", b"")
    return 0 if settings.header_only else int.from_bytes(wire[4:6], "big") if wire else 1


def message(answer: Answer, settings: Settings, title: str = ";; Got answer:") -> str:
    """One message in dig's form. Ends with a line feed unless it is empty."""
    out: list[str] = []
    question = answer.question
    if settings.comments:
        out += [title, *_header(answer, settings), ""]
        if answer.edns is not None:
            out += [";; OPT PSEUDOSECTION:", *edns_lines(answer)]
    if settings.question and questions(answer, settings):
        if settings.comments:
            out.append(";; ZONE SECTION:" if settings.opcode == _UPDATE else ";; QUESTION SECTION:")
        out.append(question_line(question.name, question.rdclass, question.rdtype, settings))
        if settings.comments:
            out.append("")
    for word, wanted, records in (
        ("ANSWER", settings.answer, answer.records),
        ("AUTHORITY", settings.authority, answer.authority),
        ("ADDITIONAL", settings.additional, tuple(one for one in answer.additional if one.rdtype != RRType.TSIG)),
        ("TSIG", settings.additional, tuple(one for one in answer.additional if one.rdtype == RRType.TSIG)),
    ):
        if wanted and records:
            if settings.comments:
                out.append(";; TSIG PSEUDOSECTION:" if word == "TSIG" else f";; {word} SECTION:")
            out += [record_line(one, settings) for one in records]
            if settings.comments:
                out.append("")
    return "".join(f"{line}\n" for line in out)


def _header(answer: Answer, settings: Settings) -> list[str]:
    found, authority, additional = counts(answer)
    asked = questions(answer, settings)
    flags = answer.flags
    mbz = f"; MBZ: 0x{flags & 0x40:x}" if flags & 0x40 else ""
    lines = [
        f";; ->>HEADER<<- opcode: {OPCODES[settings.opcode]}, status: {rcode_name(answer.rcode)}, id: {answer.id}",
        f";; flags:{''.join(f' {one}' for one in flag_words(answer).split())}{mbz}; QUERY: {asked}, ANSWER: {found}, "
        f"AUTHORITY: {authority}, ADDITIONAL: {additional}",
    ]
    if flags & 0x8180 == 0x8100:
        lines.append(";; WARNING: recursion requested but not available")
    options = answer.question.options
    if (
        answer.edns is None
        and answer.rcode in (1, 4)
        and flags & 0x8000
        and (options is None or options.edns is not None)
    ):
        word = rcode_name(answer.rcode)
        extra = "+nodnssec +noedns" if options is not None and options.dnssec else "+noedns"
        lines += ["", f";; WARNING: EDNS query returned status {word} - retry with '{extra}'"]
    return lines


def edns_lines(answer: Answer) -> list[str]:
    """The OPT record in words."""
    edns = answer.edns
    if edns is None:
        return []
    bits = "".join([" do" * edns.dnssec, " co" * edns.co])
    lines = [f"; EDNS: version: {edns.version}, flags:{bits}; udp: {edns.bufsize}"]
    return lines + [f"; {title}: {value}".rstrip() for title, value in edns_options(answer)]


def edns_options(answer: Answer) -> list[tuple[str, str]]:
    """Names and values of the EDNS options; of a cookie also whether it is the one that was sent, and more."""
    options = answer.question.options
    cookie = options.cookie if options is not None and answer.flags & 0x8000 else None
    found = []
    for code, data in answer.edns.options if answer.edns is not None else ():
        title, value = option(code, data)
        if code == 10 and cookie and len(data) > 8:
            value += " (good)" if data[:8] == cookie[:8] else " (bad)"
        elif code == 10 and cookie and data == cookie:
            value += " (echoed)"
        found.append((title, value))
    return found


def option(code: int, data: bytes) -> tuple[str, str]:
    """An EDNS option's name and its value in words."""
    if code == 3:
        return "NSID", f"{hexlify(data, ' ').decode()} ({_quoted(data)})"
    if code == 8 and len(data) >= 4:
        return "CLIENT-SUBNET", _subnet(data)
    if code == 10:
        return "COOKIE", data.hex()
    if code == 12:
        return "PAD", f"({len(data)} bytes)"
    if code == 15 and len(data) >= 2:
        number = data[0] << 8 | data[1]
        name = f" ({_EDE[number]})" if number < len(_EDE) else ""
        text = ede_text(data)
        return "EDE", f"{number}{name}" + (f": ({text})" if text else "")
    if code == 9 and len(data) == 4:
        seconds = int.from_bytes(data, "big")
        return "EXPIRE", f"{seconds} ({words(seconds)})"
    if code == 11 and len(data) == 2:
        return "TCP-KEEPALIVE", f"{(data[0] << 8 | data[1]) / 10:.1f} secs"
    return f"OPT={code}", f"{hexlify(data, ' ').decode()} ({_quoted(data)})" if data else ""


def ede_text(data: bytes) -> str:
    """The words of an extended error (RFC 8914 §2), which the server chose."""
    return printable(data[2:].rstrip(b"\0").decode("utf-8", "surrogateescape"))


def _quoted(data: bytes) -> str:
    return '"' + "".join(chr(c) if 0x20 <= c < 0x7F else "." for c in data) + '"'


def _subnet(data: bytes) -> str:
    family, prefix, scope = data[1], data[2], data[3]
    if family == 1:
        address = ".".join(map(str, data[4:8].ljust(4, b"\0")))
    else:
        packed = data[4:20].ljust(16, b"\0")
        address = _socket.inet_ntop(_socket.AF_INET6, packed)
    return f"{address}/{prefix}/{scope}"


_ENCRYPTED = {"tls": "TLS", "https": "HTTPS", "quic": "QUIC"}


def stats(reply: Reply, answer: Answer, microseconds: bool) -> str:
    """The figures below an answer, with the empty line that ends it."""
    out = [f";; Query time: {duration(answer.rtt, microseconds)}"]
    server = server_words(reply, answer)
    if server:
        scheme = next((one.scheme for one in reply.servers if str(one) == answer.server), "")
        out.append(f";; SERVER: {server} ({_ENCRYPTED.get(scheme) or ('TCP' if answer.tcp else 'UDP')})")
    out.append(time.strftime(";; WHEN: %a %b %d %H:%M:%S %Z %Y", time.localtime(reply.when)))
    if answer.size:
        out.append(f";; MSG SIZE  rcvd: {answer.size}")
    return "\n".join([*out, "", ""])


def duration(seconds: float, microseconds: bool) -> str:
    """A time as dig gives it."""
    return f"{seconds * 1e6:.0f} usec" if microseconds else f"{int(seconds * 1e3)} msec"


def server_words(reply: Reply, answer: Answer) -> str:
    """``127.0.0.1#53(127.0.0.1)``: who answered, and under which name it was given."""
    if not answer.server:
        return ""
    return f"{answer.server}({reply.names.get(answer.server, answer.server.rpartition('#')[0])})"


def received(reply: Reply, answer: Answer) -> str:
    """The line that stands for the figures with ``+identify`` and ``+trace``."""
    return f";; Received {answer.size} bytes from {server_words(reply, answer)} in {int(answer.rtt * 1000)} ms\n\n"


def validation(found: Validation) -> str:
    """What DNSSEC says, in words that fit into one line."""
    if found.reason:
        return printable(str(found))
    by = f" by {printable(found.zone)}" + (f", key {found.key}" if found.key is not None else "")
    return f"{found.state}{by}"


def dig(reply: Reply, answer: Answer, microseconds: bool = False) -> str:
    """The whole of an answer."""
    settings = reply.lookup.settings
    text = message(answer, settings)
    if answer.validation is not None and settings.comments:
        text += f";; DNSSEC: {validation(answer.validation)}\n\n"
    if settings.stats:
        return text + stats(reply, answer, microseconds)
    if settings.identify:
        return text + received(reply, answer)
    return text


def short(answer: Answer, settings: Settings) -> str:
    """The data alone, a line each."""
    end = (
        f" from server {(answer.server or '').rpartition('#')[0]} in {int(answer.rtt * 1000)} ms."
        if settings.identify
        else ""
    )
    return "".join(f"{data_of(one, settings)}{end}\n" for one in answer.records)
