"""The free list of greenlets' stacks: bounded, switchable, safe in threads and forked children; or simply absent."""

import os
import subprocess
import sys

import pytest

from celadon.hub import accel, joinall, spawn
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
    assert accel_stats().kept <= accel.BLOCKS
    accel.disable()
    assert accel_stats() == accel.AccelStats(True, False, 0, accel_stats().reused)
    run(200)
    assert accel_stats().kept == 0
    accel.enable(5)
    run(200)
    assert 0 < accel_stats().kept <= 5
    with pytest.raises(ValueError, match="room"):
        accel.enable(0)


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
