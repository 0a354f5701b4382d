"""``celadon.resolver.aio.aiodns``: aiodns' names, results and errors. Its own tests: ``make test-aiodns``."""

import asyncio
import gc
import socket
import warnings

import pycares
import pytest

from celadon.resolver.aio import aiodns, loop_runtime
from celadon.resolver.aio.aiodns import compat, error
from celadon.resolver.testing import Drop, Formerr, NameServer, Rcode, Refused, Servfail

RECORDS = [
    ("one.test", "A", "192.0.2.1"),
    ("both.test", "A", "192.0.2.2"),
    ("both.test", "AAAA", "2001:db8::2"),
    ("alias.test", "CNAME", "both.test."),
    ("all.test", "MX", "10 mail.test."),
    ("all.test", "NS", "ns.test."),
    ("all.test", "TXT", '"one " "t\\228xt"'),
    ("all.test", "SOA", "ns.test. root.test. 1 2 3 4 5"),
    ("all.test", "SRV", "1 2 3 to.test."),
    ("all.test", "NAPTR", '10 20 "S" "SIP+D2T" "" _sip.test.'),
    ("all.test", "CAA", '0 issue "ca.test"'),
    ("2.2.0.192.in-addr.arpa", "PTR", "both.test."),
    ("refused.test", "A", "192.0.2.3"),
    ("servfail.test", "A", "192.0.2.3"),
    ("formerr.test", "A", "192.0.2.3"),
    ("notimp.test", "A", "192.0.2.3"),
]
SCRIPTS = {
    "silent.test": Drop(),
    "refused.test": Refused(),
    "servfail.test": Servfail(),
    "formerr.test": Formerr(),
    "notimp.test": Rcode(4),
}


@pytest.fixture(params=("python", "ares"))
def engine(request):
    return request.param


def play(main, server, engine="python", **options):
    """``main(resolver)`` on a loop of its own, which has nothing left afterwards."""

    async def around():
        async with aiodns.DNSResolver([server.address], engine=engine, **options) as made:
            result = await main(made)
        loop = asyncio.get_running_loop()
        assert not made._under_way
        assert not loop._selector.get_map().keys() - {loop._ssock.fileno()}
        assert not [one for one in loop._scheduled if not one.cancelled()]
        return result

    return asyncio.run(around())


async def status_of(future):
    with pytest.raises(error.DNSError) as caught:
        await future
    number, text = caught.value.args
    assert text == pycares.errno.strerror(number)
    return number


def test_query_dns(server, engine):
    async def main(made):
        found = await made.query_dns("one.test", "A")
        assert found == pycares.DNSResult(
            [pycares.DNSRecord("one.test", 1, 1, 300, pycares.ARecordData("192.0.2.1"))], [], []
        )
        found = await made.query_dns("alias.test", "A")
        assert [one.data for one in found.answer] == [
            pycares.CNAMERecordData("both.test"),
            pycares.ARecordData("192.0.2.2"),
        ]
        data = {}
        for name in ("MX", "NS", "TXT", "SOA", "SRV", "NAPTR", "CAA"):
            (one,) = (await made.query_dns("all.test", name)).answer
            data[name] = one.data
        assert data == {
            "MX": pycares.MXRecordData(10, "mail.test"),
            "NS": pycares.NSRecordData("ns.test"),
            "TXT": pycares.TXTRecordData(b"one t\xe4xt"),
            "SOA": pycares.SOARecordData("ns.test", "root.test", 1, 2, 3, 4, 5),
            "SRV": pycares.SRVRecordData(1, 2, 3, "to.test"),
            "NAPTR": pycares.NAPTRRecordData(10, 20, "S", "SIP+D2T", "", "_sip.test"),
            "CAA": pycares.CAARecordData(0, "issue", "ca.test"),
        }
        assert (await made.query_dns("2.2.0.192.in-addr.arpa", "PTR")).answer[0].data.dname == "both.test"

    play(main, server, engine)


def test_query_has_the_shapes_of_pycares_4(server):
    async def main(made):
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            assert await made.query("one.test", "A") == [compat.AresQueryAResult("192.0.2.1", 300)]
            assert await made.query("both.test", "AAAA") == [compat.AresQueryAAAAResult("2001:db8::2", 300)]
            assert await made.query("alias.test", "CNAME") == compat.AresQueryCNAMEResult("both.test", 300)
            assert await made.query("alias.test", "A") == [compat.AresQueryAResult("192.0.2.2", 300)]
            assert await made.query("all.test", "SRV") == [compat.AresQuerySRVResult("to.test", 3, 1, 2, 300)]
            assert await made.query("all.test", "TXT") == [compat.AresQueryTXTResult(b"one t\xe4xt", 300)]
            found = await made.query("2.2.0.192.in-addr.arpa", "PTR")
            assert found == compat.AresQueryPTRResult("both.test", 300, [])
            assert await status_of(made.query("alias.test", "MX")) == error.ARES_ENODATA
        assert {(one.category, one.filename) for one in heard} == {(DeprecationWarning, __file__)}

    play(main, server)


