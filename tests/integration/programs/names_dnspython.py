"""dnspython, over UDP and TCP, beside the engines that use it themselves."""

import dns.exception
import dns.message
import dns.query
import dns.resolver

from . import MANY, arguments, at_once, raised

given = arguments()
port = int(given["dns"])
resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers, resolver.port, resolver.lifetime = ["127.0.0.1"], port, 10


def over_udp(n):
    return [one.address for one in resolver.resolve(f"late{n}.test", "A")]


assert at_once(over_udp) == [[f"127.0.2.{n}"] for n in range(MANY)]


def over_tcp(n):
    answer = dns.query.tcp(dns.message.make_query(f"late{n}.test", "A"), "127.0.0.1", 10, port)
    return answer.answer[0][0].address


assert at_once(over_tcp) == [f"127.0.2.{n}" for n in range(MANY)]

for name, expected in {"nowhere.test": dns.resolver.NXDOMAIN, "never.test": dns.resolver.LifetimeTimeout}.items():
    raised(expected, resolver.resolve, name, "A", lifetime=0.3)
assert resolver.resolve("big.test", "TXT", lifetime=10).rrset is not None
