"""What eventlet's guide for its asyncio hub shows: coroutines and green threads that wait for each other."""

from .test_as_eventlet import run

PROGRAM = """
    import eventlet
    eventlet.monkey_patch()
    import asyncio
    import socket
    import time
    from eventlet.asyncio import spawn_for_awaitable

    async def double(x):
        await asyncio.sleep(0.001)
        return 2 * x

    def add(n):
        eventlet.sleep(0.001)
        return n + 1

    assert spawn_for_awaitable(double(21)).wait() == 42

    async def both():
        first, second = eventlet.spawn(add, 1), eventlet.spawn(add, 5)
        return await first, await second, await asyncio.gather(double(1), double(2))

    assert spawn_for_awaitable(both()).wait() == (2, 6, [2, 4])

    async def nested():
        return await eventlet.spawn(lambda: spawn_for_awaitable(double(4)).wait())

    assert spawn_for_awaitable(nested()).wait() == 8

    async def fails():
        raise ZeroDivisionError

    def fails_too():
        raise KeyError

    async def catches():
        try:
            await eventlet.spawn(fails_too)
        except KeyError:
            return "caught"

    try:
        spawn_for_awaitable(fails()).wait()
    except ZeroDivisionError:
        print("raised", spawn_for_awaitable(catches()).wait())

    ended = []

    async def forever():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    dying = spawn_for_awaitable(forever())
    eventlet.sleep(0.01)
    dying.kill()
    try:
        dying.wait()
    except eventlet.greenlet.GreenletExit:
        print(ended)

    async def serve():
        async def handle(reader, writer):
            writer.write(await reader.read(100))
            writer.close()

        def talk(port):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"hello")
                return client.recv(10)

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        heard = await eventlet.spawn(talk, server.sockets[0].getsockname()[1])
        server.close()
        return heard

    assert spawn_for_awaitable(serve()).wait() == b"hello"

    async def threads():
        return await asyncio.to_thread(time.sleep, 0.001), await asyncio.wait_for(double(3), 1)

    assert spawn_for_awaitable(threads()).wait() == (None, 6)
    with eventlet.Timeout(0.01, False):
        spawn_for_awaitable(asyncio.sleep(100)).wait()
        print("not reached")
"""


def test_coroutines_and_green_threads():
    done = run(PROGRAM, "-m", "celadon", "--as", "eventlet", environment={"EVENTLET_HUB": "asyncio"})
    assert (done.returncode, done.stdout) == (0, "raised caught\n['cancelled']\n"), done.stderr
