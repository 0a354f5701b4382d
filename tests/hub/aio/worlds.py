"""The same scenarios in every world that greenlets can live in; run as ``python worlds.py WORLD [SCENARIO ...]``.

A world runs a function in a greenlet: the hub alone, or joined to another loop. A scenario is such a function; it must
do the same in all of them, and leave no greenlet, timer or descriptor behind. Each prints ``NAME ok``.
"""

import os
import signal
import subprocess
import sys
import time
import traceback

from celadon.green import socket
from celadon.green.connections import create_connection
from celadon.hub import (
    Channel,
    Event,
    Greenlet,
    GreenletExit,
    Queue,
    TaskGroup,
    Timeout,
    fail_after,
    get_hub,
    idle,
    joinall,
    signal_handler,
    sleep,
    spawn,
    spawn_later,
    to_thread,
    wait,
    wait_pid,
    wait_readable,
)

# -- worlds ----------------------------------------------------------------------------------------------------


def alone(main):
    with spawn(main) as one:  # killed if Ctrl-C comes, as the other loops do it
        return one.get()


def asyncio(main):
    import asyncio

    from celadon.hub.aio import run_green

    return asyncio.run(run_green(main))


def uvloop(main):
    import uvloop

    from celadon.hub.aio import run_green

    return uvloop.run(run_green(main))


def trio(main):
    import trio

    from celadon.hub.aio.trio import run_green

    return trio.run(run_green, main)


def trio_guest(main):
    """trio as a guest of asyncio's loop: the hub joins trio's run, not the host's."""
    import asyncio

    import trio

    from celadon.hub.aio.trio import run_green

    async def host():
        loop, done = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
        trio.lowlevel.start_guest_run(
            run_green,
            main,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=done.set_result,
            restrict_keyboard_interrupt_to_checkpoints=True,
            host_uses_signal_set_wakeup_fd=True,
        )
        return (await done).unwrap()

    return asyncio.run(host())


def twisted_epoll(main):
    from twisted.internet import epollreactor

    epollreactor.install()
    return _twisted(main)


def twisted_asyncio(main):
    from twisted.internet import asyncioreactor

    asyncioreactor.install()
    return _twisted(main)


def _twisted(main):
    from twisted.internet import reactor

    from celadon.hub.aio.twisted import run_green

    found = []

    def stop(result):
        found.append(result)
        if reactor.running:
            reactor.stop()

    reactor.callWhenRunning(lambda: run_green(main).addBoth(stop))
    reactor.run()
    if not found:
        return None  # the reactor was stopped: by Ctrl-C
    return found[0].raiseException() if hasattr(found[0], "raiseException") else found[0]


WORLDS = {
    "hub": alone,
    "asyncio": asyncio,
    "uvloop": uvloop,
    "trio": trio,
    "trio-guest": trio_guest,
    "twisted-epoll": twisted_epoll,
    "twisted-asyncio": twisted_asyncio,
}


# -- scenarios -------------------------------------------------------------------------------------------------


