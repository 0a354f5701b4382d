"""``resolve bench``: what it asks, how it counts, and what it writes."""

import json
import random
import statistics
import xml.etree.ElementTree as ElementTree

import pytest

from celadon.green import socket
from celadon.resolver import Answer, Kind, Question, ResolveError, RRType
from celadon.resolver.cli import main
from celadon.resolver.cli.bench.bench_command import Bench
from celadon.resolver.cli.bench.bench_options import delay, parse, seconds
from celadon.resolver.cli.bench.bench_report import as_prometheus
from celadon.resolver.cli.bench.exposed import Exposed, endpoint
from celadon.resolver.cli.bench.measures import Latencies, Measures
from celadon.resolver.cli.exits import FileError, UsageError
from celadon.resolver.testing import Drop, Rcode, Truncate

SYNTHETIC = True
RECORDS = [(name, "A", "192.0.2.1") for name in ("refused.test", "nx.test", "dead.test", "long.test")]
SCRIPTS = {"refused.test": Rcode(5), "nx.test": Rcode(3), "dead.test": Drop(), "long.test": Truncate()}
KEYS = {
    "totalRequests", "totalSuccessCodes", "totalErrors", "totalIDmismatch", "totalTruncatedResponses", "responseRcodes",
    "questionTypes", "queriesPerSecond", "benchmarkDurationSeconds", "latencyStats",
}  # fmt: skip
TIMES = {"minMs", "meanMs", "stdMs", "maxMs", "p99Ms", "p95Ms", "p90Ms", "p75Ms", "p50Ms"}


@pytest.fixture
def bench(server, capsys):
    def run(*words):
        code = main(["bench", f"@{server.address}", *words])
        return code, *capsys.readouterr()

    return run


