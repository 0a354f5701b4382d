"""The command ``celadon`` runs a program as ``python`` does: what the program sees and what it leaves are the same."""

import os
import signal
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import celadon

ROOT = str(Path(__file__).parent.parent)

SHOW = """
import sys, json
main = sys.modules["__main__"]
print(json.dumps([
    [repr(vars(main).get(name, 0)) for name in ("__name__", "__file__", "__package__")],
    sorted(name for name in vars(main) if name.startswith("__")),
    vars(main) is globals(), type(main.__loader__).__name__, main.__spec__ and main.__spec__.name,
    sys.argv, [one for one in sys.path if "site-packages" not in one and "lib/python" not in one],
]))
"""
MINE = [sys.executable, "-m", "celadon"]
PYTHON = [sys.executable]


def run(command, folder, text=None, **environment):
    known = {key: value for key, value in os.environ.items() if not key.startswith(("CELADON", "PYTHON"))}
    return subprocess.run(
        command, cwd=folder, input=text, capture_output=True, text=True, timeout=30, check=False,
        env={**known, "PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1", **environment},
    )  # fmt: skip


def run_all(*calls):
    """Two at once: each call has the arguments of ``run``, and last the environment."""
    with ThreadPoolExecutor(2) as pool:
        return [one.result() for one in [pool.submit(run, *args, **environment) for *args, environment in calls]]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "show.py").write_text(SHOW)
    (tmp_path / "link.py").symlink_to(tmp_path / "sub" / "show.py")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "__main__.py").write_text(SHOW)
    (tmp_path / "shown.py").write_text(SHOW)
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as file:
        file.writestr("__main__.py", SHOW)
    (tmp_path / "leave.py").write_text("import sys\nsys.exit('a text')\n")
    (tmp_path / "three.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "fail.py").write_text("def f():\n    1 / 0\n\n\nf()\n")
    (tmp_path / "cause.py").write_text(
        "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError(1) from e\n"
    )
    (tmp_path / "wrong.py").write_text("x = = 1\n")
    (tmp_path / "nul.py").write_bytes(b"x = 1\0\n")
    (tmp_path / "latin.py").write_bytes(b"# coding: latin-1\nprint(ascii('\xe9'))\n")
    (tmp_path / "hook.py").write_text(
        "import sys, traceback\n"
        "sys.excepthook = lambda kind, value, trace: print([one.name for one in traceback.extract_tb(trace)])\n"
        "raise OSError(1)\n"
    )
    (tmp_path / "interrupt.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)\n"
    )
    (tmp_path / "late.py").write_text(
        "import atexit, sys, threading, time\natexit.register(lambda: print('exit', __name__))\n"
        "def late():\n    time.sleep(0.05)\n    print(sys.modules['__main__'].f is f)\n"
        "def f(): pass\nthreading.Thread(target=late).start()\n"
    )
    (tmp_path / "future.py").write_text("def f(x: nothing): pass\nprint('not reached')\n")
    return tmp_path


SAME = {
    "script": (["sub/show.py", "a", "-b", "--sys"], None),
    "link": (["link.py"], None),
    "module": (["-m", "pack", "a", "-m"], None),
    "plain module": (["-m", "shown", "-h"], None),
    "attached": (["-mshown"], None),
    "code": (["-c", SHOW, "a", "-c"], None),
    "stdin": (["-", "a"], SHOW),
    "folder": (["pack", "x"], None),
    "zip": (["app.zip", "x"], None),
    "text": (["leave.py"], None),
    "status": (["three.py"], None),
    "error": (["fail.py"], None),
    "cause": (["cause.py"], None),
    "syntax": (["wrong.py"], None),
    "coding": (["latin.py"], None),
    "hook": (["hook.py"], None),
    "late": (["late.py"], None),
    "annotations are evaluated": (["future.py"], None),
    "error in code": (["-c", "1 / 0"], None),
    "error in a module": (["-m", "fail"], None),
    "no such module": (["-m", "nosuch"], None),
    "no __main__": (["-m", "json"], None),
    "no __main__ in a folder": (["sub"], None),
}


@pytest.mark.parametrize("case", SAME)
def test_as_python(folder, case):
    args, text = SAME[case]
    ours, theirs = run_all(([*MINE, *args], folder, text, {}), ([*PYTHON, *args], folder, text, {}))
    assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr)


