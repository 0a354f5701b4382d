"""What gevent documents, by its names. Its own suite is run by tests/peers; here is what must hold in each run."""

import gc
import io
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time

import pytest

from celadon.green import restore
from celadon.hub import Greenlet, LoopExit, get_hub, getcurrent, sleep, spawn, wait
from celadon.hub.loop import other_threads
from celadon.resolver import Kind, ResolveError

gevent = pytest.importorskip("celadon.compat.gevent")
from celadon.compat.gevent import _config, backdoor, core, event, events, exceptions, monkey, pool, util  # noqa: E402
from celadon.compat.gevent import hub as ghub  # noqa: E402
from celadon.compat.gevent import local as glocal  # noqa: E402
from celadon.compat.gevent import os as gos  # noqa: E402
from celadon.compat.gevent import queue as gqueue  # noqa: E402
from celadon.compat.gevent import socket as gsocket  # noqa: E402
from celadon.compat.gevent import ssl as gssl  # noqa: E402
from celadon.compat.gevent import subprocess as gsubprocess  # noqa: E402


def test_the_hub_is_the_greenlet_of_the_loop(hub):
    assert hub is get_hub().greenlet
    assert isinstance(hub, ghub.Hub)
    assert gevent.spawn(lambda: getcurrent().parent).get() is hub
    assert hub.main_hub
    assert hub.loop.default
    assert "Hub" in repr(hub)


def test_errors_go_through_handle_error(hub, capsys):
    """A program may replace it on the hub; what is a SYSTEM_ERROR is raised in the main greenlet."""
    seen = []
    hub.handle_error = lambda *args: seen.append(args[1])
    gevent.spawn(lambda: 1 / 0).join()
    del hub.handle_error
    assert seen == [ZeroDivisionError]
    gevent.spawn(lambda: 1 / 0).join()
    assert "failed with ZeroDivisionError" in capsys.readouterr().err
    hub.exception_stream = None
    with pytest.raises(SystemError):
        gevent.spawn(lambda: (_ for _ in ()).throw(SystemError())).join() or sleep(1)
    assert capsys.readouterr().err == ""


def test_waiter(hub):
    waiter = ghub.Waiter()
    hub.loop.run_callback(waiter.switch, "value")
    assert waiter.get() == "value"
    hub.loop.timer(0.001).start(waiter.throw, ValueError("thrown"))
    with pytest.raises(ValueError, match="thrown"):
        waiter.get()
    waiter.clear()
    waiter.switch("before")
    assert waiter.get() == "before"
    victim = spawn(ghub.Waiter(hub).get)
    sleep(0)
    victim.kill()
    assert not get_hub().parked


def test_hub_wait_and_cancel_wait(hub):
    left, right = socket.socketpair()
    with left, right, hub.loop.io(left.fileno(), core.READ) as watcher:
        waiting = spawn(hub.wait, watcher)
        sleep(0)
        right.send(b"x")
        assert waiting.get(timeout=1) is None
        left.recv(1)
        waiting = spawn(hub.wait, watcher)
        sleep(0)
        hub.cancel_wait(watcher, OSError(9, "closed"))
        waiting.join(timeout=1)
        assert waiting.exception.errno == 9
        with pytest.raises(ValueError, match="illegal event mask"):
            hub.loop.io(left.fileno(), 8)


def test_timers(hub, monkeypatch):
    monkeypatch.setattr(other_threads, "_count_others", lambda: 0)
    log = []
    with hub.loop.timer(0.001, repeat=0.001) as timer:
        timer.start(lambda: (log.append(1), len(log) == 3 and timer.stop()))
        assert timer.active
        assert gevent.wait() is True
    assert log == [1, 1, 1]
    loose = hub.loop.timer(50, ref=False)
    loose.start(log.append, 2)
    assert gevent.wait() is True
    loose.ref = True
    assert gevent.wait(timeout=0.001) is False
    loose.close()
    assert not loose.active
    with pytest.raises(TypeError):
        loose.start(None)


