"""The help, the manual page and the shells' completions, all made from the option table."""

from __future__ import annotations

import textwrap

from ... import roff
from ..model import RRType
from . import help_texts
from .bench import bench_options
from .bulk import bulk_options
from .commands import COMMANDS
from .dig.dig_options import TABLE, Option

_FORMS = (
    ("resolve [@SERVER] NAME... [TYPE...] [+OPTION...]", "ask DNS, as dig"),
    ("resolve bulk [FILE|-] [OPTIONS]", "many names, as massdns"),
    ("resolve massdns -r FILE [FILE|-] [OPTIONS]", "massdns' own options"),
    ("resolve bench @SERVER NAME... [OPTIONS]", "how fast a server is"),
    ("resolve servers FILE|A,B|- [OPTIONS]", "check servers"),
    ("resolve hosts NAME...", "what a program gets"),
    ("resolve compare [@A @B] NAME... [TYPE]", "answers side by side"),
)
#: What ``--help`` shows of the options: those that people use most.
_OFTEN = (
    ("-t TYPE", "record type (A); several with commas: A,AAAA,MX"),
    ("-x ADDRESS", "the name of an address (PTR)"),
    ("-f FILE", "command lines from a file, - for stdin"),
    ("-p PORT, -4, -6", "port of the servers (53); IPv4 only; IPv6 only"),
    ("+search", "use the search list of resolv.conf"),
    ("+tcp +tls +https +quic", "over TCP; DNS over TLS, HTTPS, QUIC"),
    ("+dnssec +cdflag", "ask for DNSSEC records; without validation"),
    ("+validate", "check the signatures; --anchors FILE: with these keys"),
    ("+subnet=ADDR/BITS", "send a client's subnet (RFC 7871)"),
    ("+timeout=S +tries=N", "seconds for each reply (2); rounds of servers (3)"),
    ("+trace +nssearch", "walk from the root down; SOA of each name server"),
    ("+short", "the data alone, a line each"),
    ("+noall +answer", "only the answer section; others are chosen likewise"),
    ("+multiline +ttlunits", "long records on several lines; TTLs as 1h30m"),
    ("--json", "a line of JSON for each question; --format yaml, table"),
    ("--why", "say on stderr which servers are asked, and why these"),
    ("--exit-status=rcode", "2 if a name has no data, 3 if a server failed"),
    ("--completion SHELL", "print a completion script: bash, zsh, fish"),
    ("-v, --version, --man", "the version; the whole manual"),
)
_EXAMPLES = (
    ("resolve example.com MX", "the mail servers of a domain"),
    ("resolve example.com A AAAA +short", "addresses, a line each"),
    ("resolve -x 192.0.2.1", "the name of an address"),
    ("resolve @192.0.2.53 example.com TXT --json", "from this server, for a program"),
    ("resolve example.com +trace", "from the root down"),
)
_STATUS = (
    ("0", "every question got a reply, whatever it said"),
    ("1", "bad usage"),
    ("2, 3", "with --exit-status=rcode: a name has no data; a server failed"),
    ("4", "with +validate: an answer is bogus, or could not be validated"),
    ("8", "a file cannot be read or written"),
    ("9", "no server replied to at least one question"),
    ("10", "an error inside"),
    ("130", "interrupted"),
)


#: The commands whose manual is their help.
OTHERS = {
    "bulk merge": help_texts.MERGE,
    "massdns": help_texts.MASSDNS,
    "bench": bench_options.help_text(),
    "servers": help_texts.SERVERS,
    "hosts": help_texts.HOSTS,
    "compare": help_texts.COMPARE,
}


def _groups() -> dict[str, list[Option]]:
    made: dict[str, list[Option]] = {}
    for option in TABLE:
        if option.help:
            made.setdefault(option.group, []).append(option)
    return made


def forms(option: Option) -> list[str]:
    """How an option may be written: its letter, then dig's way, or GNU's where dig has none."""
    made = []
    if option.letter:
        made.append(f"-{option.letter}" + (f" {option.value}" if option.value else ""))
    bracketed = option.value.startswith("[")
    value = f"[={option.value[1:]}" if bracketed else f"={option.value}" if option.value else ""
    if option.dig:
        no = "[no]" if option.no and not option.value else ""
        made.append(f"+{no}{option.name}{value}")
    else:
        made.append(f"--{option.name}{value}")
    return made


