"""Instructions for one item, ours beside gevent's: ``python -m benchmarks.instructions [--rows a,b] [--json FILE]``.

Valgrind counts what the process runs in user space, which is the same on a busy machine. A row runs twice, with few
items and with many; the difference is what one item costs, without the start. Lookups go to NSD, whose replies are
``full`` (NS and glue beside the answer, as authorities send them) or ``minimal`` (the answer alone).
"""

import argparse
import contextlib
import importlib.util
import json
import math
import os
import re
import shutil
import subprocess
import sys

from .nameservers import name_of, nsd

#: Row -> how many items few and many are.
HUB = {"sleep0": (1000, 3000), "spawnjoin": (1000, 3000), "pingq": (1000, 3000), "timeout": (1000, 3000)}
SOCKETS = {"sockpair": (1000, 3000), "recv there": (1000, 3000)}
LOOKUPS = {"getaddrinfo ares": (500, 2500), "getaddrinfo python": (500, 2500)}
CACHED = {"cached": (1000, 3000), "cached other port": (1000, 3000)}
NAMES = 20_000
WHAT = {
    "sleep0": "sleep(0), two greenlets",
    "spawnjoin": "spawn and join",
    "pingq": "queue ping-pong",
    "timeout": "with Timeout",
    "sockpair": "socketpair ping-pong",
    "recv there": "send and recv of what is there",
    "getaddrinfo ares": "getaddrinfo, not cached, ares",
    "getaddrinfo python": "getaddrinfo, not cached, python",
    "cached": "getaddrinfo, cached",
    "cached other port": "getaddrinfo, cached, another port",
}


def lookup_of(library, row, address):
    """The library's getaddrinfo, which asks the server at ``address``; gevent has c-ares alone."""
    host, _, port = address.rpartition(":")
    if library == "gevent":
        from gevent.resolver.ares import Resolver

        return Resolver(servers=[host], udp_port=int(port)).getaddrinfo
    import socket

    import celadon

    engine = row.rpartition(" ")[2]
    celadon.patch_all(resolver=engine if engine in ("ares", "python") else "python", servers=[address])
    return socket.getaddrinfo


