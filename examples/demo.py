"""What ``make demo`` runs: host names crawled by unchanged urllib code, 50 at once, with and without Celadon.

A name server and a web site live in this process, on loopback. Each way crawls in a child process, in rounds, so that
a slow moment of the machine falls on all of them; every second round goes backwards. The exit status is 1 if one page
or one address is not what it must be (``--sabotage`` makes one wrong). ``--html FILE`` writes a page with a plot.
"""

import argparse
import html
import json
import pathlib
import socketserver
import subprocess
import sys
import threading
import time

from celadon.resolver.testing import NameServer

#: Way -> what it is. The first is what a program does without us: threads of the operating system, libc's lookups.
WAYS = {
    "unpatched": "50 threads, libc",
    "thread": "50 greenlets, libc in threads of its own",
    "ares": "50 greenlets, c-ares",
    "python": "50 greenlets, Celadon's own exchange",
}
COLOURS = dict(zip(WAYS, ("#8b949e", "#b8860b", "#2f6fde", "#1a7f5a"), strict=True))
COUNT, AT_ONCE, ROUNDS, ADDRESSES = 300, 50, 2, 10


def hosts(count):
    """Host name -> the loopback address that it must resolve to."""
    return {f"h{n}.demo.test": f"127.0.1.{n % ADDRESSES + 1}" for n in range(count)}


def page(host):
    """The page that the site must give for a host."""
    return f"This is {host}, page {sum(host.encode()) * 7919}."


class Site(socketserver.StreamRequestHandler):
    """Answers by Host header. It does little, so that what is measured is the crawler."""

    def handle(self):
        lines = list(iter(self.rfile.readline, b"\r\n"))
        host = next(one[5:].strip() for one in lines if one[:5].lower() == b"host:").decode()
        body = page(host.partition(":")[0]).encode()
        self.request.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


class Server(socketserver.ThreadingTCPServer):
    """Room for all that knock at once."""

    request_queue_size = 1024
    daemon_threads = True


def sites():
    """A server on each of the addresses, all with one port, in threads."""
    first = Server(("127.0.1.1", 0), Site)
    port = first.server_address[1]
    made = [first, *(Server((f"127.0.1.{n + 1}", port), Site) for n in range(1, ADDRESSES))]
    for one in made:
        threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return made


def in_threads(server):
    """How an unpatched program does it: a function like ``map``, over threads; libc asks our server by its own way."""
    from concurrent.futures import ThreadPoolExecutor

    from celadon.resolver import Config, Server
    from celadon.resolver.resolvers import libc_servers

    host, _, port = server.rpartition(":")
    config = Config(servers=(Server(host, int(port)),))
    return ThreadPoolExecutor(AT_ONCE, initializer=libc_servers.apply, initargs=(config,)).map


def in_greenlets(way, server):
    """The same over greenlets, after the patch."""
    from celadon import patch_all
    from celadon.hub import Pool

    patch_all(resolver=way, servers=[server])
    return Pool(AT_ONCE).map


def crawl(way, server, port, count):
    """In the child: crawl, and print what came as one line of JSON."""
    each = in_threads(server) if way == "unpatched" else in_greenlets(way, server)
    from examples.crawl import fetch

    begin = time.monotonic()

    def one(host):
        try:
            got = fetch(host, port)
        except Exception as error:
            got = "", f"{type(error).__name__}: {error}"
        return host, *got, time.monotonic() - begin

    cpu = time.process_time()
    got = list(each(one, hosts(count)))
    print(json.dumps({"got": got, "seconds": time.monotonic() - begin, "cpu": time.process_time() - cpu}))


