"""The help, the manual page and the shells' completions, all made from the option table."""

from __future__ import annotations

import textwrap

from ..model import RRType
from .commands import COMMANDS
from .dig.dig_options import TABLE, Option

_FORMS = (
    ("resolve [@SERVER...] NAME... [TYPE...] [+OPTION...] [OPTIONS]", "ask DNS, as dig"),
    ("resolve bulk [FILE|-] [OPTIONS]", "ask for each line of a file, as massdns (resolve bulk --help)"),
    (
        "resolve massdns -r FILE [FILE|-] [OPTIONS]",
        "the same with massdns' own options and forms; also a link of that name",
    ),
    ("resolve hosts NAME...", "what a program gets from getaddrinfo, as getent ahosts"),
    ("resolve compare NAME... [TYPE...]", "every engine and libc side by side"),
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
    ("8", "a file cannot be read or written"),
    ("9", "no server replied to at least one question"),
    ("10", "an error inside"),
    ("130", "interrupted"),
)


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
    """What ``resolve --help`` prints."""
    lines = ["usage:"]
    lines += [f"  {form:64}{what}" for form, what in _FORMS]
    lines += [
        "",
        "Each +option may be written --option as well, and +nooption --no-option. Unambiguous abbreviations work.",
    ]
    lines += ["Options before the first name apply to all names, options after names to those names."]
    for group, options in _groups().items():
        lines += ["", f"{group}:"]
        for option in options:
            head = ", ".join(forms(option))
            lines.append(f"  {head:34} {option.help}" if len(head) <= 34 else f"  {head}\n{'':37}{option.help}")
    lines += ["", "Examples:", *(f"  {line:48}{what}" for line, what in _EXAMPLES)]
    lines += ["", "Exit status:", *(f"  {code:6}{what}" for code, what in _STATUS)]
    return "".join(f"{line}\n" for line in lines)


# -- the manual page -----------------------------------------------------------------------------------------------


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + escaped if escaped[:1] in (".", "'") else escaped


def man_page(version: str) -> str:
    """The manual page, in man(7)'s language."""
    out = [
        f'.TH RESOLVE 1 "" "celadon {version}" "User Commands"',
        ".SH NAME",
        "resolve \\- ask DNS, one name or millions",
    ]
    out.append(".SH SYNOPSIS")
    for form, _ in _FORMS:
        out += [".nf", f"\\fB{_roff(form)}\\fP", ".fi"]
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
        out.append(f".SS {_roff(group)}")
        for option in options:
            out += [".TP", ", ".join(f"\\fB{_roff(one)}\\fP" for one in forms(option)), _roff(option.help)]
    out.append(".SH EXAMPLES")
    for line, what in _EXAMPLES:
        out += [".TP", f"\\fB{_roff(line)}\\fP", _roff(what)]
    out.append(".SH EXIT STATUS")
    for code, what in _STATUS:
        out += [".TP", code, _roff(what)]
    out += [".SH ENVIRONMENT", ".TP", "NO_COLOR", "no colour, also on a terminal", ".SH FILES", "/etc/resolv.conf"]
    out += [".SH SEE ALSO", "dig(1), getent(1), resolv.conf(5)"]
    return "".join(f"{line}\n" for line in out)


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


def _bash() -> str:
    plus, minus, types = _words()
    cases = "\n".join(f'        {name}) words="{" ".join(values)}" ;;' for name, values in _values().items())
    return textwrap.dedent(
        """\
        # bash completion of resolve: source it, or put it under bash-completion/completions/resolve
        _resolve() {
            local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words
            case $before in
        %(cases)s
                -f|--batch|--servers|--hints) COMPREPLY=($(compgen -f -- "$word")); return ;;
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
    for name, items in described.items():
        lines.append(f"    {name}=({' '.join(items)})")
    lines += [
        f"    types=({' '.join(types)})",
        f"    commands=({' '.join(COMMANDS)})",
        "    case ${words[CURRENT-1]} in",
    ]
    for name, values in _values().items():
        lines.append(f"        {name}) compadd -- {' '.join(values)}; return ;;")
    lines += ["        -f|--batch|--servers|--hints) _files; return ;;", "    esac", "    case $PREFIX in"]
    lines += ["        +*) _describe option plus ;;", "        -*) _describe option minus ;;"]
    lines += [
        "        *) compadd -- $types; (( CURRENT == 2 )) && compadd -- $commands ;;",
        "    esac",
        "}",
        '_resolve "$@"',
    ]
    return "".join(f"{line}\n" for line in lines)


def _fish() -> str:
    types = _words()[2]
    lines = [
        "# fish completion of resolve: put it as resolve.fish into ~/.config/fish/completions",
        "complete -c resolve -f",
    ]
    lines.append(f"complete -c resolve -n __fish_is_first_token -a '{' '.join(COMMANDS)}'")
    lines.append(f"complete -c resolve -a '{' '.join(types)}'")
    for option in TABLE:
        if not option.help:
            continue
        text = _single(option.help)
        if option.dig:
            lines.append(f"complete -c resolve -a '+{option.name}' -d '{text}'")
            continue
        letter = f" -s {option.letter}" if option.letter else ""
        value = f" -x -a '{' '.join(option.choices)}'" if option.choices else " -r" if option.value else ""
        if option.name in ("batch", "servers", "hints"):
            value += " -F"
        lines.append(f"complete -c resolve{letter} -l {option.name}{value} -d '{text}'")
    return "".join(f"{line}\n" for line in lines)


_SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
