"""``make test-downstream``: suites of libraries that programs use, unpatched and patched, compared test by test.

``python -m tests.downstream.run [--keep FOLDER] [SUITE...]``. Each suite gets an environment of its own in FOLDER
(.downstream), beside its sources. A suite whose server is not installed, or whose repository cannot be reached, is
skipped with that reason. Exit status 1 if a suite does not end, or if a test ends otherwise under the patch and
suites.py has no reason for it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path

from .suites import SUITES

ROOT = Path(__file__).parent.parent.parent
PIP = ["-m", "pip", "--disable-pip-version-check", "--quiet"]
#: What celadon itself needs; it is taken from the checkout.
OURS = ("greenlet>=3.1", "pycares>=5.2,<6", "dnspython>=2.9", "pytest", "pytest-timeout")
#: A test that hangs is ended, and fails.
PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", "-W", "ignore", "--timeout", "60"]


def environment(name, suite, folder):
    """The Python of the suite's environment."""
    python = folder / f"venv-{name}" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", python.parent.parent], check=True)
    subprocess.run([python, *PIP, "install", *OURS, *suite.needs], check=True)
    return python


def sources(python, name, suite, folder):
    """The sources, with tests, of the version that is installed; LookupError if they cannot be had."""
    version = subprocess.run(
        [python, "-c", f"import importlib.metadata as m; print(m.version({name!r}))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    place = folder / f"{name}-{version}"
    if not place.exists():
        if suite.repository:
            clone(suite.repository, suite.tag.format(version), place)
        else:
            unpack(python, name, version, folder)
    return place


def unpack(python, name, version, folder):
    """The source distribution, from the package index."""
    what = ["--no-deps", "--no-binary", name, "--dest", folder, f"{name}=={version}"]
    subprocess.run([python, *PIP, "download", *what], check=True, stdout=subprocess.DEVNULL)
    with tarfile.open(next(folder.glob(f"{name}-{version}.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")


def clone(repository, tag, place):
    """One tag of a repository; LookupError if it cannot be had."""
    if shutil.which("git") is None:
        raise LookupError("git is not installed")
    words = ["git", "-c", "advice.detachedHead=false", "clone", "--quiet", "--depth", "1", "--branch", tag]
    done = subprocess.run([*words, repository, place], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LookupError(f"{repository} at {tag} cannot be cloned: {' '.join(done.stderr.splitlines()[:1])}")


def results(python, suite, place, patched):
    """Test -> "passed", "failed" or "skipped"; and the seconds that all took. LookupError if the server is missing."""
    report = place / f"{'patched' if patched else 'plain'}.xml"
    report.unlink(missing_ok=True)
    runner = ["-m", "celadon", *PYTEST] if patched else PYTEST
    env = {**os.environ, **suite.environment, "PYTHONPATH": str(ROOT)}
    begin = time.monotonic()
    with suite.server(place) as more, (place / f"{report.stem}.log").open("w") as log:
        subprocess.run(
            [python, *runner, f"--junitxml={report}", *suite.args, *more],
            cwd=place, env=env, stdout=log, stderr=subprocess.STDOUT, timeout=1800, check=False,
        )  # fmt: skip
    found = {}
    if report.exists():
        for case in ET.parse(report).iter("testcase"):
            kinds = {one.tag for one in case}
            end = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
            found[f"{case.get('classname')}::{case.get('name')}"] = end
    return found, time.monotonic() - begin


def compare(suite, plain, patched):
    """The lines to print, and how many differences have no reason."""
    unexplained = 0
    for test in sorted(plain.keys() | patched.keys()):
        before, after = plain.get(test, "missing"), patched.get(test, "missing")
        if before == after:
            continue
        reason = next((why for part, why in suite.wanted.items() if part in test), None)
        if reason is None and after == "passed":
            reason = "passes only here"
        unexplained += reason is None
        yield f"  {test}: {before} -> {after}: {reason or 'NO REASON'}", unexplained


def main(argv=None):
    """Run the suites; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, default=ROOT / ".downstream", metavar="FOLDER")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    options = parser.parse_args(argv)
    unknown = [name for name in options.suites if name not in SUITES]
    if unknown:
        parser.error(f"no such suite: {', '.join(unknown)} (there are {', '.join(SUITES)})")
    options.keep = options.keep.resolve()
    options.keep.mkdir(exist_ok=True)
    status = 0
    for name in options.suites or SUITES:
        try:
            status |= run(name, SUITES[name], options.keep)
        except LookupError as why:
            print(f"{name}: skipped: {why}", flush=True)
        except subprocess.TimeoutExpired as late:
            print(f"{name}: did not end within {late.timeout:.0f} s: {' '.join(map(str, late.cmd))}", flush=True)
            status = 1
    return status


def run(name, suite, folder):
    """One suite, twice; its lines are printed. True if a difference has no reason, or no test ran."""
    python = environment(name, suite, folder)
    place = sources(python, name, suite, folder)
    plain, before = results(python, suite, place, False)
    patched, after = results(python, suite, place, True)
    passed = [sum(one == "passed" for one in ends.values()) for ends in (plain, patched)]
    print(
        f"{place.name}: {len(plain)} tests, {passed[0]} pass, {before:.0f} s; "
        f"patched {len(patched)}, {passed[1]} pass, {after:.0f} s",
        flush=True,
    )
    lines = list(compare(suite, plain, patched))
    for line, _ in lines:
        print(line, flush=True)
    return not plain or bool(lines and lines[-1][1])


if __name__ == "__main__":
    sys.exit(main())