@pytest.mark.parametrize("args", [["sub/show.py"], ["-m", "shown"], ["-c", SHOW], ["-"], ["pack"]], ids=lambda a: a[0])
def test_safe_path(folder, args):
    """PYTHONSAFEPATH, the interpreter's -P, and our own."""
    extra = {} if args != ["-m", "shown"] else {"PYTHONPATH": f"{ROOT}:{folder}"}
    text = SHOW if args == ["-"] else None
    theirs, *ours = run_all(
        ([*PYTHON, "-P", *args], folder, text, extra),
        ([sys.executable, "-P", "-m", "celadon", *args], folder, text, extra),
        ([*MINE, *args], folder, text, {**extra, "PYTHONSAFEPATH": "1"}),
        ([*MINE, "-P", *args], folder, text, extra),
    )
    assert theirs.returncode == 0
    assert [one.stdout for one in ours] == [theirs.stdout] * 3


def test_ctrl_c(folder):
    ours = run([*MINE, "interrupt.py"], folder)
    assert ours.returncode == -signal.SIGINT
    assert ours.stderr.endswith("KeyboardInterrupt\n")
    assert "runpy" not in ours.stderr
    assert "__main__.py" not in ours.stderr


def test_a_script_that_is_a_pipe(folder):
    done = run(["bash", "-c", f"{' '.join(MINE)} <(echo 'print(1 + 1)')"], folder)
    assert (done.stdout, done.stderr) == ("2\n", "")


def test_the_same_without_m(folder):
    code = "import sys; sys.argv[0] = 'celadon'; from celadon.__main__ import main; sys.exit(main())"
    done = run([sys.executable, "-c", code, "fail.py"], folder)
    assert done.returncode == 1
    assert done.stderr == run([*PYTHON, "fail.py"], folder).stderr


def test_version():
    done = run([*MINE, "--version"], ROOT)
    assert done.stdout == f"celadon {celadon.__version__}\n"
    code = "import sys, celadon; sys.exit(bool({'celadon.hub', 'importlib.metadata'} & {*sys.modules}))"
    assert run([sys.executable, "-S", "-c", code], ROOT).returncode == 0


def test_help_fits_a_screen():
    lines = run([*MINE, "--help"], ROOT).stdout.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) < 80


WRONG = {
    "no program": ([], "no program given; celadon --help says more"),
    "-m alone": (["-m"], "-m needs an argument"),
    "-c alone": (["-c"], "-c needs an argument"),
    "unknown": (["--frob", "three.py"], "unknown option --frob; celadon --help lists them"),
    "no value": (["--servers"], "--servers needs a value"),
    "empty": (["--resolver=", "three.py"], "--resolver needs a value"),
    "number": (["--timeout", "soon", "three.py"], "--timeout: 'soon' is not a number"),
    "range": (["--attempts=0", "three.py"], "attempts: 0 is not a whole number of at least 1"),
    "address": (
        ["--servers", "nowhere", "three.py"],
        "server 'nowhere': 'nowhere' is not an IP address; a server is written as 192.0.2.53, "
        "192.0.2.53:5353 or [2001:db8::53]:5353",
    ),
    "module": (["--no-sockets", "three.py"], "patch_all: no option 'sockets'; did you mean socket?"),
    "resolver": (["--resolver", "pyhton", "three.py"], "unknown resolver 'pyhton'; did you mean python?"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_command_line(folder, case):
    args, says = WRONG[case]
    done = run([*MINE, *args], folder)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"celadon: {says}\n")


def test_no_such_file(folder):
    ours, theirs = run([*MINE, "nosuch.py"], folder), run([*PYTHON, "nosuch.py"], folder)
    assert ours.returncode == theirs.returncode == 2
    assert ours.stderr.partition(": ")[2] == theirs.stderr.partition(": ")[2]


def test_the_resolver_s_options(folder):
    code = (
        "from celadon import resolver; r = resolver.current(); print(r.name, r.deadline, r.cache, r.explain('x').steps)"
    )
    options = ["--resolver=python", "--servers", "127.0.0.1:5301,[::1]:53", "--deadline", "2.5", "--cache=0"]
    done = run([*MINE, *options, "--timeout=1", "--attempts", "7", "--search=", "-c", code], folder)
    assert done.stdout.startswith("python 2.5 None "), done.stderr
    for part in ("127.0.0.1#5301", "::1", "1 s a try", "7 rounds"):
        assert part in done.stdout
