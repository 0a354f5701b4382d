"""A small, polite crawler in blocking code: requests, robots.txt, links, retries, lines of JSON.

    python -m examples.crawler https://example.com/ -o pages.ndjson --limit 1000 --report crawl.html

Nothing in it knows of greenlets or of DNS, but the few lines of ``main`` that patch and choose the resolver; each
worker is a thread to it. What the resolver adds: no address of a private network is ever connected to, whatever a
name, a literal or a redirect says; hosts are looked up as they enter the frontier; queues are by address, so that a
thousand names on one machine get one machine's share; and an error says whether it is worth another try.

The output is all the state there is: a run with the same ``-o`` reads it, and goes on where the last one ended.
Needs requests, selectolax and protego (``pip install celadon[crawler]``); tqdm for a bar, matplotlib for the report.
"""

import argparse
import heapq
import json
import os
import socket
import sys
import threading
import time
from collections import defaultdict, deque
from contextlib import nullcontext
from dataclasses import dataclass, replace
from urllib.parse import urldefrag, urljoin, urlsplit

import requests
from protego import Protego
from selectolax.lexbor import LexborHTMLParser

from celadon import patch_all
from celadon.resolver import CrawlerResolver, Guard, ResolveError

AGENT = "celadon-example-crawler"
TIMEOUT = 20  # seconds: for the lookup and the connect together, and for each read
LARGEST = 2_000_000  # bytes of a body that are read
AGAIN = {408, 425, 429, 500, 502, 503, 504}  # answers that may be another one in a while
REDIRECTS = {301, 302, 303, 307, 308}
TRIES = 4
BACK_OFF = float(os.environ.get("BACK_OFF", "2"))  # seconds before the second try, doubled for each one after it


@dataclass(frozen=True)
class Task:
    """A page to fetch."""

    url: str
    depth: int = 0
    tries: int = 0

    @property
    def host(self):
        """Its host's name, without the port."""
        return urlsplit(self.url).hostname


class Frontier:
    """What is to be fetched, and when: one page at a time and ``delay`` seconds between two for each ``key(host)``."""

    def __init__(self, key, delay):
        self._key = key
        self._delay = delay
        self._waiting = defaultdict(deque)  # by host
        self._hosts = []  # a heap of (when it may be asked, number, host); each host that has tasks is here once,
        self._blocked = defaultdict(list)  # or here, while another host with its key is being asked
        self._next = {}  # by key, when it may be asked again
        self._busy = {}  # by url, the key that is being asked
        self._count = 0
        self._stopped = False
        self._change = threading.Condition()

    def __len__(self):
        return sum(map(len, self._waiting.values())) + len(self._busy)

    def add(self, task, after=0.0):
        """Have a page fetched, ``after`` seconds at the earliest."""
        with self._change:
            line = self._waiting[task.host]
            line.append(task)
            if len(line) == 1:
                self._push(time.monotonic() + after, task.host)
            self._change.notify()

    def _push(self, when, host):
        self._count += 1
        heapq.heappush(self._hosts, (when, self._count, host))

    def take(self):
        """The next page whose time has come, waited for; None when nothing is left, nor can be, or it was stopped."""
        with self._change:
            while not self._stopped and (self._waiting or self._busy):
                now = time.monotonic()
                if not self._hosts or self._hosts[0][0] > now:
                    self._change.wait(self._hosts[0][0] - now if self._hosts else None)
                    continue
                _, _, host = heapq.heappop(self._hosts)
                key = self._key(host)
                if key in self._busy.values():
                    self._blocked[key].append(host)
                elif self._next.get(key, 0.0) > now:
                    self._push(self._next[key], host)
                else:
                    task = self._waiting[host].popleft()
                    self._busy[task.url] = key
                    if self._waiting[host]:
                        self._blocked[key].append(host)
                    else:
                        del self._waiting[host]
                    return task
            self._change.notify_all()
            return None

    def stop(self):
        """Give out no more pages."""
        with self._change:
            self._stopped = True
            self._change.notify_all()

    def done(self, task, delay=0.0):
        """A page that was taken is dealt with; its key may be asked again after ``delay`` seconds or more."""
        with self._change:
            key = self._busy.pop(task.url)
            self._next[key] = when = time.monotonic() + max(self._delay, delay)
            for host in self._blocked.pop(key, ()):
                self._push(when, host)
            self._change.notify_all()


