"""A broad crawl by Scrapy, its default resolver against ours, without and with loss: ``make bench-scrapy``.

All of it happens in a network namespace of its own, where every resolver finds the same server in resolv.conf; that
needs root (or ``unshare -Urmn``). Each run is a process of its own; rounds interleave. Times count from the
first page on.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

from benchmarks.world import NAME_SERVER, Process, address_of, alone, hosts

#: Each resolver's settings. Scrapy's default asks for IPv4 only, its CachingHostnameResolver for both families, ours
#: for those that the machine has.
ARMS = {
    "default": {},
    "hostname": {"TWISTED_DNS_RESOLVER": "scrapy.resolver.CachingHostnameResolver"},
    "celadon": {
        "TWISTED_DNS_RESOLVER": "celadon.resolver.adapters.scrapy.Resolver",
        "CELADON_GUARD_ALLOW": ["127.64.0.0/10"],
    },
}


def cpu():
    """Seconds that this process has had of a processor."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def crawl(arm, count, port, threads):
    """In the child, with its resolv.conf in place: crawl, and print one line of JSON."""
    import scrapy
    from scrapy.crawler import CrawlerProcess

    good, wrong, first = set(), [], []

    class Spider(scrapy.Spider):
        name = "broad"

        async def start(self):
            for host in hosts(count):
                yield scrapy.Request(f"http://{host}:{port}/", dont_filter=True, cb_kwargs={"host": host})

        def parse(self, response, host):
            if not first:
                first.append((time.monotonic(), cpu()))  # imports are over
            if response.text == f"{host} at {address_of(host)}":
                good.add(host)
            else:
                wrong.append(host)

    settings = {
        "LOG_LEVEL": "CRITICAL",
        "TELNETCONSOLE_ENABLED": False,
        "CONCURRENT_REQUESTS": 200,
        "DOWNLOAD_DELAY": 0,
        "COOKIES_ENABLED": False,
        "ROBOTSTXT_OBEY": False,
        "AJAXCRAWL_ENABLED": False,
        "REACTOR_THREADPOOL_MAXSIZE": threads,
    }
    settings.update(ARMS[arm])
    process = CrawlerProcess(settings)
    crawler = process.create_crawler(Spider)
    process.crawl(crawler)
    begin = time.monotonic(), cpu()
    process.start()
    begin = first[0] if first else begin
    seconds = time.monotonic() - begin[0]
    stats = crawler.stats.get_stats()
    errors = {name: value for name, value in stats.items() if name.startswith("downloader/exception_type_count/")}
    print(
        json.dumps(
            {
                "seconds": round(seconds, 2),
                "pages/s": round(len(good) / seconds, 1),
                "cpu": round(cpu() - begin[1], 2),
                "lost": count - len(good) - len(wrong),
                "wrong": len(wrong),
                "exceptions": sum(errors.values()),
                "MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        )
    )


def run(arm, options, port):
    """One crawl in a child; its figures."""
    command = [sys.executable, "-m", "benchmarks.crawl_scrapy", "--child", arm, "--port", port]
    command += ["--hosts", str(options.hosts), "--threads", str(options.threads)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    if done.returncode:
        sys.exit(f"{arm} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main():
    """All arms, all losses, in turns; a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=20_000)
    parser.add_argument("--loss", type=float, nargs="*", default=[0.0, 0.02], help="shares of queries dropped")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--arms", nargs="*", default=list(ARMS), choices=ARMS)
    parser.add_argument("--threads", type=int, default=10, help="REACTOR_THREADPOOL_MAXSIZE (Scrapy's default: 10)")
    parser.add_argument("--child", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--port", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        crawl(options.child, options.hosts, options.port, options.threads)
        return 0
    alone()
    with Process("pages") as pages:
        print(f"{'loss':>5} {'resolver':10} {'seconds':>8} {'pages/s':>8} {'cpu, s':>7} {'lost':>5} {'wrong':>5} "
              f"{'exceptions':>10} {'queries':>8} {'MiB':>5}")  # fmt: skip
        for _ in range(options.rounds):
            for loss in options.loss:
                for arm in options.arms:
                    with Process("names", NAME_SERVER, 53, loss) as names:
                        got = run(arm, options, pages.said)
                    print(f"{loss:5.0%} {arm:10} {got['seconds']:8.1f} {got['pages/s']:8.0f} {got['cpu']:7.1f} "
                          f"{got['lost']:5} {got['wrong']:5} {got['exceptions']:10} {names.last:>8} {got['MiB']:5}",
                          flush=True)  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
