"""Events, queues, semaphores, pools of things and threads, by eventlet's names."""

import threading

import pytest

from celadon.compat.eventlet import coros, db_pool, pools, tpool
from celadon.compat.eventlet.event import NOT_USED, Event
from celadon.compat.eventlet.greenthread import sleep, spawn
from celadon.compat.eventlet.queue import Empty, Full, LifoQueue, LightQueue, PriorityQueue, Queue
from celadon.compat.eventlet.semaphore import BoundedSemaphore, CappedSemaphore, Semaphore
from celadon.compat.eventlet.timeout import Timeout


class TestEvent:
    def test_one_send_for_all(self):
        event = Event()
        waiting = [spawn(event.wait) for _ in range(3)]
        sleep(0)
        assert event.poll("not yet") == "not yet"
        event.send("sent")
        assert [one.wait() for one in waiting] == ["sent"] * 3
        assert event.wait() == event.poll() == "sent"
        assert event.has_result()
        assert not event.has_exception()
        with pytest.raises(AssertionError):
            event.send("again")

    def test_a_reset_takes_nothing_from_who_waited(self):
        event = Event()
        waiting = spawn(event.wait)
        sleep(0)
        event.send(1)
        event.reset()
        assert waiting.wait() == 1
        assert not event.ready()
        assert event._result is NOT_USED
        with pytest.raises(AssertionError):
            event.reset()

    def test_an_exception(self):
        event = Event()
        event.send_exception(ValueError, "text")
        for _ in range(2):
            with pytest.raises(ValueError, match="text"):
                event.wait()
        assert event.has_exception()

    def test_a_time_out_is_none(self):
        assert Event().wait(0.001) is None

    def test_metaphore(self):
        count = coros.metaphore()
        count.wait()
        count.inc(2)
        spawn(count.dec, 2)
        count.wait()


class TestQueues:
    def test_size_0_is_a_channel(self):
        queue, events = Queue(0), []

        def taker():
            events.append(queue.get())
            events.append(queue.get())

        spawn(taker)
        for word in ("hello", "world"):
            queue.put(word)
            events.append(f"put {word}")
        assert events == ["hello", "put hello", "world", "put world"]
        assert queue.unfinished_tasks == 2

    def test_a_channel_without_a_partner(self):
        queue = LightQueue(0)
        with pytest.raises(Full):
            queue.put(1, timeout=0.001)
        with pytest.raises(Full):
            queue.put_nowait(1)
        with pytest.raises(Empty):
            queue.get_nowait()
        putter = spawn(queue.put, 1)
        sleep(0)
        assert (queue.putting(), queue.getting()) == (1, 0)
        assert queue.get_nowait() == 1
        putter.wait()

    def test_no_size_is_without_bound(self):
        for size in (None, -1):
            queue = Queue(size)
            queue.put_nowait(1)
            assert not queue.full()

    def test_resize(self):
        queue = Queue(0)
        putter = spawn(queue.put, 1)
        sleep(0)
        queue.resize(1)
        putter.wait()
        queue.resize(0)
        assert queue.get_nowait() == 1
        with pytest.raises(Full):
            queue.put_nowait(2)
        queue.resize(None)
        queue.put_nowait(3)

    def test_kinds(self):
        stack, heap = LifoQueue(), PriorityQueue()
        for one in (2, 1, 3):
            stack.put(one)
            heap.put(one)
        assert [stack.get() for _ in range(3)] == [3, 1, 2]
        assert [heap.get() for _ in range(3)] == [1, 2, 3]
        heap.task_done(), heap.task_done(), heap.task_done()
        heap.join()


class TestSemaphores:
    def test_balance(self):
        one = Semaphore()
        with one:
            waiting = spawn(one.acquire)
            sleep(0)
            assert one.balance == -1
            assert not one.acquire(blocking=False)
        assert waiting.wait()
        assert one.release()
        with pytest.raises(ValueError, match="positive"):
            one.acquire(timeout=-2)
        with pytest.raises(ValueError, match="non-blocking"):
            one.acquire(blocking=False, timeout=1)

    def test_bounds(self):
        one = BoundedSemaphore(1)
        with pytest.raises(ValueError, match="too many"):
            one.release()
        capped = CappedSemaphore(1, 1)
        assert capped.bounded()
        assert not capped.release(blocking=False)
        waiting = spawn(capped.release)
        sleep(0)
        assert not waiting.ready()
        capped.acquire()
        assert waiting.wait()


def test_a_pool_of_things():
    pool = pools.Pool(max_size=1, create=object)
    with pool.item() as one:
        waiting = spawn(pool.get)
        sleep(0)
        assert (pool.free(), pool.waiting()) == (0, 1)
    assert waiting.wait() is one


