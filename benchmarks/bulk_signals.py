"""``make test-bulk-signals``: runs of ``resolve bulk`` that are stopped at random moments and go on lose nothing.

``python -m benchmarks.bulk_signals [--runs N] [--names N] [--seed N]``. Each run takes a random way out (file, file in
the order of the input, gzip, pipe with a slow reader) and 1 or 4 processes. It is stopped up to three times by SIGINT,
SIGTERM, SIGHUP or SIGKILL, sent to the process or to its whole group, and then finished. Checked:

- after SIGINT, SIGTERM and SIGHUP all that was written is whole records, none twice; a gzip file ends well;
- a pipe gets whole records also after SIGKILL (they are shorter than PIPE_BUF);
- after a resume each name is there once: none lost, none twice; what a resume cut and asked again is counted;
- in the order of the input where that was asked for;
- not much more is asked than there are names: what was done stays done.

A pipe cannot be resumed by the command: the names that are missing are asked for by another run.
Exit status 1 if anything was not as it must be; the seed of a run says how to have it again.
"""

import argparse
import collections
import contextlib
import gzip
import json
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

from celadon.resolver import cli
from celadon.resolver.cli.commands import load

from . import nameservers

GENTLE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
IN_FLIGHT = 200
LINE = 230  # bytes of a record, about


class Command:
    """``resolve`` with these words in a child of its own session, forked: hundreds of starts need no import each."""

    def __init__(self, words, errors, piped=False):
        self._errors = errors
        self.code = None
        self.out, out = os.pipe() if piped else (-1, -1)
        self.pid = os.fork()
        if not self.pid:
            code = 1
            try:
                os.setsid()
                with open(errors, "wb") as file:
                    os.dup2(file.fileno(), 2)
                if piped:
                    os.dup2(out, 1)
                    os.close(out)
                    os.close(self.out)
                code = cli.main(words)
            finally:
                os._exit(code)
        if piped:
            os.close(out)

    def poll(self):
        """The exit status as subprocess has it, None before the end."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def wait(self):
        """The exit status and what was said on stderr; Failed if it takes a minute."""
        end = time.monotonic() + 60
        while self.poll() is None:
            time.sleep(0.001)
            if time.monotonic() > end:
                self.send(signal.SIGKILL, True)
                raise Failed("it does not end")
        if self.out >= 0:
            os.close(self.out)
        return self.code, self._errors.read_text()

    def send(self, how, group):
        """A signal, to the process or to its group as a terminal does it."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if group else os.kill)(self.pid, how)


class Failed(Exception):
    """What was not as it must be."""


def records(data, what):
    """The names of whole records, in their order."""
    if data and not data.endswith(b"\n"):
        raise Failed(f"{what}: the last record is cut: {data[-60:]!r}")
    try:
        found = [json.loads(line)["name"] for line in data.splitlines()]
    except ValueError as error:
        raise Failed(f"{what}: a line is no record: {error}") from None
    twice = [name for name, count in collections.Counter(found).items() if count > 1]
    if twice:
        raise Failed(f"{what}: {len(twice)} names twice, {twice[:3]}")
    return found


