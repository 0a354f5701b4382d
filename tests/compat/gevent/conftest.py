"""gevent's hub for a test, and this thread's own again after it."""

import pytest

from celadon.hub import get_hub
from celadon.hub.loop.failures import report
from celadon.hub.lowlevel import LoopGreenlet

gevent = pytest.importorskip("celadon.compat.gevent")


@pytest.fixture(autouse=True)
def hub():
    """gevent's hub, which is made of this thread's loop and is only that again afterwards."""
    face = gevent.get_hub()
    yield face
    if face.__dict__.get("_threadpool") is not None:
        face.threadpool.kill()
    if face.periodic_monitoring_thread is not None:
        face.periodic_monitoring_thread.kill()
    mine = get_hub()
    mine.exception_handler = report
    mine.greenlet.__dict__.clear()
    mine.greenlet.hub = mine
    mine.greenlet.__class__ = LoopGreenlet
