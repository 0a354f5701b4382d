"""A peer's own tests, by the peer itself and by Celadon through the facade: ``python -m tests.peers.run gevent``.

    python -m tests.peers.run gevent [--python PYTHON] [--table FILE] [MODULE...]

PYTHON is one that has the peer's package, with its tests, and what Celadon needs. Each file runs in a process of its
own, by the driver of tests/stdlib. What the peer does by itself is kept in ``.peers/`` and made anew with
``--baseline``. A test that fails is run a second time by itself: the peers' tests have clocks of their own, and the
machine may be busy. What the peer passes and we do not is listed, each with its reason from ``wanted.py``; one without
a reason makes the status 1.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace

from tests.stdlib.run import ROOT, Module

from .wanted import KINDS, reason

HERE = Path(__file__).parent
KEPT = ROOT / ".peers"
GOOD = ("pass", "xfail")
_CASES = re.compile(r"^class |TestSuite|load_tests", re.MULTILINE)


class Gevent:
    """Its tests are a package inside of its own."""

    package = "gevent.tests"
    pattern = "test_*.py"
    arguments = ("--alarm",)

    @staticmethod
    def folder(options, said):
        return Path(said[2]) / "tests"

    @staticmethod
    def environment(options, tests):
        if tests is None:
            return {}
        return {"PYTHONPATH": f"{HERE / 'site'}:{ROOT}", "CELADON_PEER": "gevent", "CELADON_PEER_TESTS": str(tests)}

    @staticmethod
    def beside(options):
        return {}


class Eventlet:
    """Its tests are in its source distribution only, as a package ``tests``, and some are functions for pytest."""

    package = "tests"
    pattern = "*test*.py"
    arguments = ("--functions",)

    @staticmethod
    def folder(options, said):
        place = KEPT / f"eventlet-{said[1]}"
        if not (place / "tests").exists():
            command = [options.python, "-m", "pip", "download", "--quiet", "--no-binary", ":all:", "--no-deps"]
            with tempfile.TemporaryDirectory(prefix="peer_") as fetched:
                subprocess.run([*command, "--dest", fetched, f"eventlet=={said[1]}"], check=True)
                with tarfile.open(next(Path(fetched).glob("*.tar.gz"))) as packed:
                    root = f"eventlet-{said[1]}/tests"
                    members = [one for one in packed.getmembers() if one.name.startswith(root)]
                    packed.extractall(KEPT, members, filter="data")
        return place / "tests"

    @staticmethod
    def environment(options, tests):
        site = [] if tests is None else [HERE / "site"]
        path = ":".join(map(str, [*site, options.tests.parent, ROOT]))
        return {"PYTHONPATH": path, "EVENTLET_TESTS": "1", **({"CELADON_PEER": "eventlet"} if site else {})}

    @staticmethod
    def beside(options):
        return {"tests": options.tests}


PEERS = {"gevent": Gevent, "eventlet": Eventlet}


class Ours(Module):
    """A file of the peer's tests, run by us or, without ``tests``, by the peer."""

    def __init__(self, name, options, tests=None):
        super().__init__(name, None, options)
        peer = PEERS[options.peer]
        self.arguments = ("--package", peer.package, *peer.arguments)
        self.environment = peer.environment(options, tests)
        self.beside = peer.beside(options)
        if tests is not None:
            self.patch = "pass"  # the log's name