def test_other_watchers(hub, tmp_path):
    log = []
    sent = hub.loop.async_()
    sent.start(log.append, "async")
    hub.threadpool.apply(sent.send)
    sleep(0)
    assert log == ["async"]
    sent.close()
    idle = hub.loop.idle()
    idle.start(lambda: (log.append("idle"), idle.stop()))
    sleep(0.001)
    assert log[-1] == "idle"
    file = tmp_path / "file"
    stat = hub.loop.stat(str(file), 0.001)
    stat.start(lambda: log.append("stat"))
    file.write_text("x")
    gevent.sleep(0.02)
    stat.close()
    assert log[-1] == "stat"
    child = hub.loop.child(pid := os.posix_spawn(sys.executable, [sys.executable, "-c", "exit(3)"], os.environ))
    child.start(lambda: log.append("child"))
    assert gevent.wait() is True
    assert (child.rpid, os.waitstatus_to_exitcode(child.rstatus)) == (pid, 3)
    call = hub.loop.run_callback(log.append, "never")
    call.stop()
    sleep(0)
    assert log[-1] == "child"
    assert get_hub().holds == 0


def test_signals(hub):
    log = []
    before = signal.getsignal(signal.SIGUSR1)
    handler = gevent.signal_handler(signal.SIGUSR1, log.append, "handler")
    os.kill(os.getpid(), signal.SIGUSR1)
    gevent.sleep(0.01)
    handler.cancel()
    watcher = hub.loop.signal(signal.SIGUSR1)
    watcher.start(log.append, "watcher")
    os.kill(os.getpid(), signal.SIGUSR1)
    gevent.sleep(0.01)
    watcher.close()
    assert log == ["handler", "watcher"]
    assert signal.getsignal(signal.SIGUSR1) is before

    def fail():
        raise ValueError("of the handler")

    handler = gevent.signal_handler(signal.SIGUSR1, fail)
    os.kill(os.getpid(), signal.SIGUSR1)
    with pytest.raises(ValueError, match="of the handler"):
        gevent.sleep(1)
    handler.cancel()


def test_loop_exit_is_gevents(monkeypatch):
    monkeypatch.setattr(other_threads, "_count_others", lambda: 0)
    with pytest.raises(exceptions.LoopExit):
        gqueue.Queue().get()
    assert exceptions.LoopExit is LoopExit


def test_os(hub):
    read, write = os.pipe()
    assert gos.make_nonblocking(read) is True
    assert gos.make_nonblocking(read) is None
    gos.make_nonblocking(write)
    reading = spawn(gos.nb_read, read, 10)
    sleep(0)
    assert gos.nb_write(write, b"through") == 7
    assert reading.get(timeout=1) == b"through"
    assert gos.tp_write(write, b"threads") == 7
    assert gos.tp_read(read, 10) == b"threads"
    os.close(read)
    os.close(write)
    ended = []
    pid = gos.fork_and_watch(lambda watcher: ended.append(watcher.rpid))
    if not pid:
        os._exit(5)
    assert gos.waitpid(pid, 0) == (pid, 5 << 8)
    sleep(0)
    assert ended == [pid]


def test_modules_of_the_standard_librarys_shape(hub):
    """They are green with nothing patched, and have all names of the standard library's."""
    left, right = gsocket.socketpair()
    reading = spawn(left.recv, 1)
    sleep(0)
    right.send(b"x")
    assert reading.get(timeout=1) == b"x"
    with pytest.raises(TimeoutError):
        gsocket.wait_read(left.fileno(), 0.001)
    with pytest.raises(ZeroDivisionError):
        gsocket.wait_read(left.fileno(), 0.001, ZeroDivisionError())
    gsocket.wait_write(left.fileno())
    gsocket.wait_readwrite(left.fileno())
    left.close()
    right.close()
    assert {*socket.__all__} <= {*gsocket.__all__}
    assert gssl.create_default_context().sslsocket_class is not gssl.SSLSocket.__mro__[1]
    ticks = []
    ticking = spawn(lambda: [(ticks.append(1), sleep(0.001)) for _ in range(5)])
    assert gsubprocess.run([sys.executable, "-c", "print(1)"], capture_output=True).stdout == b"1\n"
    assert len(ticks) == 5
    ticking.join()


