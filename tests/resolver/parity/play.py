"""``python -m tests.resolver.parity.play WORLD ENGINE,… --seed N --count N``, as root in namespaces of its own.

``drawn:SEED`` is a world by chance. Makes the world true, makes each call of libc and of each engine, and prints every
difference as a line of JSON.
"""

import argparse
import asyncio
import ctypes
import errno
import json
import os
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import celadon.resolver as resolver
from celadon.hub import Pool
from celadon.resolver import aio

from . import cases, wanted
from .drawn import drawn
from .world import WORLDS, serve

PATHS = {
    "resolv": "/etc/resolv.conf",
    "hosts": "/etc/hosts",
    "nsswitch": "/etc/nsswitch.conf",
    "gai": "/etc/gai.conf",
    "host_conf": "/etc/host.conf",
}


def run(command):
    """A command of the namespace's furniture; its failure is ours."""
    subprocess.run(command, check=True, shell=True, capture_output=True)


def make_true(world, folder):
    """Bind the world's files over the system's, and bring up its addresses."""
    run("mount --make-rprivate / 2>/dev/null || true")
    for name, path in PATHS.items():
        source = os.path.join(folder, name)
        with open(source, "w", encoding="utf-8", newline="") as file:
            file.write(getattr(world, name))
        os.chmod(source, 0o644)
        if not os.path.exists(path):
            with open(path, "w", encoding="utf-8"):
                pass
        run(f"mount --bind {source} {path}")
    for path, text in world.files.items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    if world.hostname != socket.gethostname():
        mine, parents = (os.readlink(f"/proc/{one}/ns/uts") for one in ("self", os.getppid()))
        assert mine != parents, "this would rename the machine"
        socket.sethostname(world.hostname)
    run("ip link set lo up")
    for one in world.addresses:
        run(f"ip addr add {one} dev lo" + (" nodad" if ":" in one else ""))
    for one in world.routes:
        run(f"ip -6 route add {one[3:]}" if one.startswith("-6 ") else f"ip route add {one}")


def outcome(function, args):
    """What a call came to, as something to compare: a value, or an exception's class and arguments."""
    try:
        return ("value", function(*args))
    except Exception as error:
        return failed(error)


def failed(error):
    """The same of an exception."""
    kind = type(error)
    for known in (socket.gaierror, socket.herror):
        if isinstance(error, known):
            kind = known
    return ("error", kind.__name__, error.args)


h_errno, c_errno = ctypes.CDLL(None).__h_errno_location, ctypes.CDLL(None).__errno_location
h_errno.restype = c_errno.restype = ctypes.POINTER(ctypes.c_int)


def main():
    """Play; the exit status is 0 even with differences, which are the output."""
    parser = argparse.ArgumentParser()
    parser.add_argument("world")
    parser.add_argument("engines")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--show", action="store_true", help="print the world's files as well")
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    kind, _, seed = given.world.partition(":")
    world = drawn(int(seed)) if kind == "drawn" else WORLDS[kind]
    if not given.slow:  # nothing is silent: a busy machine's server gets its time
        world = replace(world, resolv=world.resolv.replace("timeout:1", "timeout:5"))
    with tempfile.TemporaryDirectory() as folder:
        make_true(world, folder)
        os.environ.pop("LOCALDOMAIN", None)
        for key, value in world.environ.items():
            os.environ[key] = value
        if given.show:
            print(*(f"--- {one}\n{getattr(world, one)!r}" for one in PATHS), world.environ, world.files, sep="\n")
        play(given, world)


def awaited(made):
    """What makes one call of a resolver on asyncio, what makes many at once, and what ends its loop."""
    runner = asyncio.Runner()

    async def one(call):
        try:
            return ("value", await getattr(made, call[0])(*call[1]))
        except Exception as error:
            return failed(error)

    async def several(calls):
        return await asyncio.gather(*[one(call) for call in calls])

    return lambda call: runner.run(one(call)), lambda _, calls: runner.run(several(calls)), runner.close


def play(given, world):
    """Make the calls and print what differs."""
    made = list(cases.slow_calls() if given.slow else cases.calls(given.seed, given.count, world.names))
    with ExitStack() as stack:
        server = stack.enter_context(serve())
        threads = stack.enter_context(ThreadPoolExecutor(80))
        if world.second:
            stack.enter_context(serve("127.0.0.2", scripts=world.second == "same"))

        def libc(call):
            # What earlier calls left there shows through in some failures; so it is always the same.
            h_errno().contents.value = 0
            c_errno().contents.value = errno.EBUSY
            return outcome(getattr(socket, call[0]), call[1])

        def ours(call):
            return outcome(getattr(resolver, call[0]), call[1])

        asked = []
        if given.slow:
            expected = list(threads.map(libc, made))
        else:
            expected = []
            for call in made:
                server.queries.clear()
                expected.append(libc(call))
                asked.append({(one.name, one.rdtype) for one in server.queries})
        counts = {}
        for engine in given.engines.split(","):
            name, _, way = engine.partition(":")
            options = {}
            if way == "libc":
                options = {"special_names": "libc", "nul": "libc", "cname_order": "libc"}
            cache = way == "cache"
            if name.startswith("aio-"):
                name = name.removeprefix("aio-")
                call_ours, all_ours, end = awaited(aio.Resolver(name, cache=cache, **options))
            else:
                resolver.use(name, cache=cache, **options)
                call_ours, all_ours, end = ours, Pool(80).map, resolver.reset
            found = all_ours(call_ours, made) if given.slow else []
            for index, call in enumerate(made):
                if not given.slow:
                    server.queries.clear()
                    found.append(call_ours(call))
                same = found[index] == expected[index]
                counts[engine] = counts.get(engine, 0) + same
                if not same and not wanted.reason(call, name, way, expected[index], found[index], given.world):
                    print(json.dumps([given.world, engine, repr(call), repr(expected[index]), repr(found[index])]))
                if given.verbose and not given.slow and same and way == "libc":
                    queries = {(one.name, one.rdtype) for one in server.queries}
                    if queries != asked[index]:
                        print(
                            json.dumps(
                                [given.world, engine, repr(call), "ASKED", sorted(asked[index]), sorted(queries)]
                            )
                        )
            end()
        print(json.dumps({"world": given.world, "calls": len(made), "same": counts}), file=sys.stderr)


if __name__ == "__main__":
    main()
