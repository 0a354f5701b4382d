"""``make test-bulk-scale``: exactly one right record for each name and type, and memory that does not grow with them.

``python -m benchmarks.bulk_proof [--names N] [--loss 0,1,5,20] [--memory 100000,1000000] [--only PART]`` where PART is
loss, dead, resume, processes or memory. Every record is checked against the address computed from its name. One name
in twenty is there twice, one in a thousand is illegal. Exit status 1 if anything was not as it must be.
"""

import argparse
import collections
import contextlib
import json
import pathlib
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

from . import nameservers

RESOLVE = [sys.executable, "-m", "celadon.resolver.cli", "bulk"]
UNANSWERED_AT_5 = 1e-4
PEAK = 80 * 1024  # KiB
SLOPE = 4 * 1024  # KiB that the largest run may use more than the smallest


def write_names(path, count):
    """So many lines, and how often each name must come out; the illegal ones as a number."""
    wanted = bytearray(count)
    illegal = 0
    with open(path, "w", encoding="ascii") as out:
        for number in range(count):
            if number % 1000 == 999:
                out.write(f"illegal..{number}.{nameservers.ZONE}\n")
                illegal += 1
                continue
            one = number - 1 - number % 7 if number % 20 == 19 else number
            one = number if one % 1000 == 999 else one
            out.write(nameservers.name_of(one) + "\n")
            wanted[one] += 1
    return wanted, illegal


class Checked:
    """What an output file holds, checked line by line against what must be in it."""

    def __init__(self, path, wanted, illegal):
        self.records = self.wrong = self.illegal = 0
        self.statuses = collections.Counter()
        seen = bytearray(len(wanted))
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                self.records += 1
                self.statuses[row["status"]] += 1
                if row["status"] == "ILLEGAL_INPUT":
                    self.illegal += 1
                    continue
                seen[nameservers.number_of(row["name"])] += 1
                if row["status"] == "NOERROR":
                    data = [one["data"] for one in row["data"]["answers"]]
                    self.wrong += data != [nameservers.address_of(row["name"])]
        self.missing = sum(have < want for have, want in zip(seen, wanted, strict=True)) + max(
            illegal - self.illegal, 0
        )
        self.extra = sum(have - want for have, want in zip(seen, wanted, strict=True) if have > want)
        self.extra += max(self.illegal - illegal, 0)
        self.unanswered = sum(self.statuses[one] for one in ("TIMEOUT", "UNREACHABLE", "ERROR", "CANCELLED"))
        self.unanswered += self.statuses["SERVFAIL"] + self.statuses["NXDOMAIN"]


