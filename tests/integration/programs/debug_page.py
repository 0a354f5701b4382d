"""A program under some load that serves its own debug page; a blocking call is planted after ``block`` seconds."""

import random
import sqlite3
import sys
import time

from celadon import resolver, sleep, spawn
from celadon.green.dbpool import Pool
from celadon.green.servers.debug_page import ServerTimes, page
from celadon.green.servers.wsgi import WSGIServer
from celadon.resolver.testing import NameServer

from . import arguments


def look_up_names():
    while True:
        name = f"host{random.randrange(1000)}.test"
        resolver.getaddrinfo(name, 80)
        sleep(random.random() * 0.1)


def use_the_pool(pool):
    while True:
        with pool.connection() as connection:
            connection.execute("select 1")
            sleep(random.random() * 0.2)


def a_planted_blocking_call():
    end = time.perf_counter() + 0.3
    while time.perf_counter() < end:
        pass


def plant(after):
    sleep(after)
    a_planted_blocking_call()


def main():
    given = arguments()
    times = ServerTimes()
    with NameServer(synthetic=True) as names:
        resolver.use("python", servers=names.servers, search=(), on_event=times)
        pool = Pool(sqlite3, ":memory:", max_size=3, name="orders")
        for _ in range(20):
            spawn(look_up_names)
        for _ in range(5):
            spawn(use_the_pool, pool)
        shown = []
        server = WSGIServer(("127.0.0.1", 0), page(shown, times), log=None)
        shown.append(server)
        server.start()
        print(server.server_port, flush=True)
        spawn(plant, float(given["block"]))
        server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
