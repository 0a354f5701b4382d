"""``resolve bench`` beside dnsperf, on the same server with known delays: the same rate, the same percentiles."""

import json
import subprocess
import sys

import pytest

from tests.integration.signed_zones import find

SERVER = """
from celadon.resolver.testing import Delay, NameServer
import sys
with NameServer() as server:
    for name, delay in (("a.test", 0.01), ("b.test", 0.02), ("c.test", 0.03), ("d.test", 0.06)):
        server.add(name, "A", "192.0.2.1")
        server.script(name, Delay(delay))
    print(server.port, flush=True)
    sys.stdin.read()
"""
NAMES = ("a.test", "b.test", "c.test", "d.test")
SECONDS, IN_FLIGHT = 6, 8

pytestmark = pytest.mark.skipif(find("dnsperf") is None, reason="dnsperf is not installed")


@pytest.fixture(scope="module")
def port():
    words = [sys.executable, "-c", SERVER]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield int(process.stdout.readline())
        process.stdin.close()


def dnsperf(port, tmp_path, *words):
    """Its rate, and the latencies in milliseconds, sorted."""
    names = tmp_path / "names"
    names.write_text("".join(f"{one} A\n" for one in NAMES))
    done = subprocess.run(
        [find("dnsperf"), "-s", "127.0.0.1", "-p", str(port), "-d", str(names), "-l", str(SECONDS), "-v", *words],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    times = sorted(float(line.split()[-1]) * 1000 for line in lines if line.startswith("> NOERROR"))
    rate = next(float(line.split()[-1]) for line in lines if "Queries per second" in line)
    return rate, times


def bench(port, *words):
    done = subprocess.run(
        [sys.executable, "-m", "celadon.resolver.cli", "bench", f"@127.0.0.1:{port}", *NAMES, "-d", f"{SECONDS}s",
         "--json", *words],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (["-q", str(IN_FLIGHT)], ["-c", str(IN_FLIGHT)]),
        (["-q", "20", "-Q", "100"], ["-c", "20", "-l", "100"]),
    ],
    ids=["as fast as it goes", "100 a second"],
)
def test_as_dnsperf(port, tmp_path, theirs, ours):
    rate, times = dnsperf(port, tmp_path, *theirs)
    report = bench(port, *ours)
    assert report["queriesPerSecond"] == pytest.approx(rate, rel=0.1)
    stats = report["latencyStats"]
    assert stats["meanMs"] == pytest.approx(sum(times) / len(times), rel=0.1)
    for part in (90, 95, 99):
        assert stats[f"p{part}Ms"] == pytest.approx(times[int(part / 100 * len(times)) - 1], rel=0.1)