class Proof:
    """The parts, and whether all went well."""

    def __init__(self, names, folder):
        self.names = names
        self.folder = pathlib.Path(folder)
        self.source = str(self.folder / "names")
        self.failed = []
        self.wanted, self.illegal = write_names(self.source, names)

    def run(self, servers, *options, output=None, source=None, stop=None):
        """Run the command; gives its exit status, its metadata and its seconds. ``stop``: (bytes written, signal)."""
        target = output or str(self.folder / "out")
        meta = self.folder / "meta"
        meta.unlink(missing_ok=True)
        command = [*RESOLVE, source or self.source, "-r", servers, "-w", target, "-q", "--metadata-file", str(meta)]
        began = time.monotonic()
        with subprocess.Popen([*command, *options]) as process:
            if stop is not None:
                size, how = stop
                while process.poll() is None and self._size(target) < size:
                    time.sleep(0.01)
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(how)
            code = process.wait()
        return code, json.loads(meta.read_text()) if meta.exists() else {}, time.monotonic() - began

    @staticmethod
    def _size(target):
        try:
            return pathlib.Path(target).stat().st_size
        except OSError:
            return 0

    def check(self, title, code, meta, seconds, most_unanswered):
        """Check the output, and say how it was."""
        found = Checked(self.folder / "out", self.wanted, self.illegal)
        share = found.unanswered / max(found.records, 1)
        good = (
            not code and not found.missing and not found.wrong and not found.extra
            and share <= most_unanswered and found.records == self.names
        )  # fmt: skip
        print(
            f"{'ok ' if good else 'NOT'} {title}: {self.names} lines, {found.records} records, "
            f"{found.missing} missing, {found.extra} twice, {found.wrong} wrong, "
            f"{found.illegal} illegal, {found.unanswered} unanswered ({share:.4%}), "
            f"{meta.get('retries', 0)} retries, {self.names / seconds:.0f}/s, "
            f"{meta.get('max_rss_kib', 0) / 1024:.0f} MiB, exit {code}",
            flush=True,
        )
        if not good:
            self.failed.append(title)

    def loss(self, shares):
        """A server that loses so many percent of the questions."""
        for share in shares:
            with nameservers.responder(share / 100) as server:
                done = self.run(server.address, "-c", "4", "--timeout", "2")
                bound = {0: 0.0}.get(share, UNANSWERED_AT_5 if share <= 5 else 5 * (share / 100) ** 4)
                self.check(f"{share} % loss", *done, bound)

    def dead(self):
        """Of four servers one has no port open and one never answers."""
        with socket.socket(type=socket.SOCK_DGRAM) as hole:
            hole.bind(("127.0.0.1", 0))
            silent = f"127.0.0.1:{hole.getsockname()[1]}"
            with nameservers.responder() as one, nameservers.responder(0.01, 2) as two:
                servers = f"127.0.0.1:1,{one.address},{silent},{two.address}"
                self.check("two of four servers dead", *self.run(servers), UNANSWERED_AT_5)

    def resume(self):
        """Stopped by SIGINT half way, twice, and killed once; each time it goes on from its checkpoint."""
        for processes in ("1", "2"):
            note = str(self.folder / f"note{processes}")
            options = ["--checkpoint", note, "-P", processes]
            seconds = 0
            half = self.names * 230 // 4
            target = self.folder / "out"
            target.unlink(missing_ok=True)
            with nameservers.responder() as server:
                for step, how in enumerate((signal.SIGINT, signal.SIGINT, signal.SIGKILL), 1):
                    again = ["--resume"] if step > 1 else []
                    code, meta, took = self.run(server.address, *options, *again, stop=(half * step, how))
                    seconds += took
                    if how == signal.SIGINT and code not in (0, 130):
                        self.failed.append(f"exit {code} upon SIGINT")
                code, meta, took = self.run(server.address, *options, "--resume")
            self.check(f"stopped three times and resumed, -P {processes}", code, meta, seconds + took, 0.0)

    def processes(self):
        """Two and four processes share one input and one output."""
        for count in ("2", "4"):
            with nameservers.responder(0.01) as server:
                done = self.run(server.address, "-P", count)
                self.check(f"-P {count}, 1 % loss", *done, UNANSWERED_AT_5)

    def memory(self, sizes):
        """The peak of the resident set for one process, by the number of names."""
        peaks = []
        with nameservers.best(max(sizes)) as server:
            for size in sizes:
                source = str(self.folder / "many")
                with open(source, "w", encoding="ascii") as out:
                    out.writelines(nameservers.name_of(number) + "\n" for number in range(size))
                code, meta, took = self.run(server.address, output="/dev/null", source=source)
                peaks.append(meta["max_rss_kib"])
                print(
                    f"    {size} names from {server.kind}: {meta['max_rss_kib'] / 1024:.1f} MiB, {size / took:.0f}/s, "
                    f"{meta['cpu_s'] / size * 1e6:.1f} us CPU for one, {meta['unanswered']} unanswered, exit {code}",
                    flush=True,
                )
        good = peaks[-1] <= PEAK and peaks[-1] - peaks[0] <= SLOPE
        print(f"{'ok ' if good else 'NOT'} memory: {', '.join(f'{one / 1024:.1f}' for one in peaks)} MiB", flush=True)
        if not good:
            self.failed.append("memory")


def main():
    """Run the parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=1_000_000)
    parser.add_argument("--loss", default="0,1,5,20")
    parser.add_argument("--memory", default="100000,1000000")
    parser.add_argument("--only", action="append", choices=("loss", "dead", "resume", "processes", "memory"))
    options = parser.parse_args()
    wanted = options.only or ["loss", "dead", "processes", "resume", "memory"]
    with tempfile.TemporaryDirectory() as folder:
        proof = Proof(options.names, folder)
        for part in wanted:
            given = {"loss": options.loss, "memory": options.memory}.get(part)
            getattr(proof, part)(*([[int(one) for one in given.split(",")]] if given else []))
    print(f"peak of this checker: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    if proof.failed:
        print(f"NOT as it must be: {', '.join(proof.failed)}")
    return 1 if proof.failed else 0


if __name__ == "__main__":
    sys.exit(main())
