"""What ``make demo`` runs: 500 host names crawled with unmodified urllib under patch_all, once per engine.

A name server and a web site live in this process, on loopback, in threads of their own. Each engine crawls in a
child process. The exit status is 1 if one page or one address is not what it must be (``--sabotage`` makes one wrong).
"""

import http.server
import json
import subprocess
import sys
import threading

from celadon.resolver.testing import NameServer

ENGINES = ("ares", "thread", "python")
COUNT = 500
AT_ONCE = 50


def hosts():
    """Host name -> the loopback address that it must resolve to."""
    return {f"h{n}.demo.test": f"127.0.{n // 250 + 1}.{n % 250 + 1}" for n in range(COUNT)}


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


def crawl(engine, server, port):
    """In the child: crawl, and print what came as one line of JSON."""
    from celadon import patch_all, sleep, spawn

    patch_all(resolver=engine, servers=[server])
    import time

    from celadon.hub import Pool
    from examples.crawl import fetch

    worst = [0.0]

    def ticker():
        while True:
            before = time.monotonic()
            sleep(0.01)
            worst[0] = max(worst[0], time.monotonic() - before - 0.01)

    def one(host):
        try:
            return host, *fetch(host, port)
        except Exception as error:
            return host, "", f"{type(error).__name__}: {error}"

    ticking = spawn(ticker)
    begin = time.monotonic()
    got = Pool(AT_ONCE).map(one, hosts())
    seconds = time.monotonic() - begin
    ticking.kill()
    print(json.dumps({"seconds": seconds, "blocked": worst[0], "got": got}))


def main(argv):
    """Run all engines; returns the exit status."""
    if argv[:1] == ["--crawl"]:
        crawl(argv[1], argv[2], int(argv[3]))
        return 0
    wrong_host = "h7.demo.test" if "--sabotage" in argv else None
    wrong = 0
    site = Server(("0.0.0.0", 0), Site)
    port = site.server_address[1]
    thread = threading.Thread(target=site.serve_forever)
    thread.start()
    try:
        with NameServer() as names:
            for host, address in hosts().items():
                names.add(host, "A", "127.0.0.99" if host == wrong_host else address)
            print(f"{'engine':8} {'names/s':>9} {'pages/s':>9} {'errors':>7} {'hub blocked, ms':>16}")
            for engine in ENGINES:
                command = [sys.executable, "-m", "examples.demo", "--crawl", engine, names.address, str(port)]
                done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
                if done.returncode:
                    print(f"{engine:8} failed:\n{done.stderr}", file=sys.stderr)
                    wrong += 1
                    continue
                result = json.loads(done.stdout)
                bad = [row for row in result["got"] if row[1:] != [hosts()[row[0]], page(row[0])]]
                missing = COUNT - len(result["got"])
                rate = COUNT / result["seconds"]
                # Each page costs two lookups: the crawler's own and the one inside urllib.
                print(f"{engine:8} {rate * 2:9.0f} {rate:9.0f} {len(bad) + missing:7} {result['blocked'] * 1000:16.1f}")
                for host, address, text in bad[:3]:
                    print(f"  wrong: {host} at {address!r}: {text[:100]}", file=sys.stderr)
                wrong += len(bad) + missing
    finally:
        site.shutdown()
        thread.join()
        site.server_close()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
