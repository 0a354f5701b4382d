"""The help, the manual page and the completions of the command ``celadon``."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from importlib import import_module
from typing import NamedTuple

from . import __version__, roff

HELP = """\
usage: celadon [options] script.py | -m module | -c code | -   [args...]
       celadon serve|proxy|crawl [options] ...      (celadon serve --help)

Run a program as python does, with the standard library made cooperative.

  --resolver NAME      auto, ares, python, thread, block, or pkg.mod:obj
  --servers A,B        name servers in place of those in resolv.conf
  --search A,B         domains for short names (--search= for none)
  --timeout SECONDS    for each try;  --attempts N: rounds over all servers
  --deadline SECONDS   for a lookup as a whole
  --cache N            how many answers are kept (0: no cache)
  --concurrency N      questions in flight;  --rate N: questions in a second
  --no-MODULE          do not patch a module, such as --no-ssl
  --sys, --files       patch standard streams; regular files too (in threads)
  --as gevent          for a program of gevent or eventlet: it gets Celadon
  -P                   do not put the program's folder in front of sys.path
  --completion SHELL   print a completion script: bash, zsh, fish
  -V, --version;  -h, --help;  --man: the whole manual
"""


class Option(NamedTuple):
    """One option of ``celadon``."""

    name: str
    value: str
    help: str
    choices: tuple[str, ...] = ()


OPTIONS = (
    Option("--resolver", "NAME", "what looks names up: auto (default), ares, python, thread, block, a list with "
           "commas, or pkg.mod:obj for one of your own", ("auto", "ares", "python", "thread", "block")),
    Option("--servers", "A,B", "name servers in place of those in resolv.conf, with optional ports"),
    Option("--search", "A,B", "domains that short names are tried in; --search= for none"),
    Option("--timeout", "SECONDS", "for each try of a question"),
    Option("--attempts", "N", "rounds over all servers"),
    Option("--deadline", "SECONDS", "for a lookup as a whole, whatever happens in it"),
    Option("--cache", "N", "how many answers are kept; 0: no cache"),
    Option("--concurrency", "N", "questions in flight at most"),
    Option("--rate", "N", "questions in a second at most"),
    Option("--no-MODULE", "", "leave a module out of the patch: --no-ssl, --no-thread, --no-subprocess, ..."),
    Option("--sys", "", "patch sys.stdin, sys.stdout and sys.stderr as well"),
    Option("--files", "", "patch regular files as well: they are read and written in threads"),
    Option("--as", "LIBRARY", "run a program written for gevent or eventlet: it imports that library and gets "
           "Celadon, and patches by itself", ("gevent", "eventlet")),
    Option("-P", "", "do not put the program's folder in front of sys.path, as python -P"),
    Option("--completion", "SHELL", "print a completion script", ("bash", "zsh", "fish")),
    Option("--man", "", "the manual page: on a terminal by man(1), else as it is"),
    Option("--version", "", "print the version; also -V"),
    Option("--help", "", "print a summary; also -h"),
)  # fmt: skip
_ENVIRONMENT = (
    ("CELADON_RESOLVER", "what looks names up, where no option and no program says it"),
    ("CELADON_AS", "as --as, for python too"),
    ("CELADON_ACCEL", "0: without the accelerators in C"),
    ("CELADON_WATCHDOG", "seconds after which a greenlet that blocks the others is reported on stderr"),
)
_STATUS = (("2", "a wrong option, or a program that cannot be read"), ("others", "as the program ends"))


def main(args: list[str], commands: Mapping[str, str]) -> int:
    """Print what the first of ``args`` asks for; ``commands`` are the words with a command of their own."""
    if args[0] in ("-h", "--help"):
        print(HELP, end="")
    elif args[0] == "--man":
        roff.show(man_page(commands))
    else:
        shell = args[0].partition("=")[2] or "".join(args[1:2])
        if shell not in _SHELLS:
            raise ValueError(f"--completion: {shell!r} is not one of {', '.join(_SHELLS)}")
        print(_SHELLS[shell](commands), end="")
    return 0


def man_page(commands: Mapping[str, str]) -> str:
    """The manual page in man(7)'s language, with the help of each command of ours."""
    out = [f'.TH CELADON 1 "" "celadon {__version__}" "User Commands"', ".SH NAME"]
    out += ["celadon \\- run a Python program with the standard library made cooperative", ".SH SYNOPSIS"]
    for form in ("script.py [args...]", "-m module [args...]", "-c code [args...]", "- [args...]"):
        out += [".nf", f"\\fBceladon\\fP [options] {roff.escape(form)}", ".fi"]
    out += [".nf", *(f"\\fBceladon {one}\\fP [options]" for one in sorted(commands)), ".fi", ".SH DESCRIPTION"]
    out += [
        "Runs a program as python does, after celadon.patch_all(): what blocked the process, lets other threads run,"
    ]
    out += [
        "which are greenlets. The program sees what it sees under python. python \\-m celadon is the same; options of"
    ]
    out += ["the interpreter stand before \\-m.", ".SH OPTIONS"]
    for option in OPTIONS:
        value = f" \\fI{roff.escape(option.value)}\\fP" if option.value else ""
        out += [".TP", f"\\fB{roff.escape(option.name)}\\fP{value}", roff.escape(option.help)]
    for name in sorted(commands):
        out += [f".SH CELADON {name.upper()}", ".nf", *map(roff.escape, help_of(commands[name])), ".fi"]
    for title, rows in (("ENVIRONMENT", _ENVIRONMENT), ("EXIT STATUS", _STATUS)):
        out.append(f".SH {title}")
        for head, text in rows:
            out += [".TP", head, roff.escape(text)]
    out += [".SH SEE ALSO", "resolve(1), python(1)"]
    return "".join(f"{line}\n" for line in out)