def help_text() -> str:
    """What ``resolve --help`` prints: a screen; the manual has the rest."""
    width = 1 + max(len(form) for form, _ in _FORMS)
    lines = [f"{'usage: ' if not n else '       '}{form:{width}}{what}" for n, (form, what) in enumerate(_FORMS)]
    lines += ["", *(f"  {head:24}{what}" for head, what in _OFTEN)]
    lines += ["", "+option may be written --option, and +nooption --no-option. Short forms work if"]
    lines += [
        "they are unique. Options before the first name apply to all names, options",
        "after names to those names.",
        "",
    ]
    lines += [f"  {line:44}{what}" for line, what in _EXAMPLES]
    lines += ["", "Exit status: 0 all questions got a reply, 1 wrong options, 8 file, 9 no reply,"]
    lines += ["10 error inside. All options: resolve --man"]
    return "".join(f"{line}\n" for line in lines)


# -- the manual page -----------------------------------------------------------------------------------------------


def man_page(version: str) -> str:
    """The manual page, in man(7)'s language."""
    out = [
        f'.TH RESOLVE 1 "" "celadon {version}" "User Commands"',
        ".SH NAME",
        "resolve \\- ask DNS, one name or millions",
    ]
    out.append(".SH SYNOPSIS")
    for form, _ in _FORMS:
        out += [".nf", f"\\fB{roff.escape(form)}\\fP", ".fi"]
    out += [
        ".SH DESCRIPTION",
        "\\fBresolve\\fP asks DNS in dig's dialect and prints what dig prints. Standard output carries",
    ]
    out += ["answers only; whatever else there is to say is one line on standard error.", ".PP"]
    out += ["Options before the first name apply to all names, options after names apply to those names. Names side by"]
    out += [
        "side share what follows them; with several types each name is asked for each. All questions are asked at once,"
    ]
    out += ["and answered in their order. Every \\fB+option\\fP may be written \\fB\\-\\-option\\fP as well."]
    out += ["An option of dig's that is not supported here is ignored with a warning."]
    for group, options in _groups().items():
        out.append(f".SS {roff.escape(group)}")
        for option in options:
            out += [".TP", ", ".join(f"\\fB{roff.escape(one)}\\fP" for one in forms(option)), roff.escape(option.help)]
    out += [".SH RESOLVE BULK", roff.escape(bulk_options.PROMISE)]
    for title, rows in bulk_options.groups().items():
        out.append(f".SS {roff.escape(title)}")
        for head, text in rows:
            out += [".TP", f"\\fB{roff.escape(head)}\\fP", roff.escape(text)]
    for name, text in OTHERS.items():
        out += [f".SH RESOLVE {name.upper()}", ".nf", *map(roff.escape, text.splitlines()), ".fi"]
    out.append(".SH EXAMPLES")
    for line, what in _EXAMPLES:
        out += [".TP", f"\\fB{roff.escape(line)}\\fP", roff.escape(what)]
    out.append(".SH EXIT STATUS")
    for code, what in _STATUS:
        out += [".TP", code, roff.escape(what)]
    out += [".SH ENVIRONMENT", ".TP", "NO_COLOR", "no colour, also on a terminal", ".SH FILES", "/etc/resolv.conf"]
    out += [".SH SEE ALSO", "celadon(1), dig(1), getent(1), resolv.conf(5)"]
    return "".join(f"{line}\n" for line in out)


def show_man_page(version: str) -> None:
    """What ``resolve --man`` does."""
    roff.show(man_page(version))


# -- completions ---------------------------------------------------------------------------------------------------


def _words() -> tuple[list[str], list[str], list[str]]:
    """The words with a plus, those with a minus, and the types."""
    plus, minus = [], []
    for option in TABLE:
        if not option.help:
            continue
        if option.letter:
            minus.append(f"-{option.letter}")
        if option.dig:
            equals = "=" if option.value and not option.value.startswith("[") else ""
            plus.append(f"+{option.name}{equals}")
            if option.no and not option.value:
                plus.append(f"+no{option.name}")
        else:
            minus.append(f"--{option.name}")
    return plus, minus, [one.name for one in RRType if one.name != "OPT"]


def _values() -> dict[str, tuple[str, ...]]:
    return {f"--{one.name}": one.choices for one in TABLE if one.choices}


def completion(shell: str) -> str:
    """A completion script for ``bash``, ``zsh`` or ``fish``."""
    return _SHELLS[shell]()


def _bulk_words() -> list[str]:
    return [word for name, row in bulk_options.TABLE.items() for word in (row.short, name) if word]


