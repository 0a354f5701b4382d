"""The accelerator: bounded, switchable, safe in threads and forked children; or simply absent."""

import ctypes
import itertools
import os
import random
import subprocess
import sys

import pytest

from celadon.hub import Event, accel, joinall, sleep, spawn
from celadon.hub.debug import accel_stats

needs_it = pytest.mark.skipif(not accel_stats().built, reason="the accelerator was not built: no C compiler")


def run(count):
    def body(depth=30):
        return body(depth - 1) if depth else 0

    joinall([spawn(body) for _ in range(count)], raise_error=True)


@pytest.fixture
def restored():
    yield
    accel.enable()


@needs_it
def test_blocks_are_used_again_and_bounded(restored):
    before = accel_stats()
    run(200)
    run(200)
    assert accel_stats().reused >= before.reused + 150
    accel.enable(5)
    run(200)
    assert accel_stats().kept <= 5 + _MORE
    accel.disable()
    assert accel_stats() == accel.AccelStats(True, False, 0, accel_stats().reused)
    run(200)
    assert accel_stats().kept == 0
    accel.enable(5)
    run(200)
    assert 0 < accel_stats().kept <= 5 + _MORE
    with pytest.raises(ValueError, match="room"):
        accel.enable(0)


# Less than 8 free blocks of a slab of 32 are not worth a call of the kernel; 200 lie in a dozen slabs at most.
_MORE = 12 * 7


@needs_it
def test_those_who_live_on_among_many_that_ended_do_not_keep_their_pages(restored):
    accel.enable(100)
    stay, go = Event(), Event()
    many = [spawn((stay if n % 50 == 0 else go).wait) for n in range(5000)]
    sleep(0)
    random.Random(1).shuffle(many)
    go.set()
    sleep(0)
    assert accel_stats().kept <= 100 + 7 * (5000 // 32 + 2)
    stay.set()
    joinall(many)
    assert accel_stats().kept <= 100


class _Allocator(ctypes.Structure):
    """``PyObjectArenaAllocator``."""

    _fields_ = (
        ("context", ctypes.c_void_p),
        ("alloc", ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)),
        ("free", ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)),
    )


@needs_it
@pytest.mark.skipif(sys.implementation.name != "cpython", reason="CPython's allocator")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("most", [1, 40, 10_000])
def test_no_byte_belongs_to_two(restored, seed, most):
    """Any order of taking and giving back, switching on and off between: what was written stays."""
    allocator = _Allocator()
    ctypes.pythonapi.PyObject_GetArenaAllocator(ctypes.byref(allocator))
    chance = random.Random(seed)
    accel.enable(most)
    live = {}
    wanted = 0
    for n in range(6000):
        if n % 500 == 0:
            wanted = chance.choice([0, 1, 33, 300, 1000])
        if n % 1000 == 999:
            (accel.disable if chance.random() < 0.5 else lambda: accel.enable(most))()
        if len(live) <= wanted:
            size = chance.choice([16384, 16384, 16384, 32768])
            address = allocator.alloc(allocator.context, size)
            assert address
            assert address not in live
            for at in (0, 8, size - 8):
                ctypes.c_uint64.from_address(address + at).value = n
            live[address] = size, n
        else:
            address = chance.choice(list(live)) if len(live) < 50 else next(iter(live))
            size, text = live.pop(address)
            for at in (0, 8, size - 8):
                assert ctypes.c_uint64.from_address(address + at).value == text
            allocator.free(allocator.context, address, size)
    for address, (size, _) in live.items():
        allocator.free(allocator.context, address, size)
    taken = sorted((address, address + size) for address, (size, _) in live.items())
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(taken))


SCRIPT = """
import os, sys, _thread, time
from celadon.hub import joinall, spawn
from celadon.hub.debug import accel_stats
def body(depth=50):
    return body(depth - 1) if depth else 0
def run():
    for _ in range(20):
        joinall([spawn(body) for _ in range(50)], raise_error=True)
ended = []
def thread():
    run()
    ended.append(1)
for _ in range(4):
    _thread.start_new_thread(thread, ())
run()
pid = os.fork()
if not pid:
    run()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
while len(ended) < 4:
    time.sleep(0.01)
parked = [spawn(body) for _ in range(100)]  # the interpreter ends with greenlets that never ran
print(accel_stats().on)
"""


@pytest.mark.parametrize("switch", ["0", "1"])
def test_threads_fork_and_exit(switch):
    env = {**os.environ, "CELADON_ACCEL": switch}
    # Since 3.12 a fork beside threads is warned of.
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SCRIPT],
        capture_output=True,
        text=True,
        env=env,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{switch == '1' and accel_stats().built}\n"


LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
from celadon.hub import joinall, sleep, spawn
from celadon.hub.debug import accel_stats
before = accel_stats().reused
for _ in range(2):
    joinall([spawn(sleep, 0.001) for _ in range(20_000)], raise_error=True)
assert accel_stats().reused > before or not accel_stats().on
"""


def test_where_addresses_are_scarce_it_reserves_less_and_leaves_the_rest_to_the_allocator_underneath():
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
