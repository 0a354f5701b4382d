"""What a release says of itself: links that work on a package index, one version, files that there are."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import celadon

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: setup.py's readme(), without a build.
READ = """
import sys, types
made = types.ModuleType("setuptools")
made.__version__, made.Extension = "80.0", lambda *args, **kwargs: args
command = types.ModuleType("setuptools.command.sdist")
command.sdist = object
given = {}
made.setup = given.update
sys.modules["setuptools"] = made
sys.modules["setuptools.command.sdist"] = command
exec(compile(open("setup.py").read(), "setup.py", "exec"), {"__file__": "setup.py", "__name__": "setup"})
import json
print(json.dumps({key: given[key] for key in ("long_description", "data_files", "license_expression")}))
"""


@pytest.fixture(scope="module")
def given():
    """What setup.py gives to setuptools."""
    done = subprocess.run([sys.executable, "-c", READ], cwd=ROOT, capture_output=True, text=True, check=True)
    return __import__("json").loads(done.stdout)


def test_links_of_the_index_page(given):
    text = given["long_description"]
    targets = re.findall(r'(?:\]\(|src=")([^)"]+)', text)
    assert len(targets) > 15
    assert not [one for one in targets if not one.startswith("https://")]
    assert "<picture>" not in text
    assert given["license_expression"] == "MIT"


def test_manuals_are_installed(given):
    folders = dict(given["data_files"])
    assert folders["share/man/man1"] == ["share/man/man1/celadon.1", "share/man/man1/resolve.1"]
    assert len(folders) == 4


def test_one_version():
    assert f"\nversion: {celadon.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert PROJECT["dynamic"][0] == "version"


def test_one_address():
    home = PROJECT["urls"]["Homepage"]
    assert f"\nurl: {home}\n" in (ROOT / "CITATION.cff").read_text()
    assert all(one.startswith(home) for one in PROJECT["urls"].values())


def test_the_source_distribution_names_what_there_is():
    for line in (ROOT / "MANIFEST.in").read_text().splitlines():
        words = line.split()
        if words[:1] in (["include"], ["graft"]):
            assert not [one for one in words[1:] if not (ROOT / one).exists()], line


@pytest.mark.parametrize("path", sorted((ROOT / "changelog.d").glob("*.md")), ids=lambda one: one.name)
def test_a_fragment(path):
    kinds = [
        one["directory"] for one in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]["type"]
    ]
    assert path.name == "README.md" or path.name.split(".")[-2] in kinds
    assert path.read_text().strip()
