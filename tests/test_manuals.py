"""The help fits a screen, the manual has all of it, and what the wheel installs is what the commands say."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from celadon import usage
from celadon.__main__ import _COMMANDS
from celadon.resolver.cli import main
from celadon.resolver.cli import manual as resolve
from celadon.resolver.cli.bulk import bulk_options
from celadon.resolver.cli.dig.dig_options import TABLE
from docs.make import manuals

PAGES = {"resolve": resolve.man_page("1.0"), "celadon": usage.man_page(_COMMANDS)}


@pytest.mark.parametrize("path", sorted(manuals.files()), ids=lambda one: f"{one.parent.name}/{one.name}")
def test_what_the_wheel_installs(path):
    assert path.read_text(encoding="utf-8") == manuals.files()[path], "run: make manuals"


#: Command -> its help, in lines.
HELPS = {"celadon": usage.HELP.splitlines(), "resolve": resolve.help_text().splitlines()}
HELPS |= {f"resolve {name}": text.splitlines() for name, text in resolve.OTHERS.items()}
HELPS["resolve bulk"] = bulk_options.help_text().splitlines()
HELPS |= {f"celadon {name}": usage.help_of(module) for name, module in _COMMANDS.items()}


@pytest.mark.parametrize("command", HELPS)
def test_help_fits_a_screen(command):
    assert len(HELPS[command]) <= 40
    assert [line for line in HELPS[command] if len(line) > 80] == []


@pytest.mark.parametrize("command", [*resolve.OTHERS, "bulk"])
def test_the_manual_of_each_command(command, capsys):
    assert main([*command.split(), "--man"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(".TH RESOLVE 1 ")
    assert f"\n.SH RESOLVE {command.upper()}\n" in out


def test_the_help_of_bulk_names_options_that_there_are():
    named = re.findall(r"(?<![\w-])--?[a-zA-Z][a-z-]*", bulk_options.help_text())
    assert len(named) > 20
    assert set(named) <= {*bulk_options.TABLE, *(row.short for row in bulk_options.TABLE.values()), "--man"}


def test_every_option_of_celadon_is_in_its_help():
    assert not [one.name for one in usage.OPTIONS if one.name not in usage.HELP]


def test_every_option_of_resolve_is_in_its_manual():
    page = PAGES["resolve"].replace("\\-", "-")
    assert not [one.name for one in TABLE if one.help and one.name not in page]
    assert not [name for name in bulk_options.TABLE if name not in page]


@pytest.mark.parametrize("words", re.findall(r"(?<![\w-])[+-]+[a-z][a-z-]*", resolve.help_text()))
def test_the_help_names_options_that_there_are(words):
    known = {one.name for one in TABLE} | {f"no{one.name}" for one in TABLE} | {one.letter for one in TABLE}
    assert words.lstrip("+-") in known | {"option", "nooption", "no-option"}


@pytest.mark.parametrize("command", PAGES)
def test_man_reads_the_page(command):
    if shutil.which("man") is None:
        pytest.skip("no man(1)")
    env = {**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MANROFFSEQ": ""}
    done = subprocess.run(
        ["man", "--warnings", "-l", "-"], input=PAGES[command], capture_output=True, text=True, check=False, env=env
    )
    if done.returncode or not done.stdout:
        pytest.skip("man(1) without a formatter")
    assert done.stderr == ""
    assert f"{command} - " in re.sub(r"\s+", " ", done.stdout)


def completed(command, line):
    """What bash offers for the last word of a line."""
    path = manuals.ROOT / "share" / manuals.SHELLS["bash"].format(command)
    script = f"""source {path}; COMP_WORDS=({line}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
compopt() {{ :; }}; _{command}; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("command", "line", "offered"),
    [
        ("resolve", "resolve +sho", "+short"),
        ("resolve", "resolve bu", "bulk"),
        ("resolve", "resolve bulk --check", "--checkpoint"),
        ("resolve", "resolve example.com MX --ser", "--servers"),
        ("resolve", "resolve -t AAA", "AAAA"),
        ("celadon", "celadon --dead", "--deadline"),
        ("celadon", "celadon --resolver ar", "ares"),
        ("celadon", "celadon ser", "serve"),
    ],
)
def test_bash_completes(command, line, offered):
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    assert offered in completed(command, line)


def test_fish_completes_types():
    assert "complete -c resolve -s t -l type -x -a 'A " in resolve.completion("fish")


@pytest.mark.parametrize("args", [["--completion", "ksh"], ["--completion"]])
def test_a_shell_that_there_is_not(args):
    done = subprocess.run([sys.executable, "-m", "celadon", *args], capture_output=True, text=True, check=False,
                          cwd=Path(__file__).parent.parent)  # fmt: skip
    assert done.returncode == 2
    assert "bash, zsh, fish" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_manual_without_an_extra(monkeypatch):
    def missing(name):
        raise ImportError("it needs the package httptools: pip install 'celadon[serve]'")

    monkeypatch.setattr(usage, "import_module", missing)
    assert "celadon[serve]" in usage.man_page({"serve": "green.servers.serve.serve_command"})
