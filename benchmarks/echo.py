"""TCP and TLS echo, side by side: ``python -m benchmarks.echo [--seconds S] [--rounds N] [--only plain|tls]``.

One server process for each library and transport, one client here: event-driven, on C-level sockets and epoll, the
same for all. Each connection sends 100 bytes and waits for them to come back. Rounds are interleaved; a cell is the
best round. Where two CPUs are there, the client and the server have one each, so that requests/s is what the server
can do; the CPU time that the server spent for one request is printed too.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import select
import socket
import ssl
import subprocess
import sys
import time

LIBRARIES = ("celadon", "gevent", "eventlet", "asyncio", "uvloop")
CONNECTIONS = (1, 50, 500)
MESSAGE = b"x" * 100
KEYS = pathlib.Path(__file__).parent.parent / "fixtures" / "tls"


# -- the servers ---------------------------------------------------------------------------------------------


def tls_context():
    """The server's side."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(KEYS / "server.pem", KEYS / "server.key")
    return context


def listen(make):
    """A listener of the library's own class; its port goes to stdout."""
    listener = make()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(listener.getsockname()[1], flush=True)
    return listener


def handle(connection):
    """One connection, written as one would write it for threads."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while data := connection.recv(4096):
            connection.sendall(data)
    except OSError:
        pass
    finally:
        connection.close()


def accept_for_ever(listener, spawn, context):
    """Spawn a handler for each connection."""
    while True:
        connection, _ = listener.accept()
        if context is None:
            spawn(handle, connection)
        else:
            spawn(lambda plain: handle(context.wrap_socket(plain, server_side=True)), connection)


def serve_celadon(tls):
    """Our own classes, without a patch."""
    from celadon.green.socket import socket as green_socket
    from celadon.green.ssl import SSLSocket
    from celadon.hub import spawn

    context = tls_context() if tls else None
    if context is not None:
        context.sslsocket_class = SSLSocket
    accept_for_ever(listen(green_socket), spawn, context)


def serve_gevent(tls):
    """Gevent's classes, without a patch."""
    from gevent import socket as green_socket
    from gevent import spawn
    from gevent.ssl import PROTOCOL_TLS_SERVER, SSLContext

    context = None
    if tls:
        context = SSLContext(PROTOCOL_TLS_SERVER)
        context.load_cert_chain(KEYS / "server.pem", KEYS / "server.key")
    accept_for_ever(listen(green_socket.socket), spawn, context)


def serve_eventlet(tls):
    """Eventlet's classes, without a patch."""
    import warnings

    warnings.simplefilter("ignore")
    from eventlet import spawn_n
    from eventlet.green import socket as green_socket
    from eventlet.green import ssl as green_ssl

    context = None
    if tls:
        context = green_ssl.GreenSSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(KEYS / "server.pem", KEYS / "server.key")
    accept_for_ever(listen(green_socket.socket), spawn_n, context)


def serve_asyncio(tls):
    """Asyncio's streams."""
    import asyncio

    async def echo(reader, writer):
        try:
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def main():
        server = await asyncio.start_server(echo, sock=listen(socket.socket), ssl=tls_context() if tls else None)
        await server.serve_forever()

    asyncio.run(main())


def serve_uvloop(tls):
    """Asyncio's streams on uvloop."""
    import uvloop

    uvloop.install()
    serve_asyncio(tls)


# -- the client ----------------------------------------------------------------------------------------------


def connect(port, tls):
    """(fd, send, receive) of one connection."""
    one = socket.create_connection(("127.0.0.1", port), timeout=20)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not tls:
        one.setblocking(False)
        return one, one.send, lambda: one.recv(4096)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(KEYS / "ca.pem")
    one = context.wrap_socket(one, server_hostname="localhost")
    one.setblocking(False)
    inner = one._sslobj  # straight to OpenSSL: the client shall not be what is measured
    return one, inner.write, lambda: inner.read(4096)


