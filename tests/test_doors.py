"""What is public is what the doors export: exactly, and documented."""

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOORS = [
    "celadon",
    "celadon.hub",
    "celadon.hub.lowlevel",
    "celadon.hub.testing",
    "celadon.hub.debug",
    "celadon.resolver",
    "celadon.resolver.testing",
    "celadon.green.dbpool",
    "celadon.green.servers",
    "celadon.green.servers.wsgi",
    "celadon.green.servers.websocket",
]


@pytest.mark.parametrize("door", DOORS)
def test_all_is_exact(door):
    module = importlib.import_module(door)
    assert all(hasattr(module, name) for name in module.__all__)
    public = {name for name, value in vars(module).items() if name[0] != "_" and not inspect.ismodule(value)}
    if door.count(".") < 2 and door != "celadon.hub.debug":
        assert set(module.__all__) - {"resolver", "hub", "green"} == public - {"annotations"}
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"{door}.{name} has no docstring"


#: The code spans and blocks of all pages.
CODE = "\n".join(
    code
    for page in (Path(__file__).parent.parent / "docs").glob("**/*.md")
    for code in re.findall(r"^```.*?^```$|`[^`]+`", page.read_text(), re.MULTILINE | re.DOTALL)
)


@pytest.mark.parametrize("door", [*DOORS, "celadon.green"])
def test_each_name_is_in_a_document(door):
    missing = [name for name in importlib.import_module(door).__all__ if not re.search(rf"\b{name}\b", CODE)]
    assert not missing, f"no page of docs/ names these of {door}: {missing}"


def test_the_command_starts_without_the_green_part():
    code = "import sys, celadon.resolver.cli; sys.exit('celadon.green' in sys.modules)"
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], check=False).returncode == 0
    code = "import celadon; celadon.patch_all; celadon.resolver.make; celadon.green.socket; celadon.nothing"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert "AttributeError: module 'celadon' has no attribute 'nothing'" in done.stderr


def test_the_resolver_door_is_light():
    code = "import sys, celadon.resolver; sys.exit('pycares' in sys.modules or 'threading' in sys.modules and 2)"
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], check=False).returncode == 0
