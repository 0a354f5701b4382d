"""One peer's way through a file of names, in a process of its own: ``python -m benchmarks.bulkwork ARM SERVER IN OUT``.

Each writes one JSON line for each name as a program of its kind would: so many in flight, answers as they come.
"""

import json
import sys

CONCURRENCY = 1000


def line(name, addresses):
    """What every peer writes."""
    return json.dumps({"name": name, "type": "A", "data": {"answers": [{"data": one} for one in addresses]}}) + "\n"


def aiodns(host, port, names, write):
    """Workers over one resolver; with uvloop it is called ``aiodns-uvloop``."""
    import asyncio

    from aiodns import DNSResolver

    async def work():
        resolver = DNSResolver(nameservers=[host], udp_port=port, tcp_port=port, timeout=2, tries=4)

        async def worker():
            for name in names:
                found = await resolver.query_dns(name, "A")
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

    async def work():
        resolver = Resolver(configure=False)
        resolver.nameservers = [host]
        resolver.port = port
        resolver.lifetime = 20

        async def worker():
            for name in names:
                found = await resolver.resolve(name, "A", search=False)
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
        found = resolver.getaddrinfo(name, None, 2, 1)
        write(line(name, [one[4][0] for one in found]))

    pool = Pool(CONCURRENCY)
    for name in names:
        pool.spawn(look, name)
    pool.join()


ARMS = {"aiodns": aiodns, "aiodns-uvloop": aiodns_uvloop, "dnspython": dnspython, "gevent-ares": gevent}


def main(arm, server, source, target):
    """Run one."""
    host, port = server.rsplit(":", 1)
    with open(source, encoding="ascii") as lines, open(target, "w", encoding="ascii") as out:
        ARMS[arm](host, int(port), map(str.strip, lines), out.write)


if __name__ == "__main__":
    main(*sys.argv[1:])