def test_the_report_has_dnspyres_keys(bench, server):
    code, out, err = bench("www.test", "b.test", "-t", "A", "--type=AAAA", "-n", "3", "-c", "2", "--json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert report.keys() == KEYS
    assert report["latencyStats"].keys() == TIMES
    assert report["totalRequests"] == report["totalSuccessCodes"] == 2 * 2 * 3 * 2
    assert report["responseRcodes"] == {"NOERROR": 24}
    assert report["questionTypes"] == {"A": 12, "AAAA": 12}
    assert report["queriesPerSecond"] > 0
    times = report["latencyStats"]
    assert 0 < times["minMs"] <= times["p50Ms"] <= times["p75Ms"] <= times["p99Ms"] <= times["maxMs"]


def test_options_of_edns_as_dnspyre_has_them(bench, server, monkeypatch):
    seen = []
    real = server._lookup

    def lookup(asked, *rest):
        seen.append(asked)
        return real(asked, *rest)

    monkeypatch.setattr(server, "_lookup", lookup)
    words = ["--edns0=4096", "--ednsopt=65001:cafe", "--no-recurse", "--no-distribution", "--min", "1ms", "--json"]
    code, _, err = bench("www.test", *words)
    assert (code, err) == (0, "")
    assert (seen[0].payload, seen[0].flags & 0x0100) == (4096, 0)
    assert [(int(one.otype), one.data) for one in seen[0].options] == [(65001, b"\xca\xfe")]


@pytest.mark.parametrize(
    ("words", "scheme", "port", "trust"),
    [
        (["@192.0.2.1", "--dot"], "tls", 853, ""),
        (["@192.0.2.1", "--dot", "--insecure"], "tls", 853, None),
        (["@192.0.2.1:8853", "--dot"], "tls", 8853, ""),
        (["@192.0.2.1", "--dot", "-p", "99"], "tls", 99, ""),
        (["@192.0.2.1"], "udp", 53, ""),
    ],
)
def test_over_tls(words, scheme, port, trust):
    [server] = Bench(parse(["x.test", *words]))._config.servers
    assert (server.scheme, server.port, server.trust) == (scheme, port, trust)


def test_what_went_wrong_is_counted(bench):
    names = ["www.test", "refused.test", "nx.test", "dead.test", "long.test"]
    code, out, _ = bench(*names, "-c", "5", "--request", "100ms", "--json")
    report = json.loads(out)
    assert code == 0
    assert report["totalErrors"] == 5
    assert report["totalTruncatedResponses"] == 5
    assert report["responseRcodes"] == {"NOERROR": 10, "REFUSED": 5, "NXDOMAIN": 5}
    assert report["totalSuccessCodes"] == 10


@pytest.mark.parametrize(
    ("name", "fails", "code"),
    [
        ("www.test", ["ioerror", "negative", "error", "idmismatch"], 0),
        ("nx.test", ["ioerror", "error"], 0),
        ("nx.test", ["negative"], 1),
        ("refused.test", ["error"], 1),
        ("dead.test", ["ioerror"], 1),
        ("dead.test", [], 9),
    ],
)
def test_fail(bench, name, fails, code):
    words = [word for one in fails for word in ("--fail", one)]
    assert bench(name, "--request", "50ms", "--silent", *words)[:2] == (code, "")


def test_duration_and_rate(bench):
    report = json.loads(bench("www.test", "-c", "4", "-d", "500ms", "-l", "100", "--json")[1])
    assert 0.45 <= report["benchmarkDurationSeconds"] <= 0.6
    assert 30 <= report["totalRequests"] <= 60
    report = json.loads(bench("www.test", "-c", "2", "-d", "300ms", "--rate-limit-worker", "20", "--json")[1])
    assert 4 <= report["totalRequests"] <= 14


def test_delay_and_probability(bench):
    report = json.loads(bench("www.test", "-n", "3", "--request-delay", "40ms-50ms", "--json")[1])
    assert report["benchmarkDurationSeconds"] >= 0.12
    assert json.loads(bench("www.test", "-n", "50", "--probability", "0", "--json")[1])["totalRequests"] == 0
    assert json.loads(bench("www.test", "-d", "50ms", "--probability", "0", "--json")[1])["totalRequests"] == 0
    some = json.loads(bench("www.test", "-n", "400", "--probability", "0.5", "--json")[1])["totalRequests"]
    assert 120 < some < 280


def test_files(bench, tmp_path):
    names = tmp_path / "names"
    names.write_text("www.test\n# not me\n\nb.test\n")
    plots, table, metrics = tmp_path / "plots", tmp_path / "table.csv", tmp_path / "metrics"
    words = ["--plot", plots, "--csv", table, "--prometheus", metrics, "-n", "5"]
    code, out, _ = bench(f"@{names}", *map(str, words))
    assert code == 0
    assert "Total requests:\t\t10\n" in out
    assert "\t p50:\t\t" in out
    found = {one.name: one.read_text() for one in plots.iterdir()}
    assert len(found) == 5
    for text in found.values():
        assert ElementTree.fromstring(text).tag.endswith("svg")
    rows = table.read_text().splitlines()
    assert rows[0] == "From (ms),To (ms),Count"
    assert sum(int(row.split(",")[2]) for row in rows[1:]) == 10
    told = metrics.read_text()
    assert 'resolve_bench_responses_total{rcode="NOERROR"} 10\n' in told
    assert "resolve_bench_latency_seconds_count 10\n" in told
    assert told.count("# TYPE") == 7


def fetched(port, request=b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"):
    stream = socket.socket()
    stream.connect(("127.0.0.1", port))
    stream.sendall(request)
    found = b""
    while data := stream.recv(65536):
        found += data
    stream.close()
    return found


def test_scraped_while_it_runs():
    measures = Measures()
    measures.add(1, Answer(Question("a.test", RRType.A), rtt=0.01), 0.0)
    exposed = Exposed(("127.0.0.1", 0), lambda: as_prometheus(measures))
    with pytest.raises(FileError, match="in use"):
        Exposed(("127.0.0.1", exposed.port), str)
    silent = socket.socket()  # who says nothing holds nobody up
    silent.connect(("127.0.0.1", exposed.port))
    found = fetched(exposed.port)
    assert found.startswith(b"HTTP/1.1 200 OK\r\n")
    head, _, body = found.partition(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(body) in head
    assert b'resolve_bench_responses_total{rcode="NOERROR"} 1' in body
    assert fetched(exposed.port, b"GET /else HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 404")
    assert fetched(exposed.port, b"x" * 8192).startswith(b"HTTP/1.1 404")
    exposed.close()
    silent.close()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (":8080", ("0.0.0.0", 8080)),
        ("127.0.0.1:9", ("127.0.0.1", 9)),
        ("[::1]:9", ("::1", 9)),
        ("file", None),
        ("a:b", None),
        ("./x:80", None),
        ("-", None),
        ("", None),
        (":99999", None),
    ],
)
def test_a_port_or_a_file(text, where):
    assert endpoint(text) == where


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ([], 1, "no name given"),
        (["x.test", "-n", "0"], 1, "not a positive number"),
        (["x.test", "-n", "1", "-d", "1s"], 1, "exclude each other"),
        (["x.test", "-d", "soon"], 1, "not a time"),
        (["x.test", "--fail", "often"], 1, "not one of ioerror"),
        (["x.test", "--probability", "2"], 1, "from 0 to 1"),
        (["x.test", "--request-delay", "2s-1s"], 1, "the first time is the greater one"),
        (["x.test", "-t", "NONSENSE"], 1, "NONSENSE"),
        (["x.test", "--plotf", "png"], 1, "not one of svg"),
        (["x.test", "--nonsense"], 1, "unknown option --nonsense"),
        (["@/nowhere"], 8, "/nowhere"),
        (["x" * 64], 1, "legal"),
        (["https://x.test/list"], 1, "is no name"),
        (["x.test", "--ednsopt", "no"], 1, "is not CODE:HEX"),
        (["x.test", "--edns0", "70000"], 1, "from 0 to 65535"),
        (["x.test", "--csv", "/nowhere/x"], 8, "/nowhere/x"),
        (["x.test", "--plot", "/dev/null/x"], 8, "/dev/null/x"),
    ],
)
def test_wrong_options(server, capsys, words, code, why):
    assert main(["bench", *words[:1], f"@{server.address}", *words[1:]]) == code
    assert why in capsys.readouterr().err


