"""What is public is what the doors export: exactly, and documented."""

import importlib
import inspect
import subprocess
import sys

import pytest

DOORS = [
    "celadon",
    "celadon.hub",
    "celadon.hub.testing",
    "celadon.hub.debug",
    "celadon.resolver",
    "celadon.resolver.testing",
    "celadon.green.server",
]


@pytest.mark.parametrize("door", DOORS)
def test_all_is_exact(door):
    module = importlib.import_module(door)
    public = {name for name, value in vars(module).items() if name[0] != "_" and not inspect.ismodule(value)}
    if door.count(".") < 2 and door != "celadon.hub.debug":
        assert set(module.__all__) - {"resolver", "hub", "green"} == public - {"annotations"}
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"{door}.{name} has no docstring"


def test_the_resolver_door_is_light():
    code = "import sys, celadon.resolver; sys.exit('pycares' in sys.modules or 'threading' in sys.modules and 2)"
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], check=False).returncode == 0
