"""redis-py: one client for all threads, blocking commands, pipelines, pub/sub, locks, timeouts."""

import threading
import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from . import MANY, arguments, at_once, raised

given = arguments()
client = redis.Redis("db.test", int(given["redis"]), password="sesame", decode_responses=True)
client.flushall()


def wait(n):
    assert client.blpop(f"empty{n}", timeout=0.2) is None
    client.incrby("sum", n)
    return client.get("sum") is not None


assert at_once(wait) == [True] * MANY
assert client.get("sum") == str(sum(range(MANY)))

# Whoever waits for a list gets what another thread pushes.
timer = threading.Timer(0.05, client.rpush, ["work", "a"])
timer.start()
assert client.blpop("work", timeout=5) == ("work", "a")
timer.join()

with client.pipeline() as pipe:
    for n in range(500):
        pipe.set(f"key{n}", "v" * 1000)
    assert pipe.execute() == [True] * 500
assert sum(len(one) for one in client.mget([f"key{n}" for n in range(500)])) == 500_000

heard = []
subscribed = client.pubsub(ignore_subscribe_messages=True)
subscribed.subscribe(news=lambda message: heard.append(message["data"]))
listening = subscribed.run_in_thread(sleep_time=0.05)
ends = time.monotonic() + 10
while len(heard) < 3 and time.monotonic() < ends:
    client.publish("news", "hello")
    time.sleep(0.02)
listening.stop()
listening.join()
assert heard[:3] == ["hello"] * 3

held = []


def locked(n):
    with client.lock("one", timeout=10, sleep=0.01):
        held.append(n)
        time.sleep(0.001)
        assert held.pop() == n


threads = [threading.Thread(target=locked, args=(n,)) for n in range(5)]
for one in threads:
    one.start()
for one in threads:
    one.join()
hasty = redis.Redis("db.test", int(given["redis"]), password="sesame", socket_timeout=0.05)
raised(redis.TimeoutError, hasty.blpop, "empty", timeout=2)
for wrong in ({"host": "nowhere.test"}, {"host": "db.test", "port": 1}):
    raised(redis.ConnectionError, redis.Redis(retry=Retry(NoBackoff(), 0), **wrong).ping)
client.close()
