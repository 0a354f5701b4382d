"""``make test-wildcards``: of candidates under nested, aliased and lying wildcards none is kept or dropped wrongly.

``python -m benchmarks.wildcard_proof [--names N] [--small N] [--processes N]``: a name server in a process of its own
knows zones of nine kinds; ``resolve bulk --wildcard mark`` and ``--wildcard drop`` ask for N candidates in them, of
which each tenth is registered. Each verdict is compared with the truth, and the memory with that of a smaller run. Exit
status 1 if anything was not as it must be.
"""

import argparse
import collections
import itertools
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import zlib

RESOLVE = [sys.executable, "-m", "celadon.resolver.cli", "bulk"]
SLOPE = 4 * 1024  # KiB that the large run may use more than the small one
A, CNAME = 1, 5
#: kind -> what its wildcard gives; None: it has none.
KINDS = ("none", "star", "deep.star", "b.star", "alias", "gone", "lying", "pool", "nodata", "echo")
_turn = itertools.count()


def registered(name):
    """Whether a name is there by itself: each tenth, and what bears a deeper zone."""
    label = name.partition(".")[0]
    return (label[:1] == "r" and label[1:].isdigit()) or label in KINDS or label in ("deep", "b")


def zone_of(name):
    """The kind of the zone that a name is in: the longest that fits; None outside."""
    rest = name.lower().removesuffix(".w.test")
    found = [one for one in KINDS if rest.endswith(f".{one}") or rest == one]
    return max(found, key=len, default=None)


def lookup(name):
    """What the name server says: rcode, and records as (type, data)."""
    low = name.lower()
    kind = zone_of(low)
    if kind is None:
        return (0, []) if low in ("w.test", "test") else (3, [])
    if registered(low) and low.count(".") == f"{kind}.w.test".count(".") + 1:
        if kind == "b.star":
            return 0, [(A, "192.0.2.1")]  # the very data of the wildcard further up, which b hides
        return 0, [(A, f"10.{zlib.crc32(low.encode()) >> 16 & 255}.{zlib.crc32(low.encode()) & 255}.7")]
    if low == f"{kind}.w.test":
        return 0, []
    label = low.partition(".")[0]
    wildcard = {
        "star": (0, [(A, "192.0.2.1")]),
        "deep.star": (0, [(A, "192.0.2.2")]),
        "alias": (0, [(CNAME, "lb.cdn.test"), (A, f"198.51.100.{next(_turn) % 200}")]),
        "gone": (3, [(CNAME, "nowhere.cdn.test")]),
        "lying": (3, [(A, "192.0.2.9")]),
        "pool": (0, [(A, f"203.0.113.{random.randrange(12)}")]),
        "nodata": (0, []),
        "echo": (0, [(CNAME, f"{label}.cdn.test"), (A, "192.0.2.4")]),
    }
    return wildcard.get(kind, (3, []))


def truth(name):
    """True for what a wildcard gives, False for what is registered, None for what is not there."""
    rcode, records = lookup(name)
    if rcode and not records:
        return None
    kind = zone_of(name)
    return not (registered(name) and name.count(".") == f"{kind}.w.test".count(".") + 1)


def root_of(name):
    """The wildcard that gives a name."""
    return f"*.{zone_of(name)}.w.test"


