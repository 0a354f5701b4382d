"""The hubs of other threads at the interpreter's end."""

import subprocess
import sys
import textwrap

import pytest

DAEMONS = """
    import threading
    import time
    from celadon.hub import Event, Semaphore, get_hub, sleep, spawn

    def waits():
        Semaphore(0).acquire()

    def sleeps():
        while True:
            sleep(0.001)

    def spawns():
        while True:
            spawn(sleep, 0).join()

    begun = []

    def run(body):
        get_hub()
        begun.append(body)
        body()

    for body in ({bodies}):
        threading.Thread(target=run, args=(body,), daemon=True).start()
    while len(begun) < {count}:
        time.sleep(0.001)
    time.sleep(0.01)
    print("end")
"""


@pytest.mark.parametrize("bodies", ["waits, waits", "sleeps, sleeps", "spawns,", "waits, sleeps, spawns"])
def test_daemon_threads_with_a_hub_do_not_crash_the_end(bodies):
    """The last thread closed the hubs of the others, and who woke was unwound in the middle of a greenlet."""
    program = textwrap.dedent(DAEMONS.format(bodies=bodies, count=len(bodies.strip(",").split(","))))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
