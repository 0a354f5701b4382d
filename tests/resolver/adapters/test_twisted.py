"""Twisted's own clients through the name resolver, in a process of its own, as a reactor runs once."""

import json
import subprocess
import sys

import pytest

from celadon.resolver.testing import Drop

pytest.importorskip("twisted", reason="Twisted is not installed")

PROGRAM = """
import json, sys, logging
from twisted.internet import defer, reactor, task
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IHostnameResolver, IResolverSimple, IResolutionReceiver
from twisted.web.client import Agent, readBody
from zope.interface import implementer
from zope.interface.verify import verifyObject
from celadon.resolver import CrawlerResolver, Guard
from celadon.resolver.adapters import ResolverThread
from celadon.resolver.adapters.twisted import Resolver

server, port, where = sys.argv[1], int(sys.argv[2]), sys.argv[3]
made = CrawlerResolver("python", servers=[server], timeout=1, guard=Guard(allow=["127.0.1.0/24"]), deadline=0.5)
resolver = Resolver(reactor, ResolverThread(made) if where == "thread" else made)
resolver.install()
verifyObject(IHostnameResolver, resolver)
verifyObject(IResolverSimple, resolver)

@implementer(IResolutionReceiver)
class Receiver:
    def __init__(self):
        self.found, self.done = [], defer.Deferred()
    def resolutionBegan(self, resolution):
        self.resolution = resolution
    def addressResolved(self, address):
        self.found.append([type(address).__name__, address.type, address.host, address.port])
    def resolutionComplete(self):
        self.done.callback(self.found)

def resolve(*args):
    receiver = Receiver()
    resolver.resolveHostName(receiver, *args)
    return receiver.done

async def tried(awaitable):
    try:
        return await awaitable
    except Exception as error:
        return type(error).__name__

async def main(reactor):
    out = {}
    out["both"] = await resolve("dual.test", 80)
    out["four"] = await resolve("dual.test", 80, [IPv4Address])
    out["six"] = await resolve("dual.test", 80, [IPv6Address])
    out["udp"] = await resolve("good.test", 53, None, "UDP")
    out["evil"] = await resolve("evil.test", 80)
    out["literal"] = await resolve("127.0.0.1", 80)
    out["nx"] = await resolve("nx.test", 80)
    receiver = Receiver()
    resolver.resolveHostName(receiver, "dead.test", 80)
    receiver.resolution.cancel()
    out["cancelled"] = await receiver.done
    out["simple"] = await tried(resolver.getHostByName("good.test"))
    out["simple evil"] = await tried(resolver.getHostByName("evil.test"))
    out["simple dead"] = await tried(resolver.getHostByName("dead.test"))
    given_up = resolver.getHostByName("dead.test")
    given_up.cancel()
    out["simple cancelled"] = await tried(given_up)
    out["reactor"] = await tried(reactor.resolve("good.test"))
    agent = Agent(reactor)
    page = await agent.request(b"GET", b"http://good.test:%d/close" % port)
    out["page"] = (await readBody(page)).decode()
    for host in ("evil.test", "127.0.0.1", "localhost"):
        out["page " + host] = await tried(agent.request(b"GET", b"http://%s:%d/" % (host.encode(), port)))
    if where == "reactor":
        calls = resolver.calls
        [row] = await calls.submit("good.test", 80)
        assert row[4] == ("127.0.1.1", 80)
        assert calls.submit("good.test", 80).called, "what is known is there at once"
        assert await tried(calls.submit("evil.test")) == "BlockedAddress"
        given_up = calls.submit("dead.test")
        given_up.cancel()
        assert await tried(given_up) == "CancelledError"
        resolve("dead.test", 80)  # is under way as the reactor stops
    print(json.dumps(out))

task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
"""


@pytest.mark.parametrize("where", ["reactor", "thread"])
def test_both_interfaces(names, site, where):
    names.add("dual.test", "A", "9.9.9.9")
    names.add("dual.test", "AAAA", "2606:4700::1")
    names.add("dead.test", "A", "127.0.1.1")
    names.script("dead.test", Drop())
    command = [
        sys.executable,
        "-W",
        "error",
        "-W",
        "ignore:Using readBody",
        "-c",
        PROGRAM,
        names.address,
        str(site.port),
        where,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout)
    four, six = ["IPv4Address", "TCP", "9.9.9.9", 80], ["IPv6Address", "TCP", "2606:4700::1", 80]
    assert sorted(out.pop("both")) == [four, six]
    assert out == {
        "four": [four],
        "six": [six],
        "udp": [["IPv4Address", "UDP", "127.0.1.1", 53]],
        "evil": [],
        "literal": [],
        "nx": [],
        "cancelled": [],
        "simple": "127.0.1.1",
        "simple evil": "DNSLookupError",
        "simple dead": "DNSLookupError",
        "simple cancelled": "CancelledError",
        "reactor": "127.0.1.1",
        "page": "good.test at 127.0.1.1",
        "page evil.test": "DNSLookupError",
        "page 127.0.0.1": "DNSLookupError",
        "page localhost": "DNSLookupError",
    }
    assert site.reached == ["127.0.1.1"]