def test_errors(server, engine):
    async def main(made):
        for name, status in (
            ("nobody.test", error.ARES_ENOTFOUND),
            ("refused.test", error.ARES_EREFUSED),
            ("servfail.test", error.ARES_ESERVFAIL),
            ("notimp.test", error.ARES_ENOTIMP),
            ("silent.test", error.ARES_ETIMEOUT),
            ("a name.test", error.ARES_EBADNAME),
            ("a" * 64 + ".test", error.ARES_EBADNAME),
            ("a..test", error.ARES_EBADNAME),
        ):
            future = made.query_dns(name, "A")
            assert isinstance(future, asyncio.Future)
            assert await status_of(future) == status, name
        assert await status_of(made.query_dns("one.test", "AAAA")) == error.ARES_ENODATA
        assert await status_of(made.getaddrinfo("nobody.test")) == error.ARES_ENOTFOUND
        assert await status_of(made.getaddrinfo("one.test", socket.AF_INET6)) == error.ARES_ENODATA
        assert await status_of(made.getaddrinfo("one.test", -1)) == error.ARES_EBADFAMILY
        assert await status_of(made.gethostbyaddr("192.0.2.77")) == error.ARES_ENOTFOUND

    play(main, server, engine, timeout=0.2, tries=1)


def test_what_is_an_error_at_once(server):
    async def main(made):
        for call, text in (
            (lambda: made.query_dns("one.test", "XXX"), "invalid query type: XXX"),
            (lambda: made.query_dns("one.test", "A", "XX"), "invalid query class: XX"),
            (lambda: made.gethostbyaddr("one.test"), "invalid IP address"),
            (lambda: made.getnameinfo(("one.test", 80)), "Invalid IPv4 address 'one.test'"),
            (lambda: made.getnameinfo(("::1",)), "Invalid address argument"),
        ):
            with pytest.raises(ValueError, match=text):
                call()

    play(main, server)
    loop = asyncio.new_event_loop()
    with pytest.raises(ValueError, match="local_ip"):
        aiodns.DNSResolver(loop=loop, local_ip="127.0.0.1")
    loop.close()


def test_getaddrinfo(server, engine):
    async def main(made):
        found = await made.getaddrinfo("both.test", port=80, type=socket.SOCK_STREAM)
        assert {(one.family, one.socktype, one.addr[:2]) for one in found.nodes} == {
            (socket.AF_INET, socket.SOCK_STREAM, (b"192.0.2.2", 80)),
            (socket.AF_INET6, socket.SOCK_STREAM, (b"2001:db8::2", 80)),
        }
        assert found.cnames == []
        assert (await made.getaddrinfo("alias.test", socket.AF_INET)).cnames == []
        found = await made.getaddrinfo("alias.test", socket.AF_INET, flags=1)  # ARES_AI_CANONNAME
        assert [(one.alias, one.name) for one in found.cnames] == [("alias.test", "both.test")]
        assert [one.addr for one in found.nodes] == [(b"192.0.2.2", 0)]
        assert (await made.getaddrinfo("127.0.0.1", port=1)).nodes[0].addr == (b"127.0.0.1", 1)
        with pytest.deprecated_call():
            assert await made.gethostbyname("alias.test", socket.AF_INET) == compat.AresHostResult(
                "both.test", [], ["192.0.2.2"]
            )

    play(main, server, engine)


def test_names_of_addresses(server):
    async def main(made):
        assert await made.getnameinfo(("192.0.2.2", 80)) == pycares.NameInfoResult("both.test", None)
        assert await made.getnameinfo(("192.0.2.2", 80), 0x300) == pycares.NameInfoResult("both.test", "http")
        assert await made.getnameinfo(("::1", 80, 0, 0), 0x30A) == pycares.NameInfoResult("::1", "80")
        assert await made.gethostbyaddr("192.0.2.2") == pycares.HostResult("both.test", [], ["192.0.2.2"])

    play(main, server)


def test_cancel(server, engine):
    async def main(made):
        futures = [
            made.query_dns("silent.test", "A"),
            made.getaddrinfo("silent.test"),
            made.query_dns("silent.test", "TXT"),
        ]
        await asyncio.sleep(0.02)
        made.cancel()
        assert {await status_of(one) for one in futures} == {error.ARES_ECANCELLED}
        mine, other = made.query_dns("silent.test", "A"), made.query_dns("silent.test", "A")
        await asyncio.sleep(0.01)
        mine.cancel()
        with pytest.raises(asyncio.CancelledError):
            await mine
        await asyncio.sleep(0)
        assert list(made._under_way) == [other]
        found = await made.query_dns("one.test", "A")
        assert found.answer
        return other

    other = play(main, server, engine)
    assert other.exception().args[0] == error.ARES_ECANCELLED  # by close


def test_begun_before_the_loop_runs(server):
    loop = asyncio.new_event_loop()
    made = aiodns.DNSResolver([server.address], loop)
    future = made.query_dns("one.test", "A")
    assert loop.run_until_complete(future).answer
    loop.run_until_complete(made.close())
    loop.run_until_complete(made.close())
    with pytest.raises(RuntimeError, match="no new queries"):
        made.query_dns("one.test", "A")
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert loop not in loop_runtime._runtimes


def test_nameservers(server):
    async def main(made):
        assert made.nameservers == ["127.0.0.1"]
        with NameServer() as other:
            other.add("one.test", "A", "192.0.2.99")
            made.nameservers = [other.address.encode()]
            assert (await made.query_dns("one.test", "A")).answer[0].data.addr == "192.0.2.99"
        made.nameservers = ["192.0.2.53", "[2001:db8::53]"]
        assert made.nameservers == ["192.0.2.53", "2001:db8::53"]

    play(main, server)


def test_the_port_of_a_server(server):
    async def main():
        async with aiodns.DNSResolver(["127.0.0.1"], udp_port=server.port, tcp_port=server.port) as made:
            return await made.query_dns("one.test", "A")

    assert asyncio.run(main()).answer


def test_dropped_without_a_close(server):
    async def main():
        made = aiodns.DNSResolver([server.address])
        await made.query_dns("one.test", "A")
        place = loop_runtime.current()
        assert place.vars
        del made
        gc.collect()
        assert not place.vars

    asyncio.run(main())
