"""A polite crawler in blocking code: requests, robots.txt, links, retries, lines of JSON. Each worker is a thread.

Nothing here knows of greenlets: ``crawl_command`` patches and chooses the resolver. What the resolver adds: no address
of a private network is ever connected to, whatever a name, a literal or a redirect says; hosts are looked up as they
enter the frontier; queues are by address, so that a thousand names on one machine get one machine's share; and an
error says whether it is worth another try.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TextIO
from urllib.parse import urldefrag, urljoin, urlsplit

try:
    import requests
    from protego import Protego
    from selectolax.lexbor import LexborHTMLParser
except ImportError as error:
    raise ImportError(f"celadon crawl needs the package {error.name}: pip install 'celadon[crawler]'") from None

from celadon.resolver import CrawlerResolver, is_temporary, lookup_error

from .crawl_frontier import Frontier, Task

AGENT = "celadon-crawl"
#: Seconds: for the lookup and the connect together, and for each read.
TIMEOUT = 20
#: Bytes of a body that are read.
LARGEST = 2_000_000
#: Answers that may be another one in a while.
AGAIN = {408, 425, 429, 500, 502, 503, 504}
REDIRECTS = {301, 302, 303, 307, 308}
TRIES = 4
#: Seconds before the second try, doubled for each one after it.
BACK_OFF = float(os.environ.get("BACK_OFF", "2"))

Record = dict[str, Any]


class Robots:
    """What each site's robots.txt allows (RFC 9309); one that cannot be had now is an error worth another try."""

    def __init__(self, fetch: Callable[..., tuple[Any, bytes]]) -> None:
        self._fetch = fetch
        self._known: dict[str, Any] = {}

    def rules(self, url: str) -> Any:
        """The rules for a URL's site. Raises what fetching them raises."""
        site = urljoin(url, "/robots.txt")
        if site not in self._known:
            answer, body = self._fetch(site, follow=True)
            if answer.status_code >= 500:
                answer.raise_for_status()
            text = body.decode("utf-8", "replace") if answer.ok else ""
            self._known[site] = Protego.parse(text)
        return self._known[site]

    def delay(self, url: str) -> float:
        """The seconds between two pages that a URL's site asks for, as far as its rules are known; a minute at most."""
        rules = self._known.get(urljoin(url, "/robots.txt"))
        return min(float((rules and rules.crawl_delay(AGENT)) or 0.0), 60.0)


def absolute(base: str, link: str) -> str | None:
    """A link of a page as the URL of another page; None for what cannot be fetched."""
    try:
        url = urldefrag(urljoin(base, link.strip())).url
        parts = urlsplit(url)
        return url if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def links_of(url: str, body: bytes) -> tuple[str, list[str]]:
    """The title of a page, and the http URLs that it links to, once each."""
    page = LexborHTMLParser(body)
    element = page.css_first("base[href]")
    base = urljoin(url, element.attributes["href"] or "") if element is not None else url
    found: dict[str, None] = {}
    for anchor in page.css("a[href]"):
        link = absolute(base, anchor.attributes["href"] or "")
        if link is not None:
            found[link] = None
    title = page.css_first("title")
    return title.text(strip=True) if title is not None else "", list(found)


def verdict(error: Exception) -> tuple[str, bool]:
    """(kind, whether another try may go better) of an error."""
    looked = lookup_error(error)
    if looked is not None:
        return looked.kind.value, is_temporary(looked)
    if isinstance(error, requests.Timeout):
        return "TIMEOUT", True
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS", False
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return "CONNECTION", True
    if isinstance(error, requests.HTTPError):
        return f"HTTP {error.response.status_code}", True
    return type(error).__name__, False


class PageCrawler:
    """The crawl as a whole: ``worker`` runs many times at once."""

    def __init__(self, options: Any, resolver: CrawlerResolver, out: TextIO) -> None:
        self.options = options
        self.resolver = resolver
        self.frontier: Frontier = Frontier(resolver.key, options.delay)
        self.robots: Robots = Robots(self.fetch)
        self.seen: set[str] = set()
        self.left: int = options.limit  # tries that may yet be begun
        self.written: int = 0
        self.progress: Callable[[Record], object] = lambda record: None
        self._local = threading.local()
        self._out = out

    def see(self, url: str, depth: int) -> None:
        """Add a URL to the frontier, unless it was there or is too deep."""
        if url not in self.seen and depth <= self.options.depth:
            self.seen.add(url)
            task = Task(url, depth)
            self.resolver.prefetch([task.host])
            self.frontier.add(task)

    def resume(self, lines: Iterable[str]) -> int:
        """Take in the output of an earlier run, after the seeds: what has its last word in it is not fetched again."""
        records: dict[str, Record] = {}
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

    def follow(self, record: Record) -> None:
        """Add what a page links to; where it redirects to is no deeper than itself."""
        deeper = record["depth"] + (record["status"] not in REDIRECTS)
        for link in record["links"]:
            self.see(link, deeper)

    def fetch(self, url: str, follow: bool = False) -> tuple[Any, bytes]:
        """A response and the beginning of its body."""
        if not hasattr(self._local, "session"):
            self._local.session = session = requests.Session()
            session.headers["User-Agent"] = AGENT
            session.trust_env = False
            session.max_redirects = 5
        session = self._local.session
        with session.get(url, timeout=TIMEOUT, stream=True, allow_redirects=follow) as answer:
            return answer, next(answer.iter_content(LARGEST), b"")

    def page(self, task: Task) -> tuple[Record, float | None]:
        """Fetch one page; its record, and the seconds after which it should be tried again, None for never."""
        record: Record = {"url": task.url, "depth": task.depth, "status": None, "ip": None, "title": "", "links": []}
        record |= {"error": None, "again": False, "tries": task.tries + 1}
        again: float | None = None
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
    def wait_for(answer: Any) -> float:
        """The seconds that a server asks for, an hour at most."""
        asked = answer.headers.get("Retry-After", "")
        return min(float(asked), 3600.0) if asked.isdigit() else 0.0

    def worker(self) -> None:
        """Fetch pages until no more are left."""
        while (task := self.frontier.take()) is not None:
            self.left -= 1
            if self.left <= 0:
                self.frontier.stop()
            record, again = self.page(task)
            if again is not None:
                self.frontier.add(task._replace(tries=task.tries + 1), again)
            else:
                self.write(record)
                self.follow(record)
            self.frontier.done(task, self.robots.delay(task.url))

    def write(self, record: Record) -> None:
        """One line of output; the addresses are what the page's host has now."""
        host = urlsplit(record["url"]).hostname or ""
        record["ip"] = self.resolver.key(host) if record["status"] is not None else None
        self._out.write(json.dumps(record) + "\n")
        self._out.flush()
        self.written += 1
        self.progress(record)


def seed(text: str) -> str:
    """A URL of the command line, with ``http://`` if it has no scheme. ValueError for any other text."""
    url = absolute("", text if "://" in text else f"http://{text}")
    if url is None:
        raise ValueError(f"{text!r} is not an http or https URL")
    return url
