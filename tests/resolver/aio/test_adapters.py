"""aiohttp, httpx and asyncio itself over an ``aio.Resolver``."""

import asyncio
import socket

import pytest

from celadon.resolver import aio
from celadon.resolver.adapters.asyncio import install
from celadon.resolver.testing import Drop

RECORDS = [("here.test", "A", "127.0.0.1")]
SCRIPTS = {"silent.test": Drop()}


async def answering():
    """A server that answers any request; its port."""

    async def serve(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        host = next(one for one in request.decode().split("\r\n") if one.lower().startswith("host:"))
        body = host.partition(": ")[2].encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    made = await asyncio.start_server(serve, "127.0.0.1", 0)
    return made, made.sockets[0].getsockname()[1]


def test_aiohttp(server):
    aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed")
    from celadon.resolver.adapters.aiohttp import Resolver, connector

    async def main():
        site, port = await answering()
        async with site, aio.Resolver("python", servers=server.servers, timeout=0.1, attempts=1) as made:
            for one in (connector(made), aiohttp.TCPConnector(resolver=Resolver(made))):
                async with aiohttp.ClientSession(connector=one) as session:
                    async with session.get(f"http://here.test:{port}/") as got:
                        assert await got.text() == f"here.test:{port}"
                    with pytest.raises(aiohttp.ClientConnectorDNSError):
                        await session.get(f"http://nobody.test:{port}/")
            assert made.stats().questions == 0

    asyncio.run(main())


def test_httpx(server):
    httpx = pytest.importorskip("httpx", reason="httpx is not installed")
    from celadon.resolver.adapters.httpx import async_transport

    async def main():
        site, port = await answering()
        async with site, aio.Resolver("python", servers=server.servers) as made:
            async with httpx.AsyncClient(transport=async_transport(made), timeout=0.2) as client:
                assert (await client.get(f"http://here.test:{port}/")).text == f"here.test:{port}"
                with pytest.raises(httpx.ConnectError):
                    await client.get(f"http://nobody.test:{port}/")
                with pytest.raises(httpx.ConnectTimeout):
                    await client.get(f"http://silent.test:{port}/")
            await asyncio.sleep(0)
            assert made.stats().questions == 0

    asyncio.run(main())


def test_the_loop_itself(server):
    async def main():
        site, port = await answering()
        loop = asyncio.get_running_loop()
        async with site, aio.Resolver("python", servers=server.servers) as made:
            undo = install(loop, made)
            assert await loop.getaddrinfo("here.test", port, type=socket.SOCK_STREAM)
            assert await loop.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST) == ("127.0.0.1", "http")
            reader, writer = await asyncio.open_connection("here.test", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await reader.read()
            writer.close()
            await writer.wait_closed()
            undo()

    asyncio.run(main())
