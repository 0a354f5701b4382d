"""What ``make demo`` runs: host names crawled by unchanged urllib code, 50 at once, with and without Celadon.

A name server and a web site live in this process, on loopback. Each way crawls in a child process, in rounds, so that
a slow moment of the machine falls on all of them; each round begins with another one. The exit status is 1 if one page
or one address is not what it must be (``--sabotage`` makes one wrong). ``--html FILE`` writes a page with a plot.
"""

import argparse
import http.server
import json
import pathlib
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
COUNT, AT_ONCE, ROUNDS, ADDRESSES = 300, 50, 3, 10


def hosts():
    """Host name -> the loopback address that it must resolve to."""
    return {f"h{n}.demo.test": f"127.0.1.{n % ADDRESSES + 1}" for n in range(COUNT)}


def page(host):
    """The page that the site must give for a host."""
    return f"This is {host}, page {sum(host.encode()) * 7919}."


class Site(http.server.BaseHTTPRequestHandler):
    """Answers by Host header."""

    def do_GET(self):
        body = page(self.headers["Host"].partition(":")[0]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """Room for all that knock at once."""

    request_queue_size = 1024
    daemon_threads = True


def sites():
    """A server on each of the addresses, all with one port, in threads."""
    first = Server(("127.0.1.1", 0), Site)
    made = [first, *(Server((f"127.0.1.{n + 1}", first.server_port), Site) for n in range(1, ADDRESSES))]
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


def crawl(way, server, port):
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
    got = list(each(one, hosts()))
    print(json.dumps({"got": got, "seconds": time.monotonic() - begin, "cpu": time.process_time() - cpu}))


def child(way, address, port, expected):
    """One crawl in a process of its own: its result, and how many pages were wrong."""
    command = [sys.executable, "-m", "examples.demo", "--crawl", way, address, str(port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        print(f"{way} failed:\n{done.stderr}", file=sys.stderr)
        return None, COUNT
    result = json.loads(done.stdout)
    bad = [row for row in result["got"] if row[1:3] != [expected[row[0]], page(row[0])]]
    for host, found, text, _ in bad[:3]:
        print(f"  wrong: {way}: {host} at {found!r}: {text[:100]}", file=sys.stderr)
    return result, len(bad) + COUNT - len(result["got"])


def rounds(address, port, count):
    """All crawls: way -> the best one; and way -> wrong pages."""
    ways, expected = list(WAYS), hosts()
    best, wrong = {}, dict.fromkeys(ways, 0)
    for n in range(count):
        for way in ways[n % len(ways) :] + ways[: n % len(ways)]:
            result, bad = child(way, address, port, expected)
            wrong[way] += bad
            if result is None:
                print(f"  round {n + 1} of {count}: {way:10} failed", flush=True)
                continue
            print(f"  round {n + 1} of {count}: {way:10} {COUNT / result['seconds']:6.0f} pages/s", flush=True)
            if way not in best or result["seconds"] < best[way]["seconds"]:
                best[way] = result
    return best, wrong


def conclusion(best):
    """One sentence with figures."""
    engines = [way for way in best if way != "unpatched"]
    fastest, base = min(engines, key=lambda way: best[way]["seconds"]), best.get("unpatched")
    if base is None:
        return f"The same pages came with every engine; {fastest} was the fastest."
    mine = best[fastest]
    return (
        f"The unchanged crawler got the same {COUNT} pages in {base['seconds']:.2f} s with {AT_ONCE} threads of the "
        f"operating system,\nand in {mine['seconds']:.2f} s ({base['seconds'] / mine['seconds']:.1f} times as fast, "
        f"{mine['cpu'] / base['cpu']:.1f} times the CPU) with {AT_ONCE} greenlets in one thread and Celadon's "
        f"resolver {fastest!r}."
    )


def html(best):
    """A page with the pages done over time, a line for each way."""
    longest = max(one["seconds"] for one in best.values())
    lines = []
    for n, (way, one) in enumerate(best.items()):
        times = sorted(row[3] for row in one["got"])
        points = " ".join(
            f"{60 + 700 * at / longest:.1f},{340 - 300 * (k + 1) / COUNT:.1f}" for k, at in enumerate(times)
        )
        colour = COLOURS[way]
        lines.append(f'<polyline points="60,340 {points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        lines.append(f'<text x="470" y="{260 + 20 * n}" fill="{colour}">{way}: {WAYS[way]}</text>')
    for part in range(5):
        x = 60 + 175 * part
        lines.append(f'<text x="{x}" y="362" text-anchor="middle">{longest * part / 4:.2f} s</text>')
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Celadon: the demo</title>'
        '<body style="font: 15px system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em">'
        f"<h1>{COUNT} pages, {AT_ONCE} at once</h1>"
        '<svg viewBox="0 0 860 380" style="width: 100%" font-size="13" role="img"><title>Pages done over time</title>'
        f'<path d="M60 40V340H760" fill="none" stroke="#8b949e"/><text x="52" y="46" text-anchor="end">{COUNT}</text>'
        f"{''.join(lines)}</svg><p>{conclusion(best)}</p></body></html>\n"
    )


def main(argv):
    """Run all ways; returns the exit status."""
    if argv[:1] == ["--crawl"]:
        crawl(argv[1], argv[2], int(argv[3]))
        return 0
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--html", type=pathlib.Path, metavar="FILE", help="write a page with the pages over time")
    parser.add_argument("--sabotage", action="store_true", help="give one wrong address, to see that it is noticed")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"each way so many times ({ROUNDS})")
    options = parser.parse_args(argv)
    print(f"{COUNT} names, each looked up and fetched by unchanged urllib code (examples/crawl.py), {AT_ONCE} at once.")
    print(
        "Name server and web site run here, on loopback. Each way has a process of its own; best of the rounds counts."
    )
    made = sites()
    try:
        with NameServer() as names:
            for host, address in hosts().items():
                wrong_one = options.sabotage and host == "h7.demo.test"
                names.add(host, "A", "127.0.0.99" if wrong_one else address)
            best, wrong = rounds(names.address, made[0].server_port, options.rounds)
    finally:
        for one in made:
            one.shutdown()
            one.server_close()
    print(f"\n{'way':10} {'pages/s':>8} {'CPU, s':>7} {'wrong':>6}")
    for way, what in WAYS.items():
        if way in best:
            seconds, cpu = best[way]["seconds"], best[way]["cpu"]
            print(f"{way:10} {COUNT / seconds:8.0f} {cpu:7.2f} {wrong[way]:6}  {what}")
    if len(best) > 1:
        print(f"\n{conclusion(best)}")
    if options.html and best:
        options.html.write_text(html(best), encoding="utf-8")
        print(f"\nA plot: {options.html}")
    return 1 if sum(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