class TestThreads:
    @pytest.fixture(autouse=True)
    def _no_threads_left(self):
        yield
        tpool.killall()
        tpool.set_num_threads(20)

    def test_a_call_in_a_thread(self):
        assert tpool.execute(threading.get_native_id) != threading.get_native_id()
        assert tpool.execute(lambda: tpool.execute(threading.get_native_id) == threading.get_native_id())
        with pytest.raises(ZeroDivisionError):
            tpool.execute(lambda: 1 / 0)

    def test_no_threads(self):
        tpool.killall()
        tpool.set_num_threads(0)
        with pytest.warns(RuntimeWarning, match="Zero threads"):
            assert tpool.execute(threading.get_native_id) == threading.get_native_id()

    def test_a_proxy(self):
        class Thing:
            names = ("a", "b")

            def where(self):
                return threading.get_native_id()

            def cursor(self):
                return Thing()

        proxy = tpool.Proxy(Thing(), autowrap_names=("cursor",))
        assert proxy.where() != threading.get_native_id()
        assert proxy.names == ("a", "b")
        assert isinstance(proxy.cursor(), tpool.Proxy)
        assert len(tpool.Proxy([1, 2])) == 2


class Connection:
    closed = 0

    def __init__(self, **options):
        self.options = options

    def rollback(self):
        sleep(0)

    def close(self):
        Connection.closed += 1


class Module:
    connect = Connection


class TestDatabasePool:
    @pytest.fixture(autouse=True)
    def _count(self):
        Connection.closed = 0

    def test_a_connection_goes_round(self):
        pool = db_pool.RawConnectionPool(Module, max_size=1, max_age=0.5, user="me")
        one = pool.get()
        assert one.options == {"user": "me"}
        waiting = spawn(pool.get)
        sleep(0)
        assert pool.waiting() == 1
        one.close()
        assert not one
        one = waiting.wait()
        with pytest.raises(AttributeError, match="nothing"):
            one.nothing  # noqa: B018
        one.close()
        pool.clear()
        assert (pool.free(), Connection.closed) == (1, 1)

    def test_a_kill_in_the_clean_up_loses_no_place(self):
        pool = db_pool.RawConnectionPool(Module, max_size=1, cleanup=lambda conn: sleep(10))
        one = pool.get()
        with pytest.raises(Timeout), Timeout(0.001):
            pool.put(one)
        assert pool.free() == 1
        assert Connection.closed == 1

    def test_an_old_connection_is_closed(self):
        pool = db_pool.RawConnectionPool(Module, max_size=1, max_idle=0.005)
        with pool.item():
            pass
        sleep(0.05)
        assert (pool.current_size, Connection.closed) == (0, 1)

    def test_a_connect_that_takes_too_long(self):
        class Slow:
            @staticmethod
            def connect():
                sleep(10)

        pool = db_pool.RawConnectionPool(Slow, connect_timeout=0.001)
        with pytest.raises(db_pool.ConnectTimeout):
            pool.get()
        assert pool.free() == 4

    def test_in_threads_and_by_host(self):
        connector = db_pool.DatabaseConnector(Module, {"default": {"user": "me"}})
        pool = connector.get("there", "that")
        assert connector.get("there", "that") is pool
        with pool.item() as one:
            assert one.options == {"user": "me", "host": "there", "db": "that"}
        pool.clear()
        tpool.killall()


class Once(Queue):
    """A popular recipe: an item that was put before is not put again."""

    def _init(self, maxsize):
        Queue._init(self, maxsize)
        self.seen = set()

    def _put(self, item):
        if item not in self.seen:
            self.seen.add(item)
            Queue._put(self, item)


class Stored(LightQueue):
    """Keeps items under a name of its own."""

    def _init(self, maxsize):
        self.store = []

    def _qsize(self):
        return len(self.store)

    def _put(self, item):
        self.store.append(item)

    def _get(self):
        return self.store.pop()


class TestSubclassesOfQueues:
    def test_what_they_replace_is_called(self):
        queue = Once()
        for item in (1, 1, 2):
            queue.put(item)
        assert [queue.get() for _ in range(queue.qsize())] == [1, 2]
        assert queue.empty()
        getter = spawn(queue.get)
        sleep(0)
        queue.put(3)
        assert getter.wait() == 3

    @pytest.mark.parametrize("maxsize", [None, 2])
    def test_items_may_be_kept_under_another_name(self, maxsize):
        queue = Stored(maxsize)
        queue.put(1)
        queue.put(2)
        assert (queue.qsize(), queue.full()) == (2, maxsize == 2)
        putter = spawn(queue.put, 3)
        sleep(0)
        assert sorted(queue.get() for _ in range(3)) == [1, 2, 3]
        putter.wait()
        with pytest.raises(Empty):
            queue.get(timeout=0.001)

    def test_the_kinds_that_there_are(self):
        priority, last = PriorityQueue(), LifoQueue()
        for item in (2, 1, 3):
            priority.put(item)
            last.put(item)
        assert priority.queue[0] == 1
        assert ([priority.get() for _ in range(3)], [last.get() for _ in range(3)]) == ([1, 2, 3], [3, 1, 2])
