"""The monitoring thread: a blocked hub, memory, a program's own functions."""

import io
import threading
import time
from types import SimpleNamespace

import pytest

from celadon.compat import gevent
from celadon.compat.gevent import _monitor, events
from celadon.hub.debug import running


@pytest.fixture
def heard():
    seen = []
    events.subscribers.append(seen.append)
    yield seen
    events.subscribers.remove(seen.append)


@pytest.fixture
def config(monkeypatch):
    """The settings, as they were before."""
    before = dict(vars(gevent.config)["_values"])
    yield gevent.config
    vars(gevent.config)["_values"].clear()
    vars(gevent.config)["_values"].update(before)


def block(until):
    begin = time.perf_counter()
    while not until() and time.perf_counter() - begin < 10:
        pass


def test_a_blocked_hub_is_reported_while_it_is_blocked(hub, config, heard, monkeypatch):
    monkeypatch.setattr(_monitor, "get_this_psutil_process", object)
    config.max_blocking_time = 0.02
    config.monitor_thread = True
    hub.exception_stream = said = io.StringIO()
    gevent.sleep(0)
    monitor = hub.periodic_monitoring_thread
    assert isinstance(heard[0], events.PeriodicMonitorThreadStartedEvent)
    assert heard[0].monitor is monitor
    called = threading.Event()
    monitor.add_monitoring_function(lambda of: called.set() if of is hub else None, 0.01)
    blocked = []
    events.subscribers.append(lambda one: blocked.append(one) if isinstance(one, events.EventLoopBlocked) else None)
    blocking = gevent.spawn(block, lambda: said.getvalue() and called.is_set())
    blocking.join()
    monitor.kill()
    events.subscribers.pop()
    assert blocked[0].greenlet is blocking
    assert blocked[0].hub is hub
    assert events.IEventLoopBlocked.providedBy(blocked[0])
    assert events.IPeriodicMonitorThread.providedBy(monitor)
    for part in ("appears to be blocked", "Reported by <PeriodicMonitoringThread", "in block\n"):
        assert part in said.getvalue()
    assert hub.start_periodic_monitoring_thread() is monitor


def test_it_is_not_started_unless_it_is_asked_for(hub, config):
    config.monitor_thread = False
    assert hub.start_periodic_monitoring_thread() is None


def test_when_a_look_is_a_report(hub, config, heard):
    """Nothing moved since the last look, and not told to ignore it."""
    config.print_blocking_reports = False
    monitor = _monitor.PeriodicMonitoringThread(hub)
    assert monitor.monitor_blocking(hub) is None
    assert monitor.monitor_blocking(hub)[0] is hub.hub.main
    monitor.ignore_current_greenlet_blocking()
    assert monitor.monitor_blocking(hub) is None
    monitor.monitor_current_greenlet_blocking()
    assert monitor.monitor_blocking(hub)
    gevent.sleep(0.001)
    assert monitor.monitor_blocking(hub) is None
    assert len(heard) == 2


def test_functions_and_their_periods(hub, config):
    monitor = _monitor.PeriodicMonitoringThread(hub)
    assert monitor.calculate_sleep_time() == config.max_blocking_time == 0.1
    monitor.add_monitoring_function(print, 0.01)
    monitor.add_monitoring_function(print, 0.001)
    assert [one.period for one in monitor.monitoring_functions()] == [0.1, 0.001]
    assert monitor.calculate_sleep_time() == monitor.min_sleep_time
    config.max_blocking_time = None
    monitor.add_monitoring_function(print, None)
    assert monitor.calculate_sleep_time() == monitor.inactive_sleep_time
    for wrong in ((None, 1), (print, 0), (print, -1)):
        with pytest.raises(ValueError, match="must be"):
            monitor.add_monitoring_function(*wrong)


def test_a_function_that_fails_ends_it_and_the_hub_hears_of_it(hub):
    seen = []
    hub.handle_error = lambda *args: seen.append(args)
    for error in (ZeroDivisionError, SystemExit):
        monitor = _monitor.PeriodicMonitoringThread(hub)

        def fail(of, error=error):
            raise error

        monitor.add_monitoring_function(fail, 1)
        monitor.look()
        gevent.sleep(0)
        assert not monitor.should_run
    assert [one[1] for one in seen] == [ZeroDivisionError]


def test_it_ends_with_its_hub():

    class Gone:
        hub = SimpleNamespace(closed=True)

    gone = Gone()
    monitor = _monitor.PeriodicMonitoringThread(gone)
    monitor.look()
    assert not monitor.should_run


def test_memory(hub, config, heard):
    monitor = _monitor.PeriodicMonitoringThread(hub)
    assert monitor.monitor_memory_usage(hub) == -1
    config.max_memory_usage = 10
    for used in (5, 20, 15, 30, 10):
        monitor._get_process = lambda used=used: SimpleNamespace(memory_full_info=lambda: SimpleNamespace(rss=used))
        monitor.monitor_memory_usage(hub)
    assert [type(one).__name__ for one in heard] == [
        "MemoryUsageThresholdExceeded", "MemoryUsageThresholdExceeded", "MemoryUsageUnderThreshold"
    ]  # fmt: skip
    assert heard[-1].max_memory_usage == 30
    monitor.install_monitor_memory_usage()
    assert monitor.monitoring_functions()[-1].period == 5
    monitor._get_process = lambda: None
    with pytest.warns(_monitor.MonitorWarning, match="psutil"):
        monitor.install_monitor_memory_usage()


def test_who_runs(hub):
    assert running(hub.hub) is hub.hub.main
    one = gevent.spawn(lambda: running(hub.hub))
    assert one.get() is one
    seen = []
    hub.hub.call_soon(lambda: seen.append(running(hub.hub)))
    gevent.spawn_raw(lambda: seen.append(running(hub.hub)))
    gevent.sleep(0)
    assert seen == [hub, None]