class Robots:
    """What each site's robots.txt allows (RFC 9309); one that cannot be had now is an error worth another try."""

    def __init__(self, fetch):
        self._fetch = fetch
        self._known = {}

    def rules(self, url):
        """The rules for a URL's site. Raises what fetching them raises."""
        site = urljoin(url, "/robots.txt")
        if site not in self._known:
            answer, body = self._fetch(site, follow=True)
            if answer.status_code >= 500:
                answer.raise_for_status()
            text = body.decode("utf-8", "replace") if answer.ok else ""
            self._known[site] = Protego.parse(text)
        return self._known[site]

    def delay(self, url):
        """The seconds between two pages that a URL's site asks for, as far as its rules are known; a minute at most."""
        rules = self._known.get(urljoin(url, "/robots.txt"))
        return min((rules and rules.crawl_delay(AGENT)) or 0.0, 60.0)


def absolute(base, link):
    """A link of a page as the URL of another page; None for what is none that can be fetched."""
    try:
        url = urldefrag(urljoin(base, link.strip())).url
        parts = urlsplit(url)
        return url if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def links_of(url, body):
    """The title of a page, and the http URLs that it links to, once each."""
    page = LexborHTMLParser(body)
    base = page.css_first("base[href]")
    base = urljoin(url, base.attributes["href"] or "") if base is not None else url
    found = {}
    for anchor in page.css("a[href]"):
        link = absolute(base, anchor.attributes["href"] or "")
        if link is not None:
            found.setdefault(link)
    title = page.css_first("title")
    return title.text(strip=True) if title is not None else "", list(found)


def lookup_error(error):
    """The resolver's error that another one was made of, if any."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, ResolveError):
            return error
        inner = getattr(error.args[0], "reason", None) if error.args else None
        error = inner or error.__cause__ or error.__context__
    return None


def verdict(error):
    """(kind, whether another try may go better) of an error."""
    looked = lookup_error(error)
    if looked is not None:
        return looked.kind.value, looked.errno == socket.EAI_AGAIN
    if isinstance(error, requests.Timeout):
        return "TIMEOUT", True
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS", False
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return "CONNECTION", True
    if isinstance(error, requests.HTTPError):
        return f"HTTP {error.response.status_code}", True
    return type(error).__name__, False


class Crawler:
    """The crawl as a whole: ``worker`` runs many times at once."""

    def __init__(self, options, resolver, out):
        self.options = options
        self.resolver = resolver
        self.frontier = Frontier(resolver.key, options.delay)
        self.robots = Robots(self.fetch)
        self.seen = set()
        self.left = options.limit  # tries that may yet be begun
        self.written = 0
        self.progress = lambda record: None
        self._local = threading.local()
        self._out = out

    def see(self, url, depth):
        """Add a URL to the frontier, unless it was there or is too deep."""
        if url not in self.seen and depth <= self.options.depth:
            self.seen.add(url)
            task = Task(url, depth)
            self.resolver.prefetch([task.host])
            self.frontier.add(task)

    def resume(self, lines):
        """Take in the output of an earlier run, after the seeds: what has its last word in it is not fetched again."""
        records = {}
        for line in lines:
            try:
                record = json.loads(line)
                records[record["url"]] = record
            except (ValueError, KeyError):
                continue  # the line that the last run did not finish
        self.seen.update(url for url, record in records.items() if not record["again"])
        for record in records.values():
            self.follow(record)
        return len(records)

    def follow(self, record):
        """Add what a page links to; where it redirects to is no deeper than itself."""
        deeper = record["depth"] + (record["status"] not in REDIRECTS)
        for link in record["links"]:
            self.see(link, deeper)

    def fetch(self, url, follow=False):
        """A response and the beginning of its body."""
        if not hasattr(self._local, "session"):
            self._local.session = session = requests.Session()
            session.headers["User-Agent"] = AGENT
            session.trust_env = False
            session.max_redirects = 5
        session = self._local.session
        with session.get(url, timeout=TIMEOUT, stream=True, allow_redirects=follow) as answer:
            return answer, next(answer.iter_content(LARGEST), b"")

    def page(self, task):
        """Fetch one page; its record, and the seconds after which it should be tried again, None for never."""
        record = {"url": task.url, "depth": task.depth, "status": None, "ip": None, "title": "", "links": []}
        record |= {"error": None, "again": False, "tries": task.tries + 1}
        again = None
        begin = time.monotonic()
        try:
            rules = self.robots.rules(task.url)
            if not rules.can_fetch(task.url, AGENT):
                return record | {"error": "ROBOTS"}, None
            answer, body = self.fetch(task.url)
            record |= {"status": answer.status_code, "bytes": len(body)}
            if answer.is_redirect:
                link = absolute(task.url, answer.headers["Location"])
                record["links"] = [link] if link is not None else []
            elif answer.status_code in AGAIN:
                record["error"], again = f"HTTP {answer.status_code}", self.wait_for(answer)
            elif answer.ok and "html" in answer.headers.get("Content-Type", ""):
                record["title"], record["links"] = links_of(task.url, body)
        except (requests.RequestException, ValueError) as error:
            record["error"], temporary = verdict(error)
            again = 0.0 if temporary else None
        record["seconds"] = round(time.monotonic() - begin, 3)
        if again is not None:
            record["again"] = True
            again = max(again, BACK_OFF * 2**task.tries) if task.tries + 1 < TRIES else None
        return record, again

    @staticmethod
    def wait_for(answer):
        """The seconds that a server asks for, an hour at most."""
        asked = answer.headers.get("Retry-After", "")
        return min(float(asked), 3600.0) if asked.isdigit() else 0.0

    def worker(self):
        """Fetch pages until there is none left."""
        while (task := self.frontier.take()) is not None:
            self.left -= 1
            if self.left <= 0:
                self.frontier.stop()
            record, again = self.page(task)
            if again is not None:
                self.frontier.add(replace(task, tries=task.tries + 1), again)
            else:
                self.write(record)
                self.follow(record)
            self.frontier.done(task, self.robots.delay(task.url))

    def write(self, record):
        """One line of output; the addresses are what the page's host has now."""
        host = urlsplit(record["url"]).hostname
        record["ip"] = self.resolver.key(host) if record["status"] is not None else None
        self._out.write(json.dumps(record) + "\n")
        self._out.flush()
        self.written += 1
        self.progress(record)


