"""A celery application; and, run by itself, a client that has its worker work."""

import os
import sys
import time

from celery import Celery

app = Celery("tasks", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
app.conf.broker_connection_retry_on_startup = True


@app.task(name="slow")
def slow(n):
    time.sleep(0.5)
    return n * 2


@app.task(name="fails")
def fails():
    raise ValueError("mine")


@app.task(name="library")
def library():
    return "/celadon/compat/" in sys.modules["eventlet"].__file__


def main():
    begin = time.monotonic()
    results = [slow.delay(n) for n in range(40)]
    assert sorted(one.get(timeout=30) for one in results) == list(range(0, 80, 2))
    assert time.monotonic() - begin < 10, "one after the other they take 20 s"
    assert library.delay().get(timeout=10), "it runs on eventlet itself"
    failed = fails.delay()
    assert str(failed.get(timeout=10, propagate=False)) == "mine"
    assert failed.failed()
    late = slow.apply_async((1,), countdown=30)
    late.revoke()
    print("ok")


if __name__ == "__main__":
    main()