def sockets():
    """Many connections to a server, each with its own greenlet; and one that closes while its peer waits."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def serve():
            for _ in range(20):
                conn, _ = server.accept()
                spawn(echo, conn)

        def echo(conn):
            with conn:
                while data := conn.recv(100):
                    conn.sendall(data)

        def ask(n):
            with create_connection(server.getsockname()) as one:
                for turn in range(5):
                    one.sendall(b"%d %d" % (n, turn))
                    assert one.recv(100) == b"%d %d" % (n, turn)

        joinall([spawn(serve), *(spawn(ask, n) for n in range(20))], raise_error=True)
    one, other = socket.socketpair()
    waiting = spawn(one.recv, 10)
    spawn_later(0.01, other.close)
    assert waiting.get(timeout=5) == b""
    one.close()


def timers():
    """Deadlines come in order, none too early, and a cancelled one never; a Timeout ends a wait."""
    order, began = [], time.monotonic()
    for n in (3, 1, 2):
        get_hub().call_later(n / 100, order.append, n)
    never = get_hub().call_later(0.02, order.append, "never")
    never.cancel()
    sleep(0.05)
    assert order == [1, 2, 3], order
    assert time.monotonic() - began >= 0.05
    try:
        with Timeout(0.01):
            Event().wait()
        raise AssertionError("no Timeout")
    except Timeout:
        pass
    try:
        with fail_after(0.01):
            sleep(10)
        raise AssertionError("no TimeoutError")
    except TimeoutError:
        pass


def primitives():
    """Queues, channels, events, groups: the longest wait ends first."""
    queue, channel, got = Queue(1), Channel(), []
    takers = [spawn(lambda n=n: got.append((n, queue.get()))) for n in range(3)]
    spawn(lambda: [queue.put(n) for n in "abc"])
    joinall(takers, timeout=5, raise_error=True)
    assert got == [(0, "a"), (1, "b"), (2, "c")], got
    spawn(channel.put, 1)
    assert channel.get(timeout=5) == 1
    with TaskGroup() as tasks:
        results = [tasks.spawn(lambda n=n: (sleep(0.001), n)[1]) for n in range(5)]
    assert [one.get() for one in results] == [0, 1, 2, 3, 4]


def kills():
    """A kill ends a wait at once and leaves nothing; an unstarted greenlet never begins."""
    for wait_for_ever in (lambda: sleep(100), Event().wait, Queue().get):
        one = spawn(wait_for_ever)
        sleep(0)
        one.kill()
        assert isinstance(one.value, GreenletExit)
    one = Greenlet(sleep, 100)
    one.start()
    one.kill()
    assert one.ready()


def busy():
    """Greenlets that never wait for long starve neither each other nor timers."""
    turns, stop = [0, 0], Event()

    def spin(n):
        while not stop.is_set():
            turns[n] += 1
            sleep(0)

    spinners = [spawn(spin, n) for n in range(2)]
    with Timeout(5):
        while turns[0] <= 3:
            sleep(0.005)
    stop.set()
    joinall(spinners, timeout=5, raise_error=True)
    assert abs(turns[0] - turns[1]) <= 2, turns


def nothing_left():
    """``idle`` and ``wait`` end."""
    done = []
    spawn_later(0.01, done.append, 1)
    idle()
    assert wait(timeout=5)
    assert done == [1]


def threads():
    """Calls in threads, and an event that another thread sets."""
    assert [to_thread(sum, [n, 1]) for n in range(3)] == [1, 2, 3]
    came = Event()
    to_thread(lambda: (time.sleep(0.01), came.set()))
    assert came.wait(5)
    late = Event()
    hub = get_hub()
    to_thread(hub.call_soon_threadsafe, late.set)
    assert late.wait(5)
    with Timeout(0.01, False):
        to_thread(time.sleep, 0.05)


def signals():
    """A handler runs in a greenlet while all wait; a Python handler as well."""
    came, seen = Event(), []
    handler = signal_handler(signal.SIGUSR1, came.set)
    spawn_later(0.01, os.kill, os.getpid(), signal.SIGUSR1)
    assert came.wait(5)
    handler.cancel()
    before = signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
    child = subprocess.Popen(["sh", "-c", f"sleep 0.05; kill -USR1 {os.getpid()}"])
    with Timeout(5):
        while not seen:
            sleep(0.01)
    signal.signal(signal.SIGUSR1, before)
    wait_pid(child.pid)
    child.returncode = 0


def children():
    """A child is waited for by one greenlet, its pipe read by another."""
    child = subprocess.Popen(["sh", "-c", "sleep 0.02; echo hello; exit 3"], stdout=subprocess.PIPE)

    def read():
        wait_readable(child.stdout.fileno())
        return os.read(child.stdout.fileno(), 100)

    reading = spawn(read)
    _, status = wait_pid(child.pid)
    assert os.waitstatus_to_exitcode(status) == 3
    assert reading.get(timeout=5) == b"hello\n"
    child.stdout.close()
    child.returncode = 3


def forks():
    """A child forked by a greenlet has an empty hub, and may wait in it; the parent goes on."""
    other = spawn(sleep, 0.05)
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        code = 1
        try:
            sleep(0.01)
            one = spawn(lambda: (sleep(0.01), "child")[1])
            os.write(write, one.get().encode())
            code = 0 if not other.ready() else 2
        finally:
            os._exit(code)
    wait_readable(read)
    assert os.read(read, 10) == b"child"
    _, status = wait_pid(pid)
    assert os.waitstatus_to_exitcode(status) == 0
    other.join()
    os.close(read)
    os.close(write)


def recycled():
    """A closed number that is used again wakes no waiter of the old one."""
    for _ in range(20):
        one, other = socket.socketpair()
        waiting = spawn(one.recv, 1)
        sleep(0)
        other.sendall(b"x")
        assert waiting.get(timeout=5) == b"x"
        one.close()
        other.close()


SCENARIOS = (
    sockets, timers, primitives, kills, busy, nothing_left, threads, signals, children, forks, recycled,
)  # fmt: skip


# -- what ends a program -----------------------------------------------------------------------------------------


def ctrl_c():
    """Ctrl-C in a greenlet's wait ends the program by KeyboardInterrupt; clean-up runs."""

    def patient():
        try:
            sleep(100)
        finally:
            print("cleaned up", flush=True)

    spawn_later(0.05, os.kill, os.getpid(), signal.SIGINT)
    patient()