def test_pools_and_queues():
    group = pool.Group()
    log = []
    assert group.map_async(len, ["a"], log.append).get() == [1]
    sleep(0)
    assert log == [[1]]
    one = pool.Pool(1)
    one.spawn(sleep, 0.01)
    with pytest.raises(pool.PoolFull):
        one.start(Greenlet(sleep), timeout=0.001)
    one.join()
    queue = gqueue.Queue(1)
    queue.put(1)
    queue.task_done()
    assert queue.join(timeout=1) is True


def test_config(monkeypatch):
    monkeypatch.setenv("GEVENT_MAX_BLOCKING_TIME", "0.5")
    monkeypatch.setenv("GEVENT_MONITOR_MEMORY_MAX", "2kb")
    one = _config.Config()
    assert (one.max_blocking_time, one.max_memory_usage, one.resolver_nameservers) == (0.5, 2048, None)
    assert one.is_set("max_memory_usage")
    assert not one.is_set("resolver")
    one.resolver = "no.such.module.Resolver,block"
    assert one.resolver.engine == "block"
    for wrong, error in (("no_such", AttributeError), ("max_blocking_time", ValueError)):
        with pytest.raises(error):
            setattr(one, wrong, -1)
    with pytest.raises(ImportError, match="no_such"):
        one.fileobject = "no_such"


def test_resolvers():
    for name in ("thread", "ares", "block", "dnspython"):
        made = _config.Config().settings["resolver"].convert(name)()
        assert made.gethostbyname("127.0.0.1") == "127.0.0.1"
        made.close()


def test_monkey(hub):
    """What is replaced can be asked for, and a subscriber hears of it and may forbid it."""
    assert not monkey.is_module_patched("socket")
    assert monkey.get_original("time", "sleep") is time.sleep
    heard = []

    def hear(event):
        heard.append(event)
        if getattr(event, "module_name", "") == "ssl":
            raise events.DoNotPatch

    real = socket.socket, time.sleep
    events.subscribers.append(hear)
    try:
        monkey.patch_all(thread=False, builtins=False, signal=False)
    finally:
        events.subscribers.remove(hear)
    assert monkey.is_object_patched("socket", "socket")
    assert [monkey.get_original("socket", ["socket"])[0], monkey.get_original("time", "sleep")] == [*real]
    assert "socket" in monkey.saved
    assert isinstance(heard[0], events.GeventWillPatchAllEvent)
    assert isinstance(heard[-1], events.GeventDidPatchAllEvent)
    assert {"time", "socket"} <= {one.module_name for one in heard if isinstance(one, events.GeventDidPatchModuleEvent)}
    with pytest.warns(monkey.MonkeyPatchWarning, match="more than once"):
        monkey.patch_all(thread=False, signal=False)
    restore()
    assert time.sleep is real[1]


def test_a_module_of_which_only_classes_are_patched_counts_as_patched(monkeypatch):
    monkeypatch.setattr(monkey._First, "arguments", None)
    heard = []
    hear = heard.append
    events.subscribers.append(hear)
    try:
        monkey.patch_all(builtins=False, signal=False)
        assert all(map(monkey.is_module_patched, ("ssl", "queue", "selectors", "subprocess", "threading", "socket")))
        assert monkey.is_object_patched("threading", "Event")
        assert monkey.is_object_patched("ssl", "SSLContext")
        assert monkey.saved["ssl"]["SSLContext"] is ssl.SSLContext
        assert not monkey.is_module_patched("logging")
    finally:
        events.subscribers.remove(hear)
        restore()
    assert not monkey.is_module_patched("ssl")
    for kind in (events.GeventWillPatchModuleEvent, events.GeventDidPatchModuleEvent):
        names = [one.module_name for one in heard if type(one) is kind]
        assert len(names) == len(set(names))
        assert {"ssl", "queue", "selectors", "subprocess", "thread", "threading", "socket"} <= set(names)


SUBSCRIBED = """
from collections import Counter
from celadon import compat
compat.install("gevent")
from gevent import events, monkey
heard = []
events.subscribers.append(lambda event: heard.append(type(event).__name__))
monkey.patch_all()
import ssl, queue, selectors, subprocess
print(sorted(Counter(heard).values()))
"""


