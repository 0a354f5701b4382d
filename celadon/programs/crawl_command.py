"""The command ``celadon crawl``: a polite crawl from some pages on, to lines of JSON, and a report of its lookups."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn

from celadon import late, patch_all
from celadon.resolver import CrawlerResolver, Guard, ResolverConfigError, ResolverUnavailable

from .crawl_report import Report

#: What needs packages that not every installation has: imported once there is something to crawl.
_LATE = {"crawler": "page_crawler"}
_bar = late.module("tqdm")


def _progress(limit: int) -> AbstractContextManager[Any]:
    """A context that gives a bar whose ``update(1)`` shows on a terminal; None without tqdm."""
    try:
        made: AbstractContextManager[Any] = _bar.tqdm(
            unit=" pages", total=None if limit == sys.maxsize else limit, disable=None
        )
    except ImportError:
        return nullcontext()
    return made


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as the other commands do."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"celadon crawl: {message}; celadon crawl --help says more\n")


class _Help(argparse.HelpFormatter):
    """Writes ``-o, --output OUTPUT`` as Python 3.13 does, so that the manual is the same by every Python."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if len(action.option_strings) < 2 or action.nargs == 0:
            return super()._format_action_invocation(action)
        return f"{', '.join(action.option_strings)} {action.metavar or action.dest.upper()}"


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="celadon crawl",
        formatter_class=_Help,
        description="Crawl web sites politely, to lines of JSON. Private addresses are refused, also behind names and "
        "redirects. A run with the same output goes on where the last one ended.",
        epilog="It needs requests, selectolax and protego: pip install 'celadon[crawler]'.",
    )
    parser.add_argument("seeds", nargs="+", metavar="URL", help="where to begin; http:// may be left out")
    parser.add_argument("-o", "--output", required=True, help="the file of JSON lines, one for each page")
    parser.add_argument("--depth", type=int, default=3, help="how many links away from the seeds (default %(default)s)")
    parser.add_argument("--limit", type=int, default=sys.maxsize, help="how many fetches at most (default: no limit)")
    parser.add_argument("--workers", type=int, default=100, help="pages at the same time (default %(default)s)")
    parser.add_argument(
        "--delay", type=float, default=1.0, help="seconds between two pages of one address (default %(default)s)"
    )
    parser.add_argument("--engine", default="python", help="the resolver's engine: python, ares, thread")
    parser.add_argument("--servers", nargs="*", help="name servers in place of resolv.conf's")
    parser.add_argument("--allow", nargs="*", default=[], help="private networks that may be crawled all the same")
    parser.add_argument("--cache", help="a file of DNS answers, read at the beginning and written at the end")
    parser.add_argument("--report", metavar="FILE.html", help="write a table and a plot of the lookups")
    return parser


def main(args: list[str] | None = None) -> int:
    """Patch, crawl, report. Returns the exit code: 2 for wrong arguments, 1 for a file that cannot be used."""
    parser = _parser()
    try:
        options = parser.parse_args(args)
    except SystemExit as end:
        return int(end.code or 0)
    try:
        crawler: Any = importlib.import_module(f"{__package__}.{_LATE['crawler']}")
        options.seeds = [crawler.seed(one) for one in options.seeds]
        report = Report() if options.report else None
        more = {"servers": options.servers} if options.servers else {}
        resolver = CrawlerResolver(
            options.engine, guard=Guard(allow=options.allow), on_event=None if report is None else report.event, **more
        )
    except (ImportError, ValueError, TypeError, ResolverConfigError, ResolverUnavailable) as error:
        return _complain(str(error), 2)
    patch_all(resolver=resolver)
    try:
        return _crawl(crawler, options, resolver, report)
    except OSError as error:
        return _complain(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "), 1)
    except KeyboardInterrupt:
        return 130


def _complain(what: str, code: int) -> int:
    print(f"celadon crawl: {what}", file=sys.stderr)
    return code


def _crawl(crawler: Any, options: Any, resolver: CrawlerResolver, report: Report | None) -> int:
    if options.cache and os.path.exists(options.cache):
        resolver.load(options.cache)
    with open(options.output, "a+", encoding="utf-8") as out, _progress(options.limit) as shown:
        pages = crawler.PageCrawler(options, resolver, out)
        if shown is not None:
            pages.progress = lambda record: shown.update(1)
        out.seek(0)
        known = pages.resume(out)
        for url in options.seeds:
            pages.see(url, 0)
        workers = [threading.Thread(target=pages.worker) for _ in range(options.workers)]
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
        f"{pages.written} pages, {known} known before, {len(pages.frontier)} left; "
        f"{stats.lookups} lookups, {stats.blocked} refused by the guard",
        file=sys.stderr,
    )
    return 0


__all__ = ["main"]
