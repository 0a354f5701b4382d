"""The ways in to a facade: before a program's imports, by the command, by the environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import celadon

ROOT = Path(celadon.__file__).parent.parent


def run(*args, **environment):
    env = {name: value for name, value in os.environ.items() if not name.startswith(("CELADON", "GEVENT"))}
    env |= {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **environment}
    return subprocess.run([sys.executable, *args], capture_output=True, text=True, timeout=50, env=env)


PROGRAM = """
import importlib.metadata, sys
import gevent, gevent.pool
from gevent import monkey
monkey.patch_all()
import time
begin = time.monotonic()
gevent.joinall([gevent.spawn(time.sleep, 0.1) for _ in range(20)])
assert time.monotonic() - begin < 1
assert gevent.pool.Pool(3).map(len, ["a", "bb"]) == [1, 2]
assert importlib.metadata.version("gevent") == gevent.__version__, gevent.__version__
assert "Celadon" in importlib.metadata.metadata("gevent")["Summary"]
assert tuple(map(int, gevent.__version__.split("."))) == gevent.version_info[:3] >= (24, 10, 1)
assert sys.modules["gevent.monkey"] is monkey
print("celadon" in gevent.__file__)
"""


def test_a_program_by_each_way(tmp_path):
    """gunicorn's and celery's checks of the version pass, and the metadata says who it is."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    installed = "import celadon.compat; celadon.compat.install('gevent')\n" + PROGRAM
    for done in (
        run("-m", "celadon", "--as", "gevent", str(program)),
        run("-m", "celadon", str(program), CELADON_AS="gevent"),
        run("-c", installed),
    ):
        assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 0)


def test_what_is_refused_with_one_line(tmp_path):
    (tmp_path / "gevent.py").write_text("")
    late = "import sys; sys.path.insert(0, sys.argv[1]); import gevent, celadon.compat as c; c.install('gevent')"
    done = run("-c", late, str(tmp_path))
    assert done.stderr.splitlines()[-1].startswith("RuntimeError: gevent itself is imported already, from ")
    done = run("-m", "celadon", "--as", "twisted", "-c", "0")
    assert (done.returncode, done.stderr) == (
        2,
        "celadon: there is no facade for 'twisted'; there is one for gevent, eventlet\n",
    )
    done = run("-m", "celadon", "--as", "gevent", "--no-ssl", "-c", "0")
    assert done.returncode == 2
    assert "the program itself says what is patched" in done.stderr
    done = run("-c", "import celadon", CELADON_AS="twisted")
    assert done.stderr.splitlines()[-1].startswith("LookupError: there is no facade for 'twisted'")


def test_the_command_patches_nothing_for_it_and_takes_a_resolver():
    done = run(
        "-m", "celadon", "--as", "gevent", "--resolver", "block", "-c",
        "import celadon.resolver as r; from celadon.green import report; print(report().patched, r.current())",
    )  # fmt: skip
    assert done.stdout.startswith("() ")
    assert "block" in done.stdout


def test_python_m_of_a_module_of_the_facade(tmp_path):
    """``python -m gevent.monkey program``, as it is written in scripts."""
    program = tmp_path / "program.py"
    program.write_text("import sys, gevent.monkey as m; print(m.is_module_patched('socket'), *sys.argv[1:])")
    done = run("-m", "celadon", "--as", "gevent", "-m", "gevent.monkey", str(program), "one")
    assert (done.stdout, done.stderr) == ("True one\n", "")
    done = run("-m", "celadon", "--as", "gevent", "-m", "gevent.monkey", "--no-socket", str(program))
    assert done.stdout == "False\n"


@pytest.mark.parametrize("statement", ["import celadon", "from celadon import patch_all; patch_all()"])
def test_nothing_of_it_is_imported_by_a_program_that_does_not_ask(statement):
    code = f"import sys; {statement}; print([one for one in sys.modules if one.startswith('celadon.compat')])"
    assert run("-c", code).stdout == "[]\n"