def test_subscribers_of_a_program_that_has_imported_nothing_else():
    """The modules that events name were imported while ssl was half patched, which failed."""
    told = subprocess.run([sys.executable, "-c", SUBSCRIBED], capture_output=True, text=True, check=True, timeout=20)
    assert told.stdout == "[1, 1, 1, 11, 11]\n"


def test_a_module_is_left_whole_that_a_subscriber_forbids(monkeypatch):
    monkeypatch.setattr(monkey._First, "arguments", None)

    def forbid(event):
        if getattr(event, "module_name", "") == "queue":
            raise events.DoNotPatch

    events.subscribers.append(forbid)
    try:
        monkey.patch_all(builtins=False, signal=False, thread=False)
        assert not monkey.is_module_patched("queue")
        assert monkey.is_module_patched("ssl")
    finally:
        events.subscribers.remove(forbid)
        restore()


def test_a_queue_is_its_own_iterator():
    for kind in (gqueue.Queue, gqueue.SimpleQueue, gqueue.LifoQueue):
        one = kind()
        one.put(1)
        assert iter(one) is one
        assert next(one) == 1
        one.put(StopIteration)
        assert list(one) == []
        one.shutdown()
        with pytest.raises(StopIteration):
            next(one)
    channel = gqueue.Channel()
    putting = spawn(lambda: [channel.put(one) for one in (1, 2, StopIteration)])
    assert next(channel) == 1
    assert list(channel) == [2]
    putting.join()


def test_a_star_import_of_os_does_not_hide_open():
    assert not {"open", "environ"} & set(gos.__all__)
    assert {"fork", "nb_read", "tp_write", "waitpid"} <= set(gos.__all__)


def test_the_access_log_has_gevents_lines():
    pywsgi = pytest.importorskip("celadon.compat.gevent.pywsgi")

    def application(environ, start_response):
        start_response("200 OK", [])
        return [b"hello"]

    lines = io.StringIO()
    server = pywsgi.WSGIServer(("127.0.0.1", 0), application, log=lines)
    with server, gsocket.create_connection(server.address) as client:
        client.sendall(b"GET /here?a=1 HTTP/1.0\r\n\r\n")
        while client.recv(1000):
            pass
    assert re.fullmatch(
        r'127\.0\.0\.1 - - \[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] "GET /here\?a=1 HTTP/1\.0" 200 5 \d+\.\d{6}\n',
        lines.getvalue(),
    )


def test_util():
    assert isinstance(util.wrap_errors(ValueError, int)("x"), ValueError)
    with util.assert_switches():
        sleep(0)
    with pytest.raises(AssertionError, match="To any greenlet"), util.assert_switches():
        pass
    with pytest.raises(AssertionError, match="blocked"), util.assert_switches(max_blocking_time=0.001):
        time.sleep(0.005)
    assert "* Greenlets" in util.format_run_info()


def test_locals_of_a_greenlet():
    mine = glocal.local()
    mine.value = 1
    found = glocal.all_local_dicts_for_greenlet(getcurrent())
    assert {"value": 1} in [attributes for _, attributes in found]
    del mine, found
    gc.collect()


def test_backdoor(capsys):
    with backdoor.BackdoorServer(("127.0.0.1", 0), {"number": 7}, "hello") as server:
        client = gsocket.create_connection(server.address)
        reader = client.makefile()
        assert reader.readline() == "hello\n"
        client.sendall(b"print(number * 6)\nexit()\n")
        assert "42" in reader.read()
        client.close()
        for ends, goodbye in ((b"import sys; sys.exit(0)\n", ""), (b"", "now exiting InteractiveConsole...\n")):
            with gsocket.create_connection(server.address) as client:
                client.sendall(ends)
                client.shutdown(socket.SHUT_WR)
                said = client.makefile().read()
            assert said.rpartition(">>> ")[2].lstrip("\n") == goodbye
    assert wait() is True
    assert not capsys.readouterr().err, "exit() closes the stream: nothing is written to it after that"


