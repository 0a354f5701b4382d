"""One peer's way through a file of names, in a process of its own: ``python -m benchmarks.bulkwork ARM SERVER IN OUT``.

Each writes one JSON line for each name as a program of its kind would: so many in flight, answers as they come.
"""

import json
import sys
import time

CONCURRENCY = 1000


def line(name, addresses):
    """What every peer writes."""
    return json.dumps({"name": name, "type": "A", "data": {"answers": [{"data": one} for one in addresses]}}) + "\n"


def aiodns(host, port, names, write):
    """Workers over one resolver; with uvloop it is called ``aiodns-uvloop``."""
    import asyncio

    from aiodns import DNSResolver
    from aiodns.error import DNSError

    async def work():
        resolver = DNSResolver(nameservers=[host], udp_port=port, tcp_port=port, timeout=2, tries=4)

        async def worker():
            for name in names:
                try:
                    found = await resolver.query_dns(name, "A")
                except DNSError as error:
                    write(json.dumps({"name": name, "error": str(error)}) + "\n")
                else:
                    write(line(name, [one.data.addr for one in found.answer]))

        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))

    asyncio.run(work())


def aiodns_uvloop(host, port, names, write):
    """The same on the faster loop."""
    import uvloop

    uvloop.install()
    aiodns(host, port, names, write)


def dnspython(host, port, names, write):
    """The asyncio resolver of dnspython."""
    import asyncio

    from dns.asyncresolver import Resolver
    from dns.exception import DNSException

    async def work():
        resolver = Resolver(configure=False)
        resolver.nameservers = [host]
        resolver.port = port
        resolver.lifetime = 20

        async def worker():
            for name in names:
                try:
                    found = await resolver.resolve(name, "A", search=False)
                except DNSException as error:
                    write(json.dumps({"name": name, "error": str(error)}) + "\n")
                else:
                    write(line(name, [one.address for one in found]))

        await asyncio.gather(*(worker() for _ in range(100)))  # a socket for each

    asyncio.run(work())


def gevent(host, port, names, write):
    """The ares resolver of gevent, which has getaddrinfo for everything."""
    from gevent import get_hub
    from gevent.pool import Pool
    from gevent.resolver.ares import Resolver

    resolver = Resolver(get_hub(), servers=[host], udp_port=port, tcp_port=port, timeout=2, tries=4)

    def look(name):
        try:
            found = resolver.getaddrinfo(name, None, 2, 1)
        except OSError as error:
            write(json.dumps({"name": name, "error": str(error)}) + "\n")
        else:
            write(line(name, [one[4][0] for one in found]))

    pool = Pool(CONCURRENCY)
    for name in names:
        pool.spawn(look, name)
    pool.join()


def workers(count, spawn, joinall, look, names):
    """So many greenlets share the names."""

    def worker():
        for name in names:
            look(name)

    joinall([spawn(worker) for _ in range(count)])


def gevent_getaddrinfo(host, port, names, write):
    """Getaddrinfo alone, from 200 greenlets."""
    from gevent import get_hub, joinall, spawn
    from gevent.resolver.ares import Resolver

    resolver = Resolver(get_hub(), servers=[host], udp_port=port, tcp_port=port, timeout=2, tries=4)
    workers(200, spawn, joinall, lambda name: resolver.getaddrinfo(name, 80, 2, 1), names)


def celadon_getaddrinfo(host, port, names, write, engine="python"):
    """The same on celadon."""
    from celadon.hub import joinall, spawn
    from celadon.resolver import make

    resolver = make(engine, servers=[f"{host}:{port}"], timeout=2, attempts=4)
    workers(200, spawn, joinall, lambda name: resolver.getaddrinfo(name, 80, 2, 1), names)


def celadon_ares_getaddrinfo(host, port, names, write):
    """The same on celadon's ares."""
    celadon_getaddrinfo(host, port, names, write, "ares")


def celadon_greenlet(host, port, names, write):
    """``bulk`` in one greenlet, while another sleeps ten milliseconds at a time: how late does it wake?"""
    from celadon.hub import sleep, spawn
    from celadon.resolver import bulk

    late = []

    def tick():
        while True:
            begin = time.monotonic()
            sleep(0.01)
            late.append(time.monotonic() - begin - 0.01)

    ticking = spawn(tick)
    for question, outcome in bulk(names, servers=[f"{host}:{port}"]):
        write(line(question.name, [one.data for one in outcome.records]))
    ticking.kill()
    late.sort()
    rank = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    shown = {word: round(late[min(int(len(late) * part), len(late) - 1)] * 1000, 1) for word, part in rank.items()}
    print(json.dumps({"lag_ms": shown}))


ARMS = {
    "aiodns": aiodns,
    "aiodns-uvloop": aiodns_uvloop,
    "dnspython": dnspython,
    "gevent-ares": gevent,
    "gevent-getaddrinfo": gevent_getaddrinfo,
    "celadon-getaddrinfo": celadon_getaddrinfo,
    "celadon-ares-getaddrinfo": celadon_ares_getaddrinfo,
    "celadon-greenlet": celadon_greenlet,
}


def main(arm, server, source, target):
    """Run one."""
    host, port = server.rsplit(":", 1)
    with open(source, encoding="ascii") as lines, open(target, "w", encoding="ascii") as out:
        ARMS[arm](host, int(port), map(str.strip, lines), out.write)


if __name__ == "__main__":
    main(*sys.argv[1:])
