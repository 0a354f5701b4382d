"""``python -m benchmarks.aio``: new names, 50 in flight, by ``celadon.resolver.aio`` and by aiodns, on each loop.

Lookups for each second of this process' CPU time, threads included, from NSD on loopback. Each row runs in a process of
its own, the rows of one round one after the other; the table has the median of the rounds, and each one's ratio to
aiodns on the same loop and of the same call.
"""

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys

from .nameservers import name_of, nsd

IN_FLIGHT = 50
CALLS = ("getaddrinfo", "query")
WHO = ("aiodns", "celadon-ares", "celadon-python", "celadon-facade")


def loop_factory(loop):
    """What makes a loop of this name."""
    if loop == "uvloop":
        import uvloop

        return uvloop.new_event_loop
    return asyncio.new_event_loop


def looker(who, call, server):
    """The coroutine function that looks one name up, and what ends it; made on the running loop."""
    host, _, port = server.partition(":")
    if who in ("aiodns", "celadon-facade"):
        if who == "aiodns":
            import aiodns
        else:
            from celadon.resolver.aio import aiodns

        made = aiodns.DNSResolver(nameservers=[host], udp_port=int(port), tcp_port=int(port))
        if call == "query":
            return lambda name: made.query_dns(name, "A"), made.close
        # What aiohttp's AsyncResolver calls.
        return lambda name: made.getaddrinfo(name, port=80, family=2, type=1), made.close
    from celadon.resolver import aio

    ours = aio.Resolver(who.partition("-")[2], servers=[server], cache=False)
    if call == "query":
        return lambda name: ours.query(name, "A"), None
    return lambda name: ours.getaddrinfo(name, 80, 2, 1), None


async def run(who, call, server, count, first):
    """CPU seconds that ``count`` lookups took."""
    look, end = looker(who, call, server)
    numbers = iter(range(first, first + count))
    await look(name_of(first + count))  # whatever is made at the first one
    right = 0

    async def worker():
        nonlocal right
        for number in numbers:
            found = await look(name_of(number))
            right += bool(found)

    before = resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.gather(*[worker() for _ in range(IN_FLIGHT)])
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert right == count
    if end is not None:
        await end()
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def one(given):
    """One row, in this process."""
    with asyncio.Runner(loop_factory=loop_factory(given.loop)) as runner:
        seconds = runner.run(run(given.who, given.call, given.server, given.count, given.first))
    print(json.dumps(given.count / seconds))


def main():
    """Measure all rows, or one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loops", default="asyncio,uvloop")
    parser.add_argument("--who", help=argparse.SUPPRESS)
    parser.add_argument("--call", help=argparse.SUPPRESS)
    parser.add_argument("--loop", help=argparse.SUPPRESS)
    parser.add_argument("--server", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.who:
        one(given)
        return
    rows = [(loop, call, who) for loop in given.loops.split(",") for call in CALLS for who in WHO]
    seen = {row: [] for row in rows}
    with nsd((given.rounds + 1) * given.count) as served:
        for number in range(given.rounds):
            for loop, call, who in rows:
                command = [sys.executable, "-m", "benchmarks.aio", "--who", who, "--call", call, "--loop", loop]
                command += [
                    "--server",
                    served.address,
                    "--count",
                    str(given.count),
                    "--first",
                    str(number * given.count),
                ]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
                seen[loop, call, who].append(json.loads(done.stdout))
    print("| loop | call | | lookups for a CPU second | of aiodns |\n|---|---|---|---|---|")
    for loop, call, who in rows:
        middle, peer = (statistics.median(seen[loop, call, one]) for one in (who, "aiodns"))
        print(f"| {loop} | {call} | {who} | {middle:,.0f} | {middle / peer:.2f} |")


if __name__ == "__main__":
    main()
