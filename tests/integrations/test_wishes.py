"""What CELADON_OPTIONS may say."""

import os
import subprocess
import sys

import pytest

from celadon.integrations.wishes import UsageError, wishes


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("--resolver=ares", {"resolver": "ares"}),
        ("--resolver python --servers 192.0.2.1,::1", {"resolver": "python", "servers": ["192.0.2.1", "::1"]}),
        ("--no-ssl  --files --deadline '2.5'", {"ssl": False, "files": True, "deadline": 2.5}),
        ("--search= --cache 0", {"search": [], "cache": False}),
    ],
)  # fmt: skip
def test_options(text, found):
    assert wishes({"CELADON_OPTIONS": text}) == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("resolver", "unknown option resolver"),
        ("--nonsense", "unknown option --nonsense"),
        ("--resolver", "needs a value"),
        ("--timeout soon", "'soon' is not a number"),
        ("--servers 'a", "No closing quotation"),
    ],
)
def test_wrong_options(text, why):
    with pytest.raises(UsageError, match=why) as caught:
        wishes({"CELADON_OPTIONS": text})
    assert "\n" not in str(caught.value)


def play(code, **environment):
    env = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False, env=env
    )


def test_the_environment_says_how_it_is_patched():
    """A program's own settings go before it."""
    code = """
from celadon.integrations.wishes import patch
patch(deadline=7)
from celadon.green import is_patched
from celadon.resolver import current
import socket, ssl
print(current(), is_patched("socket"), is_patched("ssl"))
"""
    done = play(code, CELADON_OPTIONS="--resolver python --deadline 5 --no-ssl")
    assert done.returncode == 0, done.stderr
    assert "python" in done.stdout
    assert done.stdout.endswith("True False\n")


@pytest.mark.parametrize("options", ["--resolver nonsense", "--no-nonsense", "--resolver python --servers x:y"])
def test_what_cannot_be_is_one_line(options):
    code = """
from celadon.integrations.wishes import UsageError, patch
try:
    patch()
except UsageError as error:
    print(error)
"""
    done = play(code, CELADON_OPTIONS=options)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr


def test_no_part_imports_a_plug_in():
    code = "import sys, celadon; celadon.patch_all(); print([one for one in sys.modules if 'integrations' in one])"
    assert play(code).stdout == "[]\n"
