"""Clients that know nothing of us, under ``patch_all`` with a crawler's resolver: nothing private is ever reached."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from celadon.resolver.testing import Delay, Drop, Script

for library in ("requests", "httpx", "aiohttp"):
    pytest.importorskip(library, reason=f"{library} is not installed")

CLIENTS = ("requests", "urllib", "httpx", "async httpx", "aiohttp")
PROGRAM = Path(__file__).parent / "patched.py"


@pytest.mark.addrconfig  # aiohttp asks with it
def test_unchanged_clients(names, site, private):
    bad, good = socket.inet_aton("127.0.0.1"), socket.inet_aton("127.0.1.3")
    for client in CLIENTS:
        host = f"flip-{client.replace(' ', '-')}.test"
        first = [True]

        def change(query, reply, first=first):
            return [reply.replace(bad, good) if bad in reply and first and first.pop() else reply]

        names.add(host, "A", "127.0.0.1", ttl=0)
        names.script(host, Script(change))
    names.add("warm.test", "A", "127.0.1.7", ttl=1)
    known = [True]
    names.script("warm.test", Script(lambda query, reply: [reply] if known and known.pop() else []))
    names.add("later.test", "A", "127.0.1.7")
    names.script("later.test", Drop(1))
    names.add("silent.test", "A", "127.0.1.1")
    names.script("silent.test", Drop())
    names.add("slow.test", "A", "127.0.1.7")
    names.script("slow.test", Delay(0.1))
    with socket.socket() as closed:  # bound, and nobody listens
        closed.bind(("127.0.1.1", 0))
        task = {
            "servers": names.servers,
            "port": site.port,
            "private": private,
            "closed": closed.getsockname()[1],
        }
        command = [sys.executable, "-W", "error", str(PROGRAM)]
        done = subprocess.run(command, input=json.dumps(task), capture_output=True, text=True, timeout=55, check=False)
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout)
    assert set(site.reached) == {"127.0.1.1", "127.0.1.3", "127.0.1.7"}, "the machine itself was connected to"
    for client, got in out["pages"].items():
        assert got["good"] == "good.test at 127.0.1.1", client
        assert got["flip"][0].endswith(".test at 127.0.1.3"), client
        assert " at " not in got["flip"][1], client
        assert not [one for one in got["private"] + got["redirects"] if " at " in one], client
    assert site.reached.count("127.0.1.1") == len(CLIENTS) * (1 + len(private))
    assert site.reached.count("127.0.1.3") == len(CLIENTS)
    assert out["late"] == out["late (pair)"] == "ConnectTimeout", "urllib3#1334"
    assert out["seconds"] < 5
    assert out["refused"] == "ConnectionError"
    assert out["waiters"] == ["slow.test at 127.0.1.7"]
    assert names.count("slow.test", "A") <= 2, "a hundred waiters are one query, and a second try on a slow machine"
    assert out["before"] == out["outage"][0] == "warm.test at 127.0.1.7", "what was known serves on"
    assert out["outage"][1] == "ConnectTimeout"
    assert out["after"] == "later.test at 127.0.1.7", "nobody is condemned"
    assert not out["fresh"]
