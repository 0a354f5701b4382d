"""requests fetching a page of each of many hosts: our greenlets, gevent's, and threads: ``make bench-requests``.

The crawling code is the same for all; what differs is the patching before it. All of it happens in a network namespace
of its own, where every resolver finds the same server in resolv.conf; that needs root (or ``unshare -Urmn``). Each run
is a process of its own; rounds interleave. Times count from the first page on, latencies are of a whole page.
"""

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import time

from benchmarks.world import NAME_SERVER, Process, address_of, alone, hosts


def celadon(engine):
    """``patch_all`` with a crawler's resolver over one of our engines."""

    def arm():
        module, resolver = importlib.import_module("celadon"), importlib.import_module("celadon.resolver")
        guard = resolver.Guard(allow=["127.64.0.0/10"])
        module.patch_all(resolver=resolver.CrawlerResolver(engine, guard=guard))
        return module.spawn, module.joinall

    return arm


def gevent():
    """Gevent's ``patch_all`` with the resolver that the environment names."""
    importlib.import_module("gevent.monkey").patch_all()
    module = importlib.import_module("gevent")
    return module.spawn, module.joinall


def threads():
    """Native threads and libc."""
    threading = importlib.import_module("threading")

    def spawn(function, *args):
        made = threading.Thread(target=function, args=args)
        made.start()
        return made

    return spawn, lambda made: [one.join() for one in made]


#: Each arm: what patches and gives ``spawn`` and ``joinall``, and the environment.
ARMS = {
    "celadon-python": (celadon("python"), {}),
    "celadon-ares": (celadon("ares"), {}),
    "gevent-ares": (gevent, {"GEVENT_RESOLVER": "ares"}),
    "gevent-thread": (gevent, {"GEVENT_RESOLVER": "thread"}),
    "threads": (threads, {}),
}


def cpu():
    """Seconds that this process has had of a processor."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def crawl(arm, count, port, workers):
    """In the child: crawl, and print one line of JSON."""
    spawn, joinall = ARMS[arm][0]()
    requests = importlib.import_module("requests")
    left = iter(hosts(count))
    took, wrong, errors = [], [], []

    def work():
        with requests.Session() as session:
            session.trust_env = False
            for host in left:
                begin = time.monotonic()
                try:
                    text = session.get(f"http://{host}:{port}/", timeout=30).text
                except requests.RequestException as error:
                    errors.append(f"{host}: {error!r}"[:200])
                    continue
                took.append(time.monotonic() - begin)
                if text != f"{host} at {address_of(host)}":
                    wrong.append(host)

    begin, used = time.monotonic(), cpu()
    joinall([spawn(work) for _ in range(workers)])
    seconds = time.monotonic() - begin
    took.sort()
    figures = {
        "seconds": round(seconds, 2),
        "pages/s": round((len(took) - len(wrong)) / seconds, 1),
        "p50": round(took[len(took) // 2] * 1000),
        "p99": round(took[len(took) * 99 // 100] * 1000),
        "cpu": round(cpu() - used, 2),
        "lost": count - len(took),
        "wrong": len(wrong),
        "MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "errors": errors[:3],
    }
    print(json.dumps(figures))


def run(arm, options, port):
    """One crawl in a child; its figures."""
    command = [sys.executable, "-m", "benchmarks.crawl_requests", "--child", arm, "--port", port]
    command += ["--hosts", str(options.hosts), "--workers", str(options.workers)]
    env = {**os.environ, **ARMS[arm][1]}
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False, env=env)
    if done.returncode:
        sys.exit(f"{arm} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main():
    """All arms, all losses, in turns; a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=5_000)
    parser.add_argument("--workers", type=int, default=500)
    parser.add_argument("--loss", type=float, nargs="*", default=[0.0, 0.02], help="shares of queries dropped")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--arms", nargs="*", default=list(ARMS), choices=ARMS)
    parser.add_argument("--child", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--port", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        crawl(options.child, options.hosts, options.port, options.workers)
        return 0
    alone()
    with Process("pages") as pages:
        print(f"{'loss':>5} {'arm':14} {'seconds':>8} {'pages/s':>8} {'p50, ms':>8} {'p99, ms':>8} {'cpu, s':>7} "
              f"{'lost':>5} {'wrong':>5} {'queries':>8} {'MiB':>5}")  # fmt: skip
        for _ in range(options.rounds):
            for loss in options.loss:
                for arm in options.arms:
                    with Process("names", NAME_SERVER, 53, loss) as names:
                        got = run(arm, options, pages.said)
                    print(f"{loss:5.0%} {arm:14} {got['seconds']:8.1f} {got['pages/s']:8.0f} {got['p50']:8} "
                          f"{got['p99']:8} {got['cpu']:7.1f} {got['lost']:5} {got['wrong']:5} {names.last:>8} "
                          f"{got['MiB']:5}", flush=True)  # fmt: skip
                    for error in got["errors"]:
                        print(f"      {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
