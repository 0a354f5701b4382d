"""Zone transfers from Knot and NSD, open and with a key, beside dig's: the same records, the same refusals."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from celadon.resolver.cli import main
from tests.integration.authorities import ZONES, free_port
from tests.integration.signed_zones import find, running

SECRET = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
KEY = f"hmac-sha256:k1:{SECRET}"
OPEN, CLOSED = "celadon.test", "2.0.192.in-addr.arpa"
KNOT = """
server:
  rundir: "{place}"
  listen: 127.0.0.1@{port}
log:
  - target: stderr
    any: warning
database:
  storage: "{place}"
key:
  - id: k1
    algorithm: hmac-sha256
    secret: {secret}
acl:
  - id: open
    address: 127.0.0.1
    action: transfer
  - id: keyed
    key: k1
    action: transfer
template:
  - id: default
    storage: "{place}"
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: all
zone:
  - domain: {open}
    file: {open}.zone
    acl: open
  - domain: {closed}
    file: {closed}.zone
    acl: keyed
"""
NSD = """
server:
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  zonesdir: "{place}"
  database: ""
  pidfile: "{place}/nsd.pid"
  xfrdfile: "{place}/xfrd.state"
  zonelistfile: "{place}/zone.list"
  server-count: 1
remote-control:
  control-enable: no
key:
  name: k1
  algorithm: hmac-sha256
  secret: {secret}
zone:
  name: {open}
  zonefile: {open}.zone
  provide-xfr: 127.0.0.1 NOKEY
zone:
  name: {closed}
  zonefile: {closed}.zone
  provide-xfr: 127.0.0.1 k1
"""


@pytest.fixture(scope="module", params=["knotd", "nsd"])
def server(request, tmp_path_factory):
    if find(request.param) is None or shutil.which("dig") is None:
        pytest.skip(f"{request.param} or dig is not installed")
    place, port = Path(tmp_path_factory.mktemp("transfers")), free_port()
    for zone in (OPEN, CLOSED):
        shutil.copy(ZONES / f"{zone}.zone", place)
    text = (KNOT if request.param == "knotd" else NSD).format(
        place=place, port=port, secret=SECRET, open=OPEN, closed=CLOSED
    )
    with running(place, request.param, port, text, *(["-d"] if request.param == "nsd" else [])):
        yield request.param, port, place


def dig(port, *words):
    done = subprocess.run(
        ["dig", "@127.0.0.1", "-p", str(port), *words], capture_output=True, text=True, timeout=20, check=False
    )
    return done.returncode, done.stdout


def records(text):
    return sorted(one for one in text.splitlines() if one and not one.startswith(";") and "\tTSIG\t" not in one)


@pytest.mark.parametrize(
    "words",
    [
        [OPEN, "AXFR"],
        [OPEN, "IXFR=1"],
        [OPEN, "IXFR=2026112501"],
        [OPEN, "AXFR", "+short"],
        [OPEN, "AXFR", "+multiline"],
        [CLOSED, "AXFR"],
        [CLOSED, "AXFR", "-y", KEY],
        [CLOSED, "IXFR=0", "-y", KEY],
        [CLOSED, "AXFR", "-y", "hmac-sha256:k1:AAAA"],
        [CLOSED, "AXFR", "-y", f"hmac-sha256:k2:{SECRET}"],
        ["nowhere.test", "AXFR"],
    ],
    ids=" ".join,
)
def test_as_dig(server, capsys, words):
    _, port, _ = server
    code = main(["@127.0.0.1", "-p", str(port), *words])
    out = capsys.readouterr().out
    theirs = dig(port, *words)
    assert records(out) == records(theirs[1])
    assert ("Transfer failed" in out) == ("Transfer failed" in theirs[1])
    assert code == theirs[0]


def test_a_signed_question(server, capsys):
    _, port, _ = server
    assert main(["@127.0.0.1", "-p", str(port), CLOSED, "SOA", "-y", KEY]) == 0
    out, err = capsys.readouterr()
    assert ";; TSIG PSEUDOSECTION:" in out
    assert err == ""


def test_differences(server, capsys):
    """Knot keeps a journal: after a change to its zone, IXFR gives the difference alone."""
    kind, port, place = server
    if kind != "knotd" or find("knotc") is None:
        pytest.skip("NSD serves no differences of a zone that it reads from a file")
    zone = place / f"{OPEN}.zone"
    zone.write_text(zone.read_text().replace("2026112501", "2026112502") + "\nnew 60 IN A 192.0.2.123\n")
    subprocess.run([find("knotc"), "-s", str(place / "knot.sock"), "zone-reload", OPEN], check=True, timeout=20)
    for _ in range(100):
        assert main(["@127.0.0.1", "-p", str(port), OPEN, "IXFR=2026112501", "--json"]) == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        if len(rows) > 1:
            break
    assert [row.get("change", "") for row in rows] == ["", "delete", "add", "add", ""]
    assert rows[3]["name"] == f"new.{OPEN}"
