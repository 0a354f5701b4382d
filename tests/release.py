"""``make test-release``: a release's files are the same twice, install in clean environments, and bring their tests.

``python -m tests.release [PYTHON...]``: for each Python the wheel that it builds itself and the source distribution.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILDER = ROOT / ".venv-release" / "bin" / "python"
#: A sample that needs no package but pytest: the suite as a whole is `make test`'s.
SAMPLE = ["tests/hub/waiting/test_queues.py", "tests/resolver/names", "tests/resolver/system", "tests/test_layers.py",
          "tests/test_threat_model.py", "tests/resolver/dns/test_wire.py"]  # fmt: skip


def run(*command, **more):
    """A command that must succeed."""
    print("$", *command, flush=True)
    # Not in the checkout, and not from it: its .egg-info would count as an installed celadon.
    env = {key: value for key, value in more.pop("env", os.environ).items() if key != "PYTHONPATH"}
    more.setdefault("cwd", "/")
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env=env, **more)
    if done.returncode:
        sys.exit(f"{done.stdout}\n{done.stderr}\nfailed with status {done.returncode}: {' '.join(map(str, command))}")
    return done.stdout


def build(folder):
    """Both files, by name."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or run("git", "log", "-1", "--format=%ct", cwd=ROOT).strip()
    run(BUILDER, "-m", "build", "--outdir", folder, ROOT, env={**os.environ, "SOURCE_DATE_EPOCH": epoch})
    return {path.name: path for path in sorted(folder.iterdir())}


def environment(python, folder):
    """The Python of a new environment."""
    run(python, "-m", "venv", folder)
    return folder / "bin" / "python"


def install(python, *what):
    """From files and the index."""
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what)


def main(pythons):
    """Returns the exit status."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, second = build(folder / "one"), build(folder / "two")
        for file, path in first.items():
            assert path.read_bytes() == second[file].read_bytes(), f"{file} differs between two builds"
        print(f"two builds are identical: {', '.join(first)}")
        run(BUILDER, "-m", "twine", "check", "--strict", *first.values())
        run(BUILDER.parent / "check-wheel-contents", *(one for one in first.values() if one.suffix == ".whl"))
        source = next(one for one in first.values() if one.name.endswith(".tar.gz"))
        with tarfile.open(source) as archive:
            archive.extractall(folder, filter="data")
        unpacked = folder / source.name.removesuffix(".tar.gz")
        for python in pythons or [sys.executable]:
            version = run(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
            mine = environment(python, folder / f"sdist-{version}")
            install(mine, f"celadon[serve] @ {source.as_uri()}", "pytest", "pytest-timeout", "hypothesis")
            print(run(mine, unpacked / "tests" / "installed.py"), end="")
            made = folder / f"wheels-{version}"
            run(mine, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "-w", made, source)
            other = environment(python, folder / f"wheel-{version}")
            install(other, *made.iterdir())
            print(run(other, unpacked / "tests" / "installed.py"), end="")
            print(run(mine, "-m", "pytest", *SAMPLE, cwd=unpacked).splitlines()[-1], flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
