"""The example project, by Scrapy's own command, on loopback."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("scrapy", reason="Scrapy is not installed (make test-integration has it)")

PROJECT = Path(__file__).parents[3] / "examples" / "scrapy_project"


def test_the_project(names, site, tmp_path):
    seeds = [f"http://{host}:{site.port}/" for host in ("good.test", "two.test", "evil.test", "nx.test", "127.0.0.1")]
    command = [
        sys.executable,
        "-m",
        "scrapy",
        "crawl",
        "pages",
        "-a",
        f"seeds={' '.join(seeds)}",
        "-O",
        f"{tmp_path}/out.jsonl",
    ]
    settings = {
        "CELADON_SERVERS": ",".join(names.servers),
        "CELADON_GUARD_ALLOW": "127.0.1.0/24",
        "RETRY_ENABLED": "0",
        "DOWNLOAD_DELAY": "0",
        "STATS_DUMP": "1",
    }
    command += [word for name, value in settings.items() for word in ("-s", f"{name}={value}")]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    got = {one["url"]: one.get("ip") or one["error"] for one in rows}
    assert len(got) == len(rows) == len(seeds)
    assert got[seeds[0]] == "127.0.1.1"
    assert got[seeds[1]] == "127.0.1.2"
    assert not [got[url] for url in seeds[2:] if got[url].startswith("127.")]
    assert set(site.reached) == {"127.0.1.1", "127.0.1.2"}
    assert "'dns/blocked': " in done.stderr
    assert "evil.test: BLOCKED: refused by the guard" in done.stderr