def drive(port, tls, connections, seconds):
    """Requests answered in ``seconds`` (after a warm-up), over this many connections."""
    poller = select.epoll()
    table = {}
    for _ in range(connections):
        one, send, receive = connect(port, tls)
        table[one.fileno()] = [one, send, receive, 0]
        poller.register(one.fileno(), select.EPOLLIN)
    size, wants = len(MESSAGE), (BlockingIOError, ssl.SSLWantReadError)
    try:
        for entry in table.values():
            entry[1](MESSAGE)
        answered = 0
        begin = time.perf_counter()
        measuring = False
        start = begin
        while True:
            for fd, _ in poller.poll(5) or sys.exit("the server is silent"):
                entry = table[fd]
                try:
                    got = len(entry[2]())
                except wants:
                    continue  # a session ticket
                if not got:
                    sys.exit("the server closed a connection")
                got += entry[3]
                if got >= size:
                    answered += 1
                    entry[1](MESSAGE)
                    got = 0
                entry[3] = got
            now = time.perf_counter()
            if not measuring and now - begin > seconds / 4:
                measuring, answered, start = True, 0, now
            elif measuring and now - start > seconds:
                return answered / (now - start)
    finally:
        poller.close()
        for one, *_ in table.values():
            one.close()


# -- side by side --------------------------------------------------------------------------------------------


def cpu_seconds(pid):
    """User and system time of a process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(library, tls, seconds):
    """{connections: (requests/s, CPU microseconds of the server for one)} of one fresh server."""
    cpus = sorted(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "benchmarks.echo", "--serve", library, *(["--tls"] if tls else [])]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    found = {}
    try:
        port = int(server.stdout.readline() or sys.exit(f"{library} did not start"))
        if len(cpus) > 1:
            os.sched_setaffinity(server.pid, cpus[1:2])
            os.sched_setaffinity(0, cpus[:1])
        for connections in CONNECTIONS:
            cpu, begin = cpu_seconds(server.pid), time.perf_counter()
            rate = drive(port, tls, connections, seconds)
            # The warm-up is counted in as well, at the same rate.
            spent, lasted = cpu_seconds(server.pid) - cpu, time.perf_counter() - begin
            found[connections] = rate, spent / (rate * lasted) * 1e6
    finally:
        os.sched_setaffinity(0, cpus)
        server.kill()
        server.wait()
        server.stdout.close()
    return found


def main(argv=None):
    """Measure, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.echo")
    parser.add_argument("libraries", nargs="*", default=LIBRARIES)
    parser.add_argument("--seconds", type=float, default=1.0, help="for one cell of one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["plain", "tls"])
    parser.add_argument("--serve", choices=LIBRARIES, help=argparse.SUPPRESS)
    parser.add_argument("--tls", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.serve:
        return globals()[f"serve_{options.serve}"](options.tls)
    best = {}
    for _ in range(options.rounds):
        for transport in ("plain", "tls") if options.only is None else (options.only,):
            for library in options.libraries:
                for connections, cell in measure(library, transport == "tls", options.seconds).items():
                    key = transport, connections, library
                    rate, cpu = best.get(key, (0, float("inf")))
                    best[key] = max(rate, cell[0]), min(cpu, cell[1])
    show(best, options.libraries)
    result = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.platform(),
        "openssl": ssl.OPENSSL_VERSION,
        "versions": {
            one: importlib.metadata.version(one) for one in (*options.libraries, "greenlet") if one != "asyncio"
        },
        "cells": [
            {"transport": key[0], "connections": key[1], "library": key[2], "requests/s": cell[0], "cpu us": cell[1]}
            for key, cell in best.items()
        ],
    }
    folder = pathlib.Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "echo.json").write_text(json.dumps(result, indent=1) + "\n")
    return 0


def show(best, libraries):
    """Requests/s, then CPU for one request, then celadon's requests/s over each peer's."""
    print(f"{'echo of 100 bytes':>18} {'':9} " + " ".join(f"{one:>9}" for one in libraries))
    for transport, connections in dict.fromkeys(key[:2] for key in best):
        cells = [best[transport, connections, one] for one in libraries]
        label = f"{transport}, {connections}"
        print(f"{label:>18} {'req/s':9} " + " ".join(f"{rate:9.0f}" for rate, _ in cells))
        print(f"{'':18} {'CPU us':9} " + " ".join(f"{cpu:9.1f}" for _, cpu in cells))
        if "celadon" in libraries:
            mine = best[transport, connections, "celadon"][0]
            print(f"{'':18} {'ratio':9} " + " ".join(f"{mine / rate:9.2f}" for rate, _ in cells))


if __name__ == "__main__":
    sys.exit(main())