class Run:
    """One run of the fuzz, from its first start to the check of its output."""

    def __init__(self, seed, names, server, folder):
        self.chance = random.Random(seed)
        self.names = [nameservers.name_of(number) for number in range(names)]
        self.server = server
        self.folder = pathlib.Path(folder)
        self.kind = self.chance.choice(("file", "ordered", "gzip", "pipe"))
        self.processes = self.chance.choice((1, 4))
        self.stops = 1 if self.kind == "pipe" else self.chance.randint(1, 3)
        self.signals = []
        self.landed = self.tries = self.cut = 0

    def command(self, source, *more):
        """The command line."""
        made = ["bulk", str(source), "-r", self.server, "-P", str(self.processes), "-s", str(IN_FLIGHT)]
        made += ["--status-format", "none", "--metadata-file", str(self.folder / "meta"), *more]
        made += ["--ordered"] * (self.kind == "ordered") + ["--gzip"] * (self.kind == "gzip")
        return made + ["--flush"] * self.chance.randint(0, 1)

    def start(self, source, *more, piped=False):
        """Start it."""
        return Command(self.command(source, *more), self.folder / "err", piped)

    def stop(self, process, how):
        """Send the signal."""
        process.send(how, self.chance.random() < 0.5)

    def check_code(self, code, how, err):
        """A run that was stopped says so, one that was done before the signal came says that."""
        if code not in (0, -how, 128 + how):
            raise Failed(f"exit status {code} after {how.name}: {err[-300:]}")
        if "Traceback" in err:
            raise Failed(f"a traceback after {how.name}: {err[-300:]}")
        self.landed += code != 0

    def to_file(self):
        """Stopped, resumed, and checked at each step."""
        source, out = self.folder / "names", self.folder / "out"
        source.write_text("".join(f"{name}\n" for name in self.names))
        out.unlink(missing_ok=True)
        (self.folder / "note").unlink(missing_ok=True)
        more = ["-w", str(out), "--checkpoint", str(self.folder / "note"), "--checkpoint-every", "0.1", "--resume"]
        before = 0
        for _ in range(self.stops):
            how = self.chance.choice((*GENTLE, signal.SIGKILL))
            self.signals.append(how)
            squeezed = 10 if self.kind == "gzip" else 1
            size = before + self.chance.randrange(len(self.names) * LINE // squeezed // self.stops)
            process = self.start(source, *more, "--rate", str(3 * len(self.names)))
            early = time.monotonic() + self.chance.random() * 0.2 if self.chance.random() < 0.1 else float("inf")
            while process.poll() is None and time.monotonic() < early and self.size(out) < size:
                time.sleep(0.0005)
            self.stop(process, how)
            code, err = process.wait()
            self.check_code(code, how, err)
            if how in GENTLE:
                self.count()
                found = self.whole(out, f"after {how.name}")
                if self.kind == "ordered" and found != self.names[: len(found)]:
                    raise Failed(f"not in order after {how.name}")
            before = self.size(out)
        code, err = self.start(source, *more).wait()
        if code:
            raise Failed(f"exit status {code} of the resume: {err[-300:]}")
        self.count()
        found = self.whole(out, "at the end")
        if set(found) != set(self.names):
            raise Failed(f"{len(set(self.names) - set(found))} names lost")
        if self.kind == "ordered" and found != self.names:
            raise Failed("not in order at the end")
        self.check_work()

    def check_work(self):
        """What was done stays done: only what was in flight, or held back for the order, is asked again."""
        most = IN_FLIGHT + (4 * 64 * 128 if self.kind == "ordered" and self.processes > 1 else 4 * 256)
        if signal.SIGKILL not in self.signals and self.tries > len(self.names) + most * self.stops:
            raise Failed(f"{self.tries} questions for {len(self.names)} names")

    def whole(self, out, what):
        """The records of the output."""
        data = out.read_bytes() if out.exists() else b""
        try:
            return records(gzip.decompress(data) if self.kind == "gzip" and data else data, what)
        except (OSError, EOFError) as error:
            raise Failed(f"{what}: {error}") from None

    def count(self):
        """Add up what the run says of itself."""
        meta = self.folder / "meta"
        if meta.exists():
            told = json.loads(meta.read_text())
            meta.unlink()
            self.tries += told["tries"]
            self.cut += told.get("cut_bytes", 0)

    @staticmethod
    def size(path):
        """Bytes of a file, 0 if it is not there yet."""
        try:
            return path.stat().st_size
        except OSError:
            return 0

    def to_pipe(self):
        """A slow reader gets whole records, and another run brings the others."""
        how = self.chance.choice((*GENTLE, signal.SIGKILL))
        self.signals.append(how)
        source = self.folder / "names"
        found, left = [], self.names
        for last in (False, True):
            source.write_text("".join(f"{name}\n" for name in left))
            process = self.start(source, piped=True)
            data = self.read_slowly(process, None if last else how)
            code, err = process.wait()
            if last and code:
                raise Failed(f"exit status {code} of the second run: {err[-300:]}")
            if not last:
                self.check_code(code, how, err)
            got = records(data, "the pipe")
            meta = self.folder / "meta"
            if meta.exists():
                told = json.loads(meta.read_text())["records"]
                meta.unlink()
                if told != len(got):
                    raise Failed(f"{told} records were counted, {len(got)} came")
            found += got
            left = [name for name in self.names if name not in set(found)]
        if sorted(found) != sorted(self.names):
            raise Failed(f"{len(self.names)} names, {len(found)} records, {len(set(found))} different")

    def read_slowly(self, process, how):
        """All that comes; after some of it, and a while in which nobody reads, the signal."""
        data = bytearray()
        limit = self.chance.randrange(len(self.names) * LINE)
        while part := os.read(process.out, self.chance.choice((100, 4096, 65536))):
            data += part
            if how is not None and len(data) >= limit:
                time.sleep(self.chance.random() * 0.1)
                self.stop(process, how)
                time.sleep(self.chance.random() * 0.02)
                how = None
        return bytes(data)

    def go(self):
        """Do it; raises Failed."""
        if self.kind == "pipe":
            self.to_pipe()
        else:
            self.to_file()


def main():
    """Run them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; each further one has the next number")
    options = parser.parse_args()
    load("bulk.bulk_command")
    seen = collections.Counter()
    failed = landed = sent = cut = 0
    began = time.monotonic()
    with nameservers.responder() as server, tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seed, options.seed + options.runs):
            run = Run(seed, options.names, server.address, folder)
            try:
                run.go()
            except Failed as error:
                failed += 1
                print(f"NOT seed {seed}: {run.kind}, -P {run.processes}, {run.signals}: {error}", flush=True)
            seen[run.kind, run.processes] += 1
            seen.update(one.name for one in run.signals)
            sent += len(run.signals)
            landed += run.landed
            cut += run.cut
    ways = ", ".join(
        f"{count} {one[0]} -P {one[1]}" for one, count in sorted(seen.items(), key=str) if one[1] in (1, 4)
    )
    kinds = ", ".join(f"{seen[one.name]} {one.name}" for one in (*GENTLE, signal.SIGKILL))
    print(f"{options.runs} runs: {ways}")
    print(f"{sent} signals, {landed} of them before the end: {kinds}")
    print(
        f"{'NOT' if failed else 'ok '} {failed} runs with a name twice or lost or a record cut; after SIGKILL "
        f"{cut} bytes behind the checkpoint were cut and asked again; {time.monotonic() - began:.0f} s"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