def help_of(module: str) -> list[str]:
    """What a command of ours prints for --help, a line each; what it misses, if its extra is not installed."""
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            import_module(f"celadon.{module}").main(["--help"])
    except ImportError as error:
        return [str(error)]
    return said.getvalue().splitlines()


def _flags() -> list[str]:
    return [one.name for one in OPTIONS if one.name != "--no-MODULE"]


def _single(text: str) -> str:
    return text.replace("'", "'\\''")


def _bash(commands: Mapping[str, str]) -> str:
    cases = [f'        {one.name}) words="{" ".join(one.choices)}" ;;' for one in OPTIONS if one.choices]
    return "\n".join(
        [
            "# bash completion of celadon: source it, or put it under bash-completion/completions/celadon",
            "_celadon() {",
            "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words",
            "    case $before in",
            *cases,
            f'        *) case $word in -*) words="{" ".join(_flags())}" ;; esac',
            f'           [ "$COMP_CWORD" = 1 ] && words="$words {" ".join(sorted(commands))}" ;;',
            "    esac",
            '    COMPREPLY=($(compgen -W "$words" -- "$word") $(compgen -f -- "$word"))',
            "}",
            "complete -o filenames -F _celadon celadon",
            "",
        ]
    )


def _zsh(commands: Mapping[str, str]) -> str:
    lines = [
        "#compdef celadon",
        "# zsh completion of celadon: put it as _celadon into a directory of $fpath",
        "_arguments -S \\",
    ]
    for one in OPTIONS:
        if one.name != "--no-MODULE":
            text = _single(one.help.replace("[", "").replace("]", "").replace(":", "\\:"))
            value = f":{one.value}:({' '.join(one.choices)})" if one.choices else f":{one.value}: " if one.value else ""
            equals = "=" if one.value else ""
            lines.append(f"    '{one.name}{equals}[{text}]{value}' \\")
    lines += [f'    \'1: :{{_alternative "commands:command:({" ".join(sorted(commands))})" "files:file:_files"}}\' \\']
    lines += ["    '*::argument:_files'"]
    return "".join(f"{line}\n" for line in lines)


def _fish(commands: Mapping[str, str]) -> str:
    lines = ["# fish completion of celadon: put it as celadon.fish into ~/.config/fish/completions"]
    lines.append(f"complete -c celadon -n __fish_is_first_token -a '{' '.join(sorted(commands))}'")
    for one in OPTIONS:
        if one.name != "--no-MODULE":
            name = f"-l {one.name[2:]}" if one.name.startswith("--") else f"-s {one.name[1:]}"
            value = f" -x -a '{' '.join(one.choices)}'" if one.choices else " -x" if one.value else ""
            lines.append(f"complete -c celadon {name}{value} -d '{_single(one.help)}'")
    return "".join(f"{line}\n" for line in lines)


_SHELLS: dict[str, Callable[[Mapping[str, str]], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}


def completion(shell: str, commands: Mapping[str, str]) -> str:
    """A completion script for ``bash``, ``zsh`` or ``fish``."""
    return _SHELLS[shell](commands)
