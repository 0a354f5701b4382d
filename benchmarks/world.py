"""A name server and a web site on loopback for crawl benchmarks, each in a process of its own.

``h7.bench`` has one address in 127.64.0.0/10, computed from the name, so every page can be checked; it has no AAAA.
The name server drops a given share of the queries, by a generator with a fixed seed.
"""

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import zlib

NAME_SERVER = "127.0.0.253"
NODATA_SOA = b"\xc0\x0c\0\6\0\1\0\0\x0e\x10\0\x16\0\0\0\0\0\1\0\0\x0e\x10\0\0\x0e\x10\0\0\x0e\x10\0\0\x0e\x10"


# In a network of its own, and with an IPv4 address that is not the loopback's: a machine without IPv6.
ALONE = """
ip link set lo up
ip addr add 192.0.2.9/24 dev lo
echo "nameserver $NAME_SERVER" > "$RESOLV" && mount --bind "$RESOLV" /etc/resolv.conf
exec "$@"
"""


def alone():
    """Start this program again in network and mount namespaces of its own, whose resolv.conf names NAME_SERVER."""
    if os.environ.get("RESOLV"):
        return
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as resolv:
        flags = "-mn" if os.geteuid() == 0 else "-Urmn"
        command = ["unshare", flags, "sh", "-ec", ALONE, "sh", *sys.orig_argv]
        env = {**os.environ, "RESOLV": resolv.name, "NAME_SERVER": NAME_SERVER}
        sys.exit(subprocess.run(command, env=env, check=False).returncode)


def address_of(name):
    """The address of a host, as text."""
    digest = zlib.crc32(name.encode())
    return f"127.{64 + (digest >> 16 & 63)}.{digest >> 8 & 255}.{(digest & 255) or 1}"


def hosts(count):
    """The first ``count`` hosts."""
    return [f"h{n}.bench" for n in range(count)]


def reply(query):
    """The reply to a plain question, None for what is none."""
    end = 12
    labels = []
    while query[end]:
        labels.append(query[end + 1 : end + 1 + query[end]])
        end += query[end] + 1
    question = query[12 : end + 5]
    if query[end + 2] != 1:
        return query[:2] + b"\x85\x80\0\1\0\0\0\1\0\0" + question + NODATA_SOA
    data = socket.inet_aton(address_of(b".".join(labels).lower().decode("ascii")))
    return query[:2] + b"\x85\x80\0\1\0\1\0\0\0\0" + question + b"\xc0\x0c\0\1\0\1\0\0\x0e\x10\0\4" + data


def serve_names(host, port, loss):
    """Until SIGTERM."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        server.bind((host, port))
        print(f"{host}:{server.getsockname()[1]}", flush=True)
        chance = random.Random(7)
        asked = 0
        try:
            while True:
                query, peer = server.recvfrom(4096)
                asked += 1
                if chance.random() >= loss:
                    with contextlib.suppress(IndexError, UnicodeError):
                        server.sendto(reply(query), peer)
        except SystemExit:
            print(asked, flush=True)


class Page(asyncio.Protocol):
    """Answers one request with the host that was asked for and the address that was connected to, and closes."""

    def connection_made(self, transport):
        self.transport = transport
        self.data = b""

    def data_received(self, data):
        self.data += data
        if b"\r\n\r\n" in self.data:
            headers = self.data.lower().split(b"\r\n")
            host = next((one[5:].strip().partition(b":")[0] for one in headers if one.startswith(b"host:")), b"")
            body = b"%s at %s" % (host, self.transport.get_extra_info("sockname")[0].encode())
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
            self.transport.write(head % len(body) + body)
            self.transport.close()


async def serve_pages():
    """Until SIGTERM."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Page, "0.0.0.0", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


class Process:
    """One of the two, for as long as a ``with`` block lasts; ``said`` is the line that it printed when it was ready."""

    def __init__(self, *args):
        command = [sys.executable, "-m", "benchmarks.world", *map(str, args)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.said = self._process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self.last = self._process.communicate()[0].strip()


def _stop(*_):
    raise SystemExit(0)


def main(argv):
    """``names HOST PORT LOSS`` or ``pages``."""
    signal.signal(signal.SIGTERM, _stop)
    if argv[0] == "names":
        serve_names(argv[1], int(argv[2]), float(argv[3]))
    else:
        with contextlib.suppress(SystemExit):
            asyncio.run(serve_pages())


if __name__ == "__main__":
    main(sys.argv[1:])