def candidates(count):
    """So many names in all kinds of zones; each tenth is registered, some are one and two labels deeper."""
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        label = f"r{number}" if number // len(KINDS) % 10 == 0 else f"n{number}"
        middle = ("", "", "", f"m{number % 700}.", f"m{number}.x{number % 7}.")[number // len(KINDS) % 5]
        yield f"{label}.{'' if label[0] == 'r' else middle}{kind}.w.test"


def encode(name):
    return b"".join(bytes([len(one)]) + one.encode() for one in name.split(".")) + b"\0"


def reply(query):
    """The bytes that answer a query."""
    end, labels = 12, []
    while query[end]:
        labels.append(query[end + 1 : end + 1 + query[end]].decode())
        end += query[end] + 1
    question = query[12 : end + 5]
    rcode, records = lookup(".".join(labels))
    rows, owner = b"", b"\xc0\x0c"
    for rdtype, data in records:
        rdata = socket.inet_aton(data) if rdtype == A else encode(data)
        rows += owner + rdtype.to_bytes(2, "big") + b"\0\1\0\0\0\x3c" + len(rdata).to_bytes(2, "big") + rdata
        owner = encode(data) if rdtype == CNAME else owner
    return (
        query[:2] + bytes((0x85, 0x80 | rcode)) + b"\0\1" + len(records).to_bytes(2, "big") + bytes(4) + question + rows
    )


def serve(sock):
    """Answer until killed."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        query, peer = sock.recvfrom(4096)
        sock.sendto(reply(query), peer)


def server():
    """The pid and the address of a name server in a process of its own."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind(("127.0.0.1", 0))
    pid = os.fork()
    if not pid:
        try:
            serve(sock)
        finally:
            os._exit(1)
    address = "{}:{}".format(*sock.getsockname())
    sock.close()
    return pid, address


def run(folder, address, count, how, processes):
    """One run; what it wrote, and its largest resident set in KiB."""
    names = folder / f"names-{count}"
    if not names.exists():
        with open(names, "w", encoding="ascii") as file:  # all of them in this process would count as its children's
            file.writelines(f"{one}\n" for one in candidates(count))
    out, roots, meta = folder / "out", folder / "roots", folder / "meta"
    command = [*RESOLVE, str(names), "-r", address, "-w", str(out), "--wildcard", how, "--write-wildcards", str(roots)]
    command += ["-q", "-P", str(processes), "--metadata-file", str(meta), "--timeout", "3", "-s", "500"]
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise SystemExit(f"resolve bulk ended with status {done.returncode}")
    summary = json.loads(meta.read_text())
    return out, roots.read_text().split(), summary


def digest(names):
    """How many names, and a sum over them that does not depend on their order."""
    count = total = 0
    for name in names:
        count += 1
        total += zlib.crc32(name.encode()) ** 2
    return count, total


def check(folder, address, count, processes=1):
    """Everything that is wrong about runs of so many names, as lines, and the marked run's summary."""
    wrong = []
    out, roots, summary = run(folder, address, count, "mark", processes)
    seen = collections.Counter()
    with open(out, encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            name = row["name"]
            verdict = row.get("wildcard", "absent")
            real = truth(name)
            wanted = {True: root_of(name), False: False, None: "absent"}[real]
            seen[real] += 1
            if verdict != wanted:
                wrong.append(f"{name}: {verdict!r}, but it is {wanted!r}")
    if sum(seen.values()) != count:
        wrong.append(f"{sum(seen.values())} records for {count} names")
    wanted = sorted(f"*.{one}.w.test" for one in KINDS if one not in ("none", "b.star"))
    if sorted(roots) != wanted:
        wrong.append(f"the file of wildcards has {sorted(roots)}")
    kept, _, _ = run(folder, address, count, "drop", processes)
    with open(kept, encoding="utf-8") as lines:
        left = digest(json.loads(line)["name"] for line in lines)
    if left != digest(one for one in candidates(count) if truth(one) is not True):
        wrong.append(f"--wildcard drop left {left[0]} names, not those that it should")
    return wrong, summary, seen


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--names", type=int, default=200_000)
    parser.add_argument("--small", type=int, default=50_000)
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    pid, address = server()
    bad = 0
    peaks = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            for count in (given.small, given.names):
                wrong, summary, seen = check(pathlib.Path(folder), address, count, given.processes)
                peaks.append(summary["max_rss_kib"])
                print(
                    f"{count} names: {seen[True]} of wildcards, {seen[False]} registered, {seen[None]} not there; "
                    f"{len(wrong)} wrong; {summary['wildcard_tests']} random names; {summary['seconds']} s; "
                    f"{summary['max_rss_kib']} KiB"
                )
                for line in wrong[:10]:
                    print("  ", line)
                bad += len(wrong)
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
    if peaks[1] > peaks[0] + SLOPE:
        print(f"memory grows: {peaks[0]} KiB, then {peaks[1]} KiB")
        bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