def test_a_switch_to_the_hub_raises_what_is_pending(hub):
    """A kill that came while the greenlet was about to go on is for its next wait, and this is one."""
    woken = event.Event()

    def waits():
        woken.wait()
        hub.switch()

    waiting = gevent.spawn(waits)
    sleep(0)
    woken.set()
    gevent.kill(waiting, ValueError("planted"))
    waiting.join(1)
    assert str(waiting.exception) == "planted"
    waiting.kill()


def test_modules_have_all_names_of_the_standard_library_s():
    from celadon.compat.gevent import builtins, contextvars
    from celadon.compat.gevent import time as gtime

    assert gtime.monotonic is time.monotonic
    assert gtime.sleep is not time.sleep
    assert builtins.len is len
    assert contextvars.copy_context().run(contextvars.ContextVar("one", default=1).get) == 1


def test_a_failed_lookup_is_the_standard_library_s_error():
    """Programs compare its class and its arguments; the cause has the rest."""
    for look_up, asked in (
        (gsocket.getaddrinfo, ("1.2.3.400", 80)),
        (gsocket.gethostbyname, ("1.2.3.400",)),
        (gsocket.gethostbyname_ex, ("1.2.3.400",)),
        (gsocket.gethostbyaddr, ("1.2.3.400",)),
        (gsocket.getnameinfo, (("1.2.3.400", 80), 0)),
    ):
        with pytest.raises(socket.gaierror) as failed:
            look_up(*asked)
        assert type(failed.value) is socket.gaierror
        assert failed.value.args == (socket.EAI_NONAME, "Name or service not known")
    assert gsocket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)[0][4] == ("127.0.0.1", 80)
    reason = ResolveError(Kind.TIMEOUT, "planted.test")

    def fails(host):
        raise reason

    with pytest.raises(socket.gaierror) as failed:
        gsocket._plainly(fails)("planted.test")
    assert type(failed.value) is socket.gaierror
    assert failed.value.errno == socket.EAI_AGAIN
    assert failed.value.__cause__ is reason


def test_a_queue_is_called_queue():
    made = gqueue.Queue(maxsize=1)
    assert type(made).__name__ == "Queue"
    assert gqueue.JoinableQueue is gqueue.Queue
    assert gqueue.Queue[int] is not None
    made.put(1)
    made.get()
    made.task_done()
    made.join()


def test_a_stat_watcher_without_an_interval_does_not_spin(hub, tmp_path):
    looks = []
    watching = hub.loop.stat(str(tmp_path), -1)
    watching._now = lambda: looks.append(1)
    watching.start(lambda: None)
    sleep(0.02)
    watching.stop()
    assert watching.interval > 0
    assert len(looks) == 1


NAMED = """
from celadon import compat
compat.install("gevent")
import gevent
print(gevent.event.Event is gevent.event.Event, gevent.timeout.Timeout is gevent.Timeout, hasattr(gevent, "nosuch"))
pool = gevent.pool
import gevent.pool
print(gevent.pool is pool, pool.__name__)
"""


def test_modules_that_nobody_imported_are_there_by_their_names():
    """gevent itself has imported some by then: programs say ``gevent.event.Event`` after ``import gevent``."""
    told = subprocess.run([sys.executable, "-c", NAMED], capture_output=True, text=True, check=True, timeout=20)
    assert told.stdout == "True True False\nTrue gevent.pool\n"


OF_THE_CLASS = """
from celadon import compat
compat.install("gevent")
import threading
import gevent
from gevent.hub import Hub

seen = []


def fail(error):
    raise error


Hub.handle_error = lambda self, context, kind, value, trace: seen.append(kind.__name__)
gevent.spawn(fail, ValueError()).join()
gevent.spawn_raw(fail, KeyError())
gevent.sleep(0.001)
thread = threading.Thread(target=lambda: gevent.spawn(fail, TypeError()).join())
thread.start()
thread.join()
print(seen)
"""


def test_what_a_program_sets_on_the_class_of_hubs_counts():
    """Programs set handle_error, NOT_ERROR or print_exception there, and never ask for a hub."""
    told = subprocess.run([sys.executable, "-c", OF_THE_CLASS], capture_output=True, text=True, check=True, timeout=20)
    assert (told.stdout, told.stderr) == ("['ValueError', 'KeyError', 'TypeError']\n", "")