def program(name, options, tests):
    """A file without test cases: its exit status is the outcome."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **Ours(name, options, tests).environment}
    command = ["nice", options.python, str(options.tests / f"{name}.py")]
    log = options.logs / f"{'plain' if tests is None else 'patched'}-{name}.log"
    with tempfile.TemporaryDirectory(prefix="peer_") as place, log.open("wb") as output:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=place, env=environment,
            start_new_session=True,
        )  # fmt: skip
        try:
            code = child.wait(options.per_test)
        except subprocess.TimeoutExpired:
            code = "hang"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    status = "pass" if code == 0 else "hang" if code == "hang" else "error"
    return {"status": {"(program)": status}, "messages": {"(program)": f"status {code}"}, "notes": []}


def found(module):
    return {"status": module.status, "messages": module.messages, "notes": module.notes}


def run(name, options, tests=None):
    """How each test of a file ended; what failed has had a second try."""
    if options.peer == "gevent" and not _CASES.search((options.tests / f"{name}.py").read_text("utf-8")):
        return program(name, options, tests)
    first = found(Ours(name, options, tests).run())
    bad = [test for test, status in first["status"].items() if status not in (*GOOD, "skip")]
    if bad and options.retry:
        again = SimpleNamespace(**{**vars(options), "restarts": len(bad) + 2})
        for test in bad[: options.retry]:
            again.only = test
            second = Ours(name, again, tests).run()
            if second.status.get(test) in GOOD:
                first["status"][test] = second.status[test]
                first["messages"][test] = "(second try)"
    return first


def baseline(name, options):
    kept = options.logs / f"peer-{name}.json"
    if kept.exists() and not options.baseline:
        return json.loads(kept.read_text())
    result = run(name, options)
    kept.write_text(json.dumps(result, indent=0))
    return result


def table(rows, peer):
    """The table module x (passed by the peer, by us, reason), as Markdown."""
    lines = [f"| module | {peer} | Celadon | reasons |", "|---|---|---|---|"]
    for name, theirs, ours, why in rows:
        said = "; ".join(f"{text} ({count})" if count > 1 else text for text, count in why.items())
        lines.append(f"| {name} | {theirs} | {ours} | {said} |")
    return "\n".join(lines) + "\n"


def options_of(argv):
    parser = argparse.ArgumentParser(prog="python -m tests.peers.run", description=__doc__.split("\n")[0])
    parser.add_argument("peer", choices=list(PEERS))
    parser.add_argument("modules", nargs="*", help="names or patterns; default: all")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--table", help="write the table here")
    parser.add_argument("--baseline", action="store_true", help="run the peer's own tests by the peer anew")
    parser.add_argument("--only", help="only tests whose id contains this")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--retry", type=int, default=20, metavar="TESTS", help="how many of a file get a second try")
    parser.add_argument("--per-test", type=float, default=40, metavar="SECONDS")
    parser.add_argument("--budget", type=float, default=300, metavar="SECONDS", help="for one file")
    parser.add_argument("--restarts", type=int, default=12)
    options = parser.parse_intermixed_args(argv)
    ask = f"import sys, {options.peer} as p; print('%d.%d' % sys.version_info[:2], p.__version__, *p.__path__)"
    said = subprocess.run([options.python, "-c", ask], capture_output=True, text=True, check=True).stdout.split()
    options.version, options.package = f"{said[1]}-{said[0]}", Path(said[2])
    options.logs = KEPT / f"{options.peer}-{options.version}"
    options.logs.mkdir(parents=True, exist_ok=True)
    options.tests = PEERS[options.peer].folder(options, said)
    return options


def main(argv=None):
    options = options_of(argv)
    every = sorted(path.stem for path in options.tests.glob(PEERS[options.peer].pattern))
    names = [one for one in every if not options.modules or any(fnmatch(one, pattern) for pattern in options.modules)]
    with tempfile.TemporaryDirectory(prefix="peer_") as place, ThreadPoolExecutor(options.jobs) as pool:
        for part in ("tests", "testing"):
            if (options.package / part).exists():
                Path(place, part).symlink_to(options.package / part)
        both = pool.map(lambda name: (name, baseline(name, options), run(name, options, place)), names)
        rows, unexplained, kinds = [], 0, dict.fromkeys(KINDS, 0)
        for name, theirs, ours in both:
            good = [test for test, status in theirs["status"].items() if status in GOOD]
            good = [test for test in good if not options.only or options.only in test]
            bad = [test for test in good if ours["status"].get(test) not in GOOD]
            why = {}
            for test in bad:
                status = ours["status"].get(test, "not run")
                kind, said = reason(options.peer, name, test) or (None, None)
                unexplained += kind is None
                if kind:
                    kinds[kind] += 1
                    said = f"{kind}: {said}"
                    why[said] = why.get(said, 0) + 1
                else:
                    why["NO REASON"] = why.get("NO REASON", 0) + 1
                    print(f"  {status:<8}{test.split('.', 3)[-1]}: {ours['messages'].get(test, '')[:230]}")
            rows.append((name, len(good), len(good) - len(bad), why))
            notes = [one for one in ours["notes"] if one not in theirs["notes"]]
            print(f"{name:<46}{len(good):>5}{len(good) - len(bad):>5}", *notes, flush=True)
    theirs, ours = sum(row[1] for row in rows), sum(row[2] for row in rows)
    rows.append(("all", theirs, ours, {}))
    if options.table:
        Path(options.table).write_text(table(rows, options.peer))
    print(
        f"# {options.peer} {options.version}: {theirs} passed by itself, {ours} by us; without a reason {unexplained}"
    )
    print("# the others: " + ", ".join(f"{kind} {count}" for kind, count in kinds.items()))
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