def _bash() -> str:
    plus, minus, types = _words()
    cases = "\n".join(f'        {name}) words="{" ".join(values)}" ;;' for name, values in _values().items())
    return textwrap.dedent(
        """\
        # bash completion of resolve: source it, or put it under bash-completion/completions/resolve
        _resolve() {
            local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words
            if [ "${COMP_WORDS[1]}" = bulk ] && [ "$COMP_CWORD" -gt 1 ]; then
                case $word in
                    -*) COMPREPLY=($(compgen -W "%(bulk)s" -- "$word")) ;;
                    *) COMPREPLY=($(compgen -f -- "$word")) ;;
                esac
                return
            fi
            case $before in
        %(cases)s
                -f|--batch|--servers|--hints|--anchors) COMPREPLY=($(compgen -f -- "$word")); return ;;
                -t|--type) words="%(types)s" ;;
                *) case $word in
                    +*) words="%(plus)s" ;;
                    -*) words="%(minus)s" ;;
                    *) words="%(types)s"; [ "$COMP_CWORD" = 1 ] && words="%(commands)s $words" ;;
                esac ;;
            esac
            COMPREPLY=($(compgen -W "$words" -- "$word"))
            [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
        }
        complete -F _resolve resolve
        """
    ) % {
        "cases": cases,
        "types": " ".join(types),
        "plus": " ".join(plus),
        "minus": " ".join(minus),
        "commands": " ".join(COMMANDS),
        "bulk": " ".join(_bulk_words()),
    }


def _single(text: str) -> str:
    return text.replace("'", "'\\''")


def _zsh() -> str:
    lines = [
        "#compdef resolve",
        "# zsh completion of resolve: put it as _resolve into a directory of $fpath",
        "_resolve() {",
    ]
    lines.append("    local -a plus minus types commands")
    described: dict[str, list[str]] = {"plus": [], "minus": []}
    for option in TABLE:
        if option.help:
            text = _single(option.help.replace(":", "\\:"))
            described["plus" if option.dig else "minus"].append(f"'{'+' if option.dig else '--'}{option.name}:{text}'")
            if option.letter:
                described["minus"].append(f"'-{option.letter}:{text}'")
    types = _words()[2]
    bulk = (f"'{name}:{_single(row.help.replace(':', chr(92) + ':'))}'" for name, row in bulk_options.TABLE.items())
    lines.append(f"    local -a bulk; bulk=({' '.join(bulk)})")
    for name, items in described.items():
        lines.append(f"    {name}=({' '.join(items)})")
    lines += [
        f"    types=({' '.join(types)})",
        f"    commands=({' '.join(COMMANDS)})",
        "    if [[ $words[2] == bulk ]] && (( CURRENT > 2 )); then",
        "        [[ $PREFIX == -* ]] && _describe option bulk || _files; return",
        "    fi",
        "    case ${words[CURRENT-1]} in",
    ]
    for name, values in _values().items():
        lines.append(f"        {name}) compadd -- {' '.join(values)}; return ;;")
    lines += ["        -f|--batch|--servers|--hints|--anchors) _files; return ;;", "    esac", "    case $PREFIX in"]
    lines += ["        +*) _describe option plus ;;", "        -*) _describe option minus ;;"]
    lines += [
        "        *) compadd -- $types; (( CURRENT == 2 )) && compadd -- $commands ;;",
        "    esac",
        "}",
        '_resolve "$@"',
    ]
    return "".join(f"{line}\n" for line in lines)


_IN_BULK = "__fish_seen_subcommand_from bulk"


def _fish() -> str:
    types = _words()[2]
    lines = [
        "# fish completion of resolve: put it as resolve.fish into ~/.config/fish/completions",
        "complete -c resolve -f",
    ]
    lines.append(f"complete -c resolve -n __fish_is_first_token -a '{' '.join(COMMANDS)}'")
    lines.append(f"complete -c resolve -a '{' '.join(types)}'")
    for name, row in bulk_options.TABLE.items():
        letter = f" -s {row.short[1:]}" if row.short else ""
        value = " -r -F" if row.value and "FILE" in row.value else " -r" if row.value else ""
        lines.append(f"complete -c resolve -n '{_IN_BULK}'{letter} -l {name[2:]}{value} -d '{_single(row.help)}'")
    lines.append(f"complete -c resolve -n '{_IN_BULK}' -F")
    for option in TABLE:
        if not option.help:
            continue
        text = _single(option.help)
        if option.dig:
            lines.append(f"complete -c resolve -a '+{option.name}' -d '{text}'")
            continue
        letter = f" -s {option.letter}" if option.letter else ""
        choices = types if option.name == "type" else option.choices
        value = f" -x -a '{' '.join(choices)}'" if choices else " -r" if option.value else ""
        if option.name in ("batch", "servers", "hints", "anchors"):
            value += " -F"
        lines.append(f"complete -c resolve{letter} -l {option.name}{value} -d '{text}'")
    return "".join(f"{line}\n" for line in lines)


_SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