def busy_ctrl_c():
    """Ctrl-C while a greenlet computes."""
    spawn(lambda: (sleep(0.05), os.kill(os.getpid(), signal.SIGINT)))
    end = time.monotonic() + 20
    while time.monotonic() < end:
        sleep(0)


def pending():
    """The main function returns while others wait on a timer, a thread and a descriptor: the program ends at once."""
    spawn(sleep, 100)
    spawn(wait_readable, os.pipe()[0])
    spawn(Event().wait)
    spawn(to_thread, time.sleep, 0.01)
    sleep(0.01)
    print("returned", flush=True)


def exits():
    """SystemExit in any greenlet ends the program with that code."""
    spawn(sys.exit, 7)
    sleep(100)


def fails():
    """A failure of the main function is raised where the loop was started."""
    sleep(0.01)
    raise ZeroDivisionError("of the program")


#: What runs, then the exit code, stdout, and what stderr says.
ENDS = {
    "ctrl_c": (ctrl_c, -signal.SIGINT, "cleaned up", "KeyboardInterrupt"),
    "busy_ctrl_c": (busy_ctrl_c, -signal.SIGINT, "", "KeyboardInterrupt"),
    "pending": (pending, 0, "returned", ""),
    "exits": (exits, 7, "", ""),
    "fails": (fails, 1, "", "ZeroDivisionError: of the program"),
}
#: Twisted's reactor stops at Ctrl-C, and the program goes on after ``reactor.run()``; its callbacks cannot end it by
#: SystemExit, nor can a system task of trio's: both report it.
_STOPPED, _REPORTED = (0, "", ""), None
OTHERWISE = {
    ("trio-guest", "ctrl_c"): (-signal.SIGINT, "", "KeyboardInterrupt"),  # it comes to trio's host
    **{(world, "exits"): _REPORTED for world in ("trio", "trio-guest", "twisted-epoll", "twisted-asyncio")},
    **{(world, end): _STOPPED for world in ("twisted-epoll", "twisted-asyncio") for end in ("ctrl_c", "busy_ctrl_c")},
}


def nothing_is_left():
    hub = get_hub()
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        # In a loop that the hub has joined, the hub's main greenlet is ready all the time.
        ready = any(one is not hub.main for one, *_ in hub.ready)
        if not (ready or set(hub.parked) - {hub.main} or len(hub.fds) > 1):
            break
        sleep(0.002)
    assert set(hub.parked) <= {hub.main}, hub.parked  # alone, the main greenlet waits for this one
    assert not len(hub.timers), hub.timers.heap
    assert len(hub.fds) == 1, hub.fds
    assert not hub.holds
    assert not hub.io_waiters


def play(names):
    failed = 0
    for scenario in SCENARIOS:
        if names and scenario.__name__ not in names:
            continue
        try:
            scenario()
            nothing_is_left()
            print(scenario.__name__, "ok", flush=True)
        except BaseException:
            failed = 1
            print(scenario.__name__, traceback.format_exc(), flush=True)
    return failed


def main(world, *names):
    run = WORLDS[world]
    if names and names[0] in ENDS:
        run(ENDS[names[0]][0])
        return 0
    return run(lambda: play(names))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
