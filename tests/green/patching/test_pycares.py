"""pycares keeps a thread, a lock and a queue: they must be the operating system's, whenever it is imported."""

import subprocess
import sys

import pytest

BEFORE = """
import _queue, _thread, sys, threading
import celadon
from celadon.green import original
from celadon.resolver.testing import NameServer
ORIGINALS = [_queue.SimpleQueue, type(_thread.allocate_lock())]  # a list is not mended
"""
WHAT = """
import pycares
import queue
simple_queue, lock = ORIGINALS
kept = pycares._shutdown_manager
assert type(kept._queue) is pycares.SimpleQueue is simple_queue
assert type(kept._start_lock) is lock
assert type(pycares.threading.Lock()) is lock
assert type(threading.Lock()) is not lock, "nothing is patched"
assert queue.SimpleQueue is not simple_queue, "nothing is patched"
with NameServer(synthetic=True) as server:
    assert celadon.resolver.use("ares", servers=[server.address]).getaddrinfo("a.test", 80)
    celadon.resolver.reset()
assert type(kept._thread) is pycares.threading.Thread
assert kept._thread.ident in original("sys", "_current_frames")()
"""
ORDERS = {
    "before": "import pycares; celadon.patch_all()",
    "by the patch": "celadon.patch_all(resolver='ares'); assert 'pycares' in sys.modules",
    "after": "celadon.patch_all(); assert 'pycares' not in sys.modules",
    "by preload": "celadon.patch_all(); celadon.resolver.preload(); assert 'pycares' in sys.modules",
}


@pytest.mark.parametrize("first", ["", "import queue; "])
@pytest.mark.parametrize("order", ORDERS)
def test_its_thread_lock_and_queue_are_originals(order, first):
    code = BEFORE + first + ORDERS[order] + WHAT
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("module", "name"), [("queue", "SimpleQueue"), ("ssl", "SSLContext")])
def test_the_original_of_a_module_that_nobody_has_imported(module, name):
    """The hook that patches a module at its import must not see the copy."""
    code = f"""
import sys
from celadon.green import original_module, patch_all
for one in [one for one in sys.modules if one.partition(".")[0] == {module!r}]:
    del sys.modules[one]
patch_all()
found = original_module({module!r})
own = vars(found)[{name!r}]
assert "celadon" not in repr(vars(own).values()), vars(own)
import {module}
assert {module} is not found
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
