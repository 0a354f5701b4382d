"""One library's rows, in a process of its own, as JSON: microseconds for one of each.

``python -m benchmarks.work LIBRARY time|parked|asleep|lookups [--only TEXT] [--server ADDRESS] [--count N]``
"""

import argparse
import itertools
import json

from .measure import best_of_three


def rows_of(library):
    """The module that has its rows."""
    if library in ("asyncio", "uvloop"):
        from . import asyncrows

        return asyncrows
    from . import greenrows

    return greenrows


def times(library, only):
    """What takes time."""
    return {label: best_of_three(work, count) for label, work, count in rows_of(library).rows(library) if only in label}


def parked(library, count):
    """What a waiting one takes in memory, and how fast all of them wake and end."""
    kilobytes, wake = rows_of(library).parked(library, count)
    return {f"{count:,} parked: KB each": kilobytes, f"{count:,} parked: wake and join": wake}


def asleep(library, count):
    """The same for sleepers: equally long from where each began, and until one instant."""
    megabytes, each, together = rows_of(library).sleeping(library, count)
    return {
        f"{count:,} asleep: MB in all": megabytes,
        f"{count:,} asleep: s late": each,
        f"{count:,} asleep to one instant: s late": together,
    }


def lookups(library, server):
    """New names by , 50 at once."""
    fresh = itertools.count()
    rows = {}
    for label, look, pool_of, count in _lookers(library, server):

        def work(count, look=look, pool_of=pool_of):
            pool = pool_of(50)
            for _ in range(count):
                pool.spawn(look, f"n{next(fresh)}.bench.test")
            pool.join()

        rows[f"getaddrinfo uncached, {label}"] = best_of_three(work, count)
    return rows


def _lookers(library, server):
    if library == "celadon":
        from celadon import resolver
        from celadon.hub import Pool

        for name in ("ares", "python"):
            chosen = resolver.make(name, servers=[server])
            yield name, lambda host, chosen=chosen: chosen.getaddrinfo(host, 80, 2, 1), Pool, 10_000
    elif library == "gevent":
        from gevent import get_hub
        from gevent.pool import Pool
        from gevent.resolver.ares import Resolver

        host, port = server.split(":")
        chosen = Resolver(get_hub(), servers=[host], udp_port=int(port), tcp_port=int(port))
        yield "ares", lambda host: chosen.getaddrinfo(host, 80, 2, 1), Pool, 10_000


def main():
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("what", choices=["time", "parked", "asleep", "lookups"])
    parser.add_argument("--only", default="")
    parser.add_argument("--server")
    parser.add_argument("--count", type=int, default=100_000)
    options = parser.parse_args()
    if options.what == "time":
        result = times(options.library, options.only)
    elif options.what in ("parked", "asleep"):
        result = {"parked": parked, "asleep": asleep}[options.what](options.library, options.count)
    else:
        result = lookups(options.library, options.server)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
