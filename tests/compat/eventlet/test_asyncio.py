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


FUTURES = """
    import eventlet
    eventlet.monkey_patch()
    import asyncio
    from eventlet.asyncio import spawn_for_awaitable

    async def double(x):
        await asyncio.sleep(0.001)
        return 2 * x

    async def inside():
        loop = asyncio.get_running_loop()
        future, task = loop.create_future(), asyncio.create_task(double(3))
        loop.call_later(0.001, future.set_result, "set")
        return [await spawn_for_awaitable(one) for one in (future, task, task)]

    print(spawn_for_awaitable(inside()).wait())

    async def forever(ended):
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(0)
            ended.append("cancelled")

    async def kills(ended):
        task = asyncio.create_task(forever(ended))
        waits = spawn_for_awaitable(task)
        await asyncio.sleep(0.001)
        waits.kill()
        try:
            await task
        except asyncio.CancelledError:
            return ended

    print(spawn_for_awaitable(kills([])).wait())

    async def fails():
        raise KeyError("gone")

    async def judged():
        try:
            await spawn_for_awaitable(asyncio.create_task(fails()))
        except KeyError as error:
            return repr(error)

    print(spawn_for_awaitable(judged()).wait())
"""


def test_tasks_and_futures_of_a_coroutine():
    done = run(FUTURES, "-m", "celadon", "--as", "eventlet", environment={"EVENTLET_HUB": "asyncio"})
    assert (done.returncode, done.stdout) == (0, "['set', 6, 6]\n['cancelled']\nKeyError('gone')\n"), done.stderr


OF_A_LOOP = """
    import eventlet
    eventlet.monkey_patch()
    import asyncio
    from eventlet.asyncio import spawn_for_awaitable

    async def add(x):
        await asyncio.sleep(0.001)
        return x + 1

    ended = []

    async def forever():
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(0.001)
            ended.append("cancelled")

    loop = asyncio.new_event_loop()
    tasks = [loop.create_task(add(n)) for n in range(3)]
    print([one.wait() for one in map(spawn_for_awaitable, tasks)])
    print(loop.is_running(), spawn_for_awaitable(tasks[0]).wait())

    task = loop.create_task(forever())
    dying = spawn_for_awaitable(task)
    eventlet.sleep(0.001)
    dying.kill()
    while not task.done():
        eventlet.sleep(0.001)
    print(task.cancelled(), ended, loop.run_until_complete(add(4)))

    future = loop.create_future()
    waits = [spawn_for_awaitable(future) for _ in range(2)]
    eventlet.sleep(0.001)
    loop.call_soon_threadsafe(future.set_exception, KeyError("gone"))
    for one in waits:
        try:
            one.wait()
        except KeyError:
            print("raised")
    left = loop.create_future()
    loop.close()
    try:
        spawn_for_awaitable(left).wait()
    except RuntimeError as error:
        print("its loop is closed" in str(error))
"""


def test_tasks_and_futures_of_a_loop_that_nobody_runs():
    done = run(OF_A_LOOP, "-m", "celadon", "--as", "eventlet")
    lines = ["[1, 2, 3]", "False 1", "True ['cancelled'] 5", "raised", "raised", "True"]
    assert (done.returncode, done.stdout.splitlines()) == (0, lines), done.stderr
