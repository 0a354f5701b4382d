"""CPython's own tests under ``patch_all``, beside the same tests of the same interpreter unpatched.

    python -m tests.stdlib.run [--engine NAME] [--fast] [MODULE...]

Each module runs in a process of its own, in which the patch is the first thing done. A test that takes too long is
a hang and one that ends the process a crash; the module is then started again without the tests already done. The
unpatched result is kept in ``.stdlib/`` and made anew with ``--baseline``. What passes unpatched and does not
patched is listed at the end, each with its reason from ``wanted.py``; one without a reason makes the status 1.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar

from .modules import FAST, MODULES, NAMES, RESOURCES
from .wanted import reason

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
KEPT = ROOT / ".stdlib"
RANK = {"pass": 0, "xfail": 1, "skip": 2, "fail": 3, "error": 4, "hang": 5, "crash": 5}
CODES = {"PASS": "pass", "FAIL": "fail", "ERROR": "error", "SKIP": "skip", "XFAIL": "xfail", "XPASS": "fail"}
ESCAPED = 86  # the driver's exit status after a KeyboardInterrupt that no test caught


def _fresh_signals():
    # A background shell ignores SIGINT, which some tests send to themselves.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Module:
    """One test module: how each of its tests ended, with what message, and what is to be said of the whole."""

    #: What the driver and its environment are given besides.
    arguments = ()
    environment: ClassVar = {}
    #: What stands in its working folder, by name.
    beside: ClassVar = {}

    def __init__(self, name, patch, options):
        self.name = name
        self.patch = patch
        self.options = options
        self.status = {}
        self.messages = {}
        self.seconds = {}
        self.notes = []

    def put(self, test, status, message=""):
        if test not in self.status or RANK[status] >= RANK[self.status[test]]:
            self.status[test] = status
            self.messages[test] = message

    def run(self):
        begin = time.monotonic()
        done = set()
        for _ in range(self.options.restarts):
            left = self.options.budget - (time.monotonic() - begin)
            if left < 5 or not self._once(done, left):
                break
        else:
            self.notes.append("too many restarts")
        if time.monotonic() - begin > self.options.budget - 5:
            self.notes.append("out of time")
        self.took = time.monotonic() - begin
        return self

    def _once(self, done, left):
        """One process; True if another is needed for the tests that it did not come to."""
        with tempfile.TemporaryDirectory(prefix="stdlib_", ignore_cleanup_errors=True) as place:
            events, skip, cwd = (Path(place) / name for name in ("events", "done", "cwd"))
            cwd.mkdir()
            for name, target in self.beside.items():
                (cwd / name).symlink_to(target)
            skip.write_text("\n".join(done), encoding="utf-8", errors="backslashreplace")
            resources = ",".join(filter(None, ("walltime", RESOURCES.get(self.name))))
            command = [
                *("nice", "-n", "10", self.options.python, str(HERE / "driver.py"), self.name),
                *("--events", str(events), "--done", str(skip), "--resources", resources),
                *("--per-test", str(self.options.per_test)),
                *(("--patch", self.patch) if self.patch else ()),
                *(("--only", self.options.only) if self.options.only else ()),
                *self.arguments,
            ]
            log = self.options.logs / f"{'patched' if self.patch else 'plain'}-{self.name}.log"
            with log.open("ab" if done else "wb") as output:
                start = output.tell()
                env = {**os.environ, "TMPDIR": str(cwd), "PYTHONPATH": str(ROOT), **self.environment}
                child = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=cwd, env=env,
                    start_new_session=True, preexec_fn=_fresh_signals,
                )  # fmt: skip
                try:
                    code = child.wait(left)
                    late = False
                except subprocess.TimeoutExpired:
                    code, late = None, True
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)  # our own session: the module and whatever it left
                child.wait()
            hung = late or code == -signal.SIGALRM or b"Timeout (" in log.read_bytes()[start:]
            lines = events.read_text("utf-8", "replace").split("\n") if events.exists() else []
            return self._read(lines, code, hung, done)

    def _read(self, lines, code, hung, done):
        running, ended, before = None, False, len(done)
        for line in lines:
            kind, test, message = (*line.split("\t"), "", "", "")[:3]
            if kind == "START":
                running = test
                done.add(test)
            elif kind == "STOP":
                running = None
                self.seconds[test] = float(message)
                self.put(test, self.status.get(test, "pass"), self.messages.get(test, ""))
            elif kind in CODES:
                self.put(test, CODES[kind], message)
            elif kind in ("BROKEN", "SKIPPED", "NOTE", "ABSENT"):
                self.notes.append(f"{kind.lower()} {test} {message}".strip()[:120])
            elif kind == "END":
                ended = True
        if "PATCHED" not in lines:
            self.notes.append("could not be patched")
            return False
        if ended:
            if code:
                self.notes.append("hung at exit" if hung else f"exit status {code}")
            return False
        if code == ESCAPED:
            return True
        how = "hang" if hung else "crash"
        self.put(running or f"(between tests, after {len(done)})", how, f"exit status {code}")
        return len(done) > before

    def counts(self):
        values = list(self.status.values())
        return {"ran": len(values), **{one: values.count(one) for one in RANK}}


def baseline(name, options):
    """The unpatched result of a module, kept from one run to the next."""
    kept = options.logs / f"plain-{name}.json"
    if kept.exists() and not options.baseline and not options.only:
        return json.loads(kept.read_text())
    module = Module(name, None, options).run()
    found = {"status": module.status, "notes": module.notes, "took": module.took}
    if not options.only:
        kept.write_text(json.dumps(found, indent=0))
    return found


def statement(engine):
    return (
        f"from celadon import patch_all; patch_all({engine!r})"
        if engine
        else "from celadon import patch_all; patch_all()"
    )


HEAD = ("ran", "pass", "fail", "error", "skip", "hang", "crash")


def options_of(argv):
    parser = argparse.ArgumentParser(prog="python -m tests.stdlib.run", description=__doc__.split("\n")[0])
    parser.add_argument("modules", nargs="*")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--engine", help="the resolver to patch in")
    parser.add_argument("--patch", help="a statement to use in place of patch_all")
    parser.add_argument("--fast", action="store_true", help="only the quick modules")
    parser.add_argument("--names", action="store_true", help="only the modules that look names up")
    parser.add_argument("--baseline", action="store_true", help="run the unpatched tests anew")
    parser.add_argument("--only", help="only tests whose id contains this; nothing is kept")
    parser.add_argument("--per-test", type=float, default=60, metavar="SECONDS")
    parser.add_argument(
        "--budget", type=float, default=600, metavar="SECONDS", help="for one module, restarts included"
    )
    parser.add_argument("--restarts", type=int, default=40)
    options = parser.parse_args(argv)
    ask = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
    options.version = subprocess.run(
        [options.python, "-c", ask], capture_output=True, text=True, check=True
    ).stdout.strip()
    options.logs = KEPT / options.version
    options.logs.mkdir(parents=True, exist_ok=True)
    return options


def main(argv=None):
    options = options_of(argv)
    names = options.modules or (FAST if options.fast else NAMES if options.names else MODULES)
    patch = options.patch or statement(options.engine)
    print(f"# CPython {options.version}: {patch}")
    print(f"{'module':<42}{'plain':>7}", *(f"{one:>6}" for one in HEAD), f"{'s':>6}")
    total = dict.fromkeys(("plain", *HEAD), 0)
    differences = []
    for name in names:
        plain = baseline(name, options)
        if "absent" in plain["notes"]:
            continue
        module = Module(name, patch, options).run()
        counts = {"plain": list(plain["status"].values()).count("pass"), **module.counts()}
        for one in total:
            total[one] += counts[one]
        notes = [one for one in module.notes if one not in plain["notes"]]
        print(f"{name:<42}{counts['plain']:>7}", *(f"{counts[one]:>6}" for one in HEAD), f"{module.took:>6.1f}", *notes)
        sys.stdout.flush()
        for test, status in plain["status"].items():
            if status == "pass" and module.status.get(test) not in ("pass", "xfail"):
                differences.append((name, test, module.status.get(test, "not run"), module.messages.get(test, "")))
        for test, status in module.status.items():
            if status in ("hang", "crash") and test not in plain["status"]:
                differences.append((name, test, status, module.messages.get(test, "")))
        differences += [
            (name, "(module)", "broken", one) for one in notes if one.startswith(("broken", "could", "hung", "exit"))
        ]
    print(f"{'total':<42}{total['plain']:>7}", *(f"{total[one]:>6}" for one in HEAD))
    unexplained = 0
    for name, test, status, message in differences:
        why = reason(name, test)
        unexplained += why is None
        print(f"{status:<8}{name}: {test.removeprefix('test.' + name + '.')}: {message}")
        print(f"        {why or 'NO REASON GIVEN'}")
    print(f"# {len(differences)} differences, {unexplained} without a reason")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