def bar(options):
    """A context that gives a bar whose ``update(1)`` shows on a terminal; None without tqdm."""
    try:
        from tqdm import tqdm
    except ImportError:
        return nullcontext()
    return tqdm(unit=" pages", total=None if options.limit == sys.maxsize else options.limit, disable=None)


def seed(text):
    """A URL of the command line, with ``http://`` if it has no scheme."""
    url = absolute("", text if "://" in text else f"http://{text}")
    if url is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an http or https URL")
    return url


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m examples.crawler", description=__doc__.partition("\n")[0])
    parser.add_argument("seeds", nargs="+", metavar="URL", type=seed, help="where to begin; http:// may be left out")
    parser.add_argument("-o", "--output", required=True, help="lines of JSON, one per page, to go on from")
    parser.add_argument("--depth", type=int, default=3, help="how many links away from the seeds (default %(default)s)")
    parser.add_argument("--limit", type=int, default=sys.maxsize, help="how many tries at most")
    parser.add_argument("--workers", type=int, default=100, help="pages at the same time (default %(default)s)")
    parser.add_argument("--delay", type=float, default=1.0, help="seconds between two pages of one address")
    parser.add_argument("--engine", default="python", help="the resolver's engine: python, ares, thread")
    parser.add_argument("--servers", nargs="*", help="name servers in place of resolv.conf's")
    parser.add_argument("--allow", nargs="*", default=[], help="private networks that may be crawled all the same")
    parser.add_argument("--cache", help="a file of DNS answers, read at the beginning and written at the end")
    parser.add_argument("--report", metavar="FILE.html", help="write a table and a plot of the lookups")
    return parser.parse_args()


def main():
    """Patch, crawl, report."""
    options = arguments()
    report = None
    if options.report:
        from examples.crawl_report import Report

        report = Report()
    more = {"servers": options.servers} if options.servers else {}
    resolver = CrawlerResolver(
        options.engine, guard=Guard(allow=options.allow), on_event=report and report.event, **more
    )
    patch_all(resolver=resolver)
    if options.cache and os.path.exists(options.cache):
        resolver.load(options.cache)
    with open(options.output, "a+", encoding="utf-8") as out, bar(options) as shown:
        crawler = Crawler(options, resolver, out)
        if shown is not None:
            crawler.progress = lambda record: shown.update(1)
        out.seek(0)
        known = crawler.resume(out)
        for url in options.seeds:
            crawler.see(url, 0)
        workers = [threading.Thread(target=crawler.worker) for _ in range(options.workers)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    if options.cache:
        resolver.dump(options.cache)
    if report is not None:
        report.write(options.report, resolver.stats())
    stats = resolver.stats()
    print(
        f"{crawler.written} pages, {known} known before, {len(crawler.frontier)} left; "
        f"{stats.lookups} lookups, {stats.blocked} refused by the guard",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