def child(way, address, port, expected):
    """One crawl in a process of its own: its result, and how many pages were wrong."""
    command = [sys.executable, "-m", "examples.demo", "--crawl", way, address, str(port), str(len(expected))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        print(f"{way} failed:\n{done.stderr}", file=sys.stderr)
        return None, len(expected)
    result = json.loads(done.stdout)
    bad = [row for row in result["got"] if row[1:3] != [expected[row[0]], page(row[0])]]
    for host, found, text, _ in bad[:3]:
        print(f"  wrong: {way}: {host} at {found!r}: {text[:100]}", file=sys.stderr)
    return result, len(bad) + len(expected) - len(result["got"])


def rounds(address, port, count, expected):
    """All crawls: way -> the best one; and way -> wrong pages."""
    ways = list(WAYS)
    best, wrong = {}, dict.fromkeys(ways, 0)
    for n in range(count):
        for way in ways[:: -1 if n % 2 else 1]:
            result, bad = child(way, address, port, expected)
            wrong[way] += bad
            if result is None:
                print(f"  round {n + 1} of {count}: {way:10} failed", flush=True)
                continue
            print(f"  round {n + 1} of {count}: {way:10} {len(expected) / result['seconds']:6.0f} pages/s", flush=True)
            if way not in best or result["seconds"] < best[way]["seconds"]:
                best[way] = result
    return best, wrong


def counted(best):
    """How many pages each way got."""
    return len(next(iter(best.values()))["got"])


def conclusion(best):
    """One sentence with figures."""
    engines = [way for way in best if way != "unpatched"]
    fastest, base = min(engines, key=lambda way: best[way]["seconds"]), best.get("unpatched")
    if base is None:
        return f"The same pages came with every engine; {fastest} was the fastest."
    mine = best[fastest]
    faster, cheaper = base["seconds"] / mine["seconds"], mine["cpu"] / base["cpu"]
    return (
        f"The unchanged crawler got the same {counted(best)} pages in {base['seconds']:.2f} s with {AT_ONCE} threads\n"
        f"of the operating system, and in {mine['seconds']:.2f} s ({faster:.1f} times as fast, {cheaper:.1f} times "
        f"the CPU)\nwith {AT_ONCE} greenlets in one thread and Celadon's resolver {fastest!r}."
    )


PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Celadon: the demo</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328 }}
table {{ border-collapse: collapse }} th, td {{ padding: .3em 1em; border-bottom: 1px solid #d0d7de; text-align: left }}
.number {{ text-align: right; font-variant-numeric: tabular-nums }}
</style>
<h1>The same crawler, four ways</h1>
<p>{count} host names, each looked up and its page fetched by unchanged <code>urllib</code> code, {at_once} at once.
Name server and web site were on this machine. The lines show how many pages had come after how many seconds, in each
way's best round.</p>
<svg viewBox="0 0 860 390" style="width: 100%" font-size="13" role="img"><title>Pages over time</title>{plot}</svg>
<table><tr><th>way<th class="number">pages/s<th class="number">seconds of CPU<th>what it is</tr>
{rows}</table>
<p>{conclusion}</p></html>
"""


def plot(best):
    """The lines, the frame, and each line's name."""
    longest, count = max(one["seconds"] for one in best.values()), counted(best)
    yield '<path d="M60 30V330H760" fill="none" stroke="#8b949e"/>'
    yield f'<text x="52" y="35" text-anchor="end">{count}</text><text x="52" y="334" text-anchor="end">0</text>'
    yield '<text x="60" y="18">pages</text><text x="410" y="380" text-anchor="middle">seconds</text>'
    for part in range(5):
        yield f'<text x="{60 + 175 * part}" y="352" text-anchor="middle">{longest * part / 4:.2f}</text>'
    for n, (way, one) in enumerate(sorted(best.items(), key=lambda item: item[1]["seconds"])):
        times = sorted(row[3] for row in one["got"])
        points = " ".join(
            f"{60 + 700 * at / longest:.1f},{330 - 300 * (k + 1) / count:.1f}" for k, at in enumerate(times)
        )
        yield f'<polyline points="60,330 {points}" fill="none" stroke="{COLOURS[way]}" stroke-width="2"/>'
        y = 250 + 20 * n
        yield f'<path d="M600 {y - 4}h24" stroke="{COLOURS[way]}" stroke-width="3"/><text x="632" y="{y}">{way}</text>'


def html_page(best):
    """A page with the pages done over time, a line for each way."""
    rows = [
        f'<tr><td style="color: {COLOURS[way]}"><b>{way}</b><td class="number">{len(one["got"]) / one["seconds"]:.0f}'
        f'<td class="number">{one["cpu"]:.2f}<td>{html.escape(WAYS[way])}</tr>'
        for way, one in best.items()
    ]
    return PAGE.format(
        count=counted(best),
        at_once=AT_ONCE,
        plot="".join(plot(best)),
        rows="\n".join(rows),
        conclusion=html.escape(conclusion(best)),
    )


def main(argv):
    """Run all ways; returns the exit status."""
    if argv[:1] == ["--crawl"]:
        crawl(argv[1], argv[2], int(argv[3]), int(argv[4]))
        return 0
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--html", type=pathlib.Path, metavar="FILE", help="write a page with the pages over time")
    parser.add_argument("--sabotage", action="store_true", help="give one wrong address, to see that it is noticed")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"each way so many times ({ROUNDS})")
    parser.add_argument("--names", type=int, default=COUNT, metavar="N", help=f"how many are crawled ({COUNT})")
    options = parser.parse_args(argv)
    expected = hosts(options.names)
    print(f"{options.names} names, each looked up and fetched by unchanged urllib code (examples/crawl.py),")
    print(f"{AT_ONCE} at once. Name server and web site run here, on loopback. Each way has a process of its own;")
    print("its best round counts.")
    made = sites()
    try:
        with NameServer() as names:
            for host, address in expected.items():
                wrong_one = options.sabotage and host == "h7.demo.test"
                names.add(host, "A", "127.0.0.99" if wrong_one else address)
            best, wrong = rounds(names.address, made[0].server_address[1], options.rounds, expected)
    finally:
        for one in made:
            one.shutdown()
            one.server_close()
    print(f"\n{'way':10} {'pages/s':>8} {'CPU, s':>7} {'wrong':>6}")
    for way, what in WAYS.items():
        if way in best:
            seconds, cpu = best[way]["seconds"], best[way]["cpu"]
            print(f"{way:10} {options.names / seconds:8.0f} {cpu:7.2f} {wrong[way]:6}  {what}")
    if len(best) > 1:
        print(f"\n{conclusion(best)}")
    if options.html and best:
        options.html.write_text(html_page(best), encoding="utf-8")
        print(f"\nA plot: {options.html}")
    return 1 if sum(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