def run(library, row, count, address):
    """The row's work, in the process that valgrind counts."""
    if library == "gevent":
        import gevent as lib
        from gevent.queue import Queue
        from gevent.socket import socketpair
    else:
        import celadon as lib
        from celadon.green.socket import socketpair
        from celadon.hub import Queue

    def sleep0():
        def body():
            for _ in range(count // 2):
                lib.sleep(0)

        lib.joinall([lib.spawn(body), lib.spawn(body)])

    def spawnjoin():
        for _ in range(count // 100):
            lib.joinall([lib.spawn(lambda: None) for _ in range(100)])

    def pingq():
        one, two = Queue(), Queue()

        def echo():
            for _ in range(count):
                two.put(one.get())

        lib.spawn(echo)
        for i in range(count):
            one.put(i)
            two.get()

    def timeout():
        for _ in range(count):
            with lib.Timeout(10):
                pass

    def sockpair():
        one, two = socketpair()

        def echo():
            for _ in range(count):
                two.sendall(two.recv(100))

        lib.spawn(echo)
        for _ in range(count):
            one.sendall(b"x")
            one.recv(100)

    def recv_there():
        one, two = socketpair()
        for _ in range(count):
            one.send(b"x")
            two.recv(100)

    def lookups():
        getaddrinfo = lookup_of(library, row, address)
        numbers, wrong = iter(range(count)), []

        def worker():
            for i in numbers:
                last = f"{i >> 8}-{i & 255}"
                found = getaddrinfo(f"n10-0-{last}.bench", 80, 2, 1)
                wrong.extend(() if found[0][4][0] == "10.0." + last.replace("-", ".") else (found,))

        lib.joinall([lib.spawn(worker) for _ in range(50)])
        if wrong or next(numbers, None) is not None:
            raise RuntimeError(f"wrong answers: {wrong[:3]}")

    def cached():
        getaddrinfo, name = lookup_of(library, row, address), name_of(1)
        for i in range(count):
            getaddrinfo(name, i & 65535 if row == "cached other port" else 80, 2, 1)

    works = {"sleep0": sleep0, "spawnjoin": spawnjoin, "pingq": pingq, "timeout": timeout, "sockpair": sockpair}
    works |= {"recv there": recv_there, **dict.fromkeys(LOOKUPS, lookups), **dict.fromkeys(CACHED, cached)}
    works[row]()


def counted(library, row, count, address, accelerated):
    """Instructions of a whole process."""
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    command += [sys.executable, "-m", "benchmarks.instructions", "--child", library, row, str(count), address]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "CELADON_ACCEL": "1" if accelerated else "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"I\s+refs: +([\d,]+)", done.stderr)
    if done.returncode or found is None:
        raise RuntimeError(f"{library}, {row}: {done.stderr[-500:]}")
    return int(found[1].replace(",", ""))


def one_item(library, row, few, many, address, accelerated=True):
    """Instructions for one item of the row."""
    begin, end = (counted(library, row, count, address, accelerated) for count in (few, many))
    return round((end - begin) / (many - few))


def table(rows, servers):
    """A dict a row: instructions of ours, of ours without the accelerators, and of gevent where it has the like."""
    gevent = importlib.util.find_spec("gevent") is not None
    for row, (few, many) in rows.items():
        replies = servers if row in LOOKUPS else [("", servers[0][1] if servers else "-")]
        for kind, address in replies:
            found = {"what": WHAT[row] + (f", {kind} replies" if kind else "")}
            found["ours"] = one_item("celadon", row, few, many, address)
            found["plain"] = one_item("celadon", row, few, many, address, accelerated=False)
            # gevent's resolvers keep nothing: their cached lookup is their lookup.
            beside = gevent and row not in CACHED
            found["gevent"] = one_item("gevent", row, few, many, address) if beside else None
            yield found


def thousands(value):
    return "" if value is None else f"{value / 1000:,.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", help="names from the table, with commas; all otherwise")
    parser.add_argument("--json", metavar="FILE", help="write the rows as JSON besides")
    parser.add_argument("--child", nargs=4, metavar=("LIBRARY", "ROW", "COUNT", "ADDRESS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        library, row, count, address = options.child
        run(library, row, int(count), address)
        return
    if shutil.which("valgrind") is None:
        print("instructions: valgrind is not here (Debian: apt-get install valgrind)")
        return
    every = HUB | SOCKETS | LOOKUPS | CACHED
    chosen = every if options.rows is None else {name: every[name] for name in options.rows.split(",")}
    if not shutil.which("nsd"):
        print("lookups: NSD is not here (Debian: apt-get install nsd)")
        chosen = {name: counts for name, counts in chosen.items() if name in HUB or name in SOCKETS}
    with contextlib.ExitStack() as stack:
        servers = []
        if chosen.keys() & (LOOKUPS.keys() | CACHED.keys()):
            kinds = {"full": False, "minimal": True}
            servers += [(kind, stack.enter_context(nsd(NAMES, minimal=least)).address) for kind, least in kinds.items()]
        print("\n| thousand instructions for one | Celadon | without its accelerators | gevent | gevent / Celadon |")
        print("|---|--:|--:|--:|--:|")
        rows = []
        for found in table(chosen, servers):
            ratio = f"{found['gevent'] / found['ours']:.2f}" if found["gevent"] else ""
            cells = " | ".join(thousands(found[key]) for key in ("ours", "plain", "gevent"))
            print(f"| {found['what']} | {cells} | {ratio} |", flush=True)
            rows.append(found)
    hub = [one["gevent"] / one["ours"] for one in rows if one["what"] in {WHAT[name] for name in HUB} and one["gevent"]]
    if hub:
        mean = math.exp(sum(map(math.log, hub)) / len(hub))
        print(f"\nThe hub's rows, geometric mean of gevent's over ours: {mean:.2f}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=2)


if __name__ == "__main__":
    main()