def test_help(capsys):
    assert main(["bench", "--help"]) == 0
    assert "--request-delay" in capsys.readouterr().out


def test_times():
    assert [seconds(one) for one in ("10s", "1m30s", "250ms", "1h", "2", "0.5", "500us")] == [
        10, 90, 0.25, 3600, 2, 0.5, pytest.approx(0.0005),
    ]  # fmt: skip
    assert delay("1s-2s") == (1, 2)
    for bad in ("", "x", "-1s", "1x", "s", "1s1", "inf", "nan"):
        with pytest.raises(UsageError):
            seconds(bad)


def test_servers_and_names():
    made = parse(["-s", "192.0.2.1", "@192.0.2.2:5353", "www.test", "-c4", "-d=5s"])
    assert [str(one) for one in made.servers] == ["192.0.2.2#5353", "192.0.2.1#53"]
    assert (made.names, made["--concurrency"], made["--duration"]) == (["www.test"], 4, 5)


def test_quantiles_are_exact_to_half_a_percent():
    chance = random.Random(1)
    values = [chance.lognormvariate(-6, 1.5) for _ in range(20_000)]
    found = Latencies()
    for one in values:
        found.add(one)
    values.sort()
    for part in (0.5, 0.75, 0.9, 0.95, 0.99):
        assert found.quantile(part) == pytest.approx(values[int(part * len(values)) - 1], rel=0.006)
    assert found.mean == pytest.approx(statistics.fmean(values))
    assert found.deviation == pytest.approx(statistics.pstdev(values))
    assert (found.least, found.most) == (values[0], values[-1])
    assert sum(count for _, _, count in found.rows()) == len(values)
    assert Latencies().quantile(0.5) == 0.0
    assert Latencies().rows() == []


def test_a_long_run_takes_no_more_memory():
    made = Measures()
    good = Answer(Question("a.test", RRType.A), rtt=0.01)
    bad = ResolveError(Kind.TIMEOUT, "a.test")
    for second in range(5000):
        made.add(1, good, float(second))
        made.add(1, bad, float(second))
    assert len(made.slices) <= 600
    assert sum(one.requests for one in made.slices.values()) == 10_000
    assert sum(one.errors for one in made.slices.values()) == made.errors == 5000
