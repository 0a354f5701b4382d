"""Real authoritative servers on loopback: NSD and Knot, serving fixtures/zones while a ``with`` block lasts."""

import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ZONES = Path(__file__).parents[2] / "fixtures" / "zones"
SERVED = ("celadon.test", "2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa")

NSD = """
server:
  ip-address: {address}@{port}
  username: ""
  chroot: ""
  zonesdir: "{zones}"
  database: ""
  pidfile: "{place}/nsd.pid"
  xfrdfile: "{place}/xfrd.state"
  zonelistfile: "{place}/zone.list"
  xfrdir: "{place}"
  server-count: 1
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  nsid: "ascii_celadon"
remote-control:
  control-enable: no
"""
KNOT = """
server:
  rundir: "{place}"
  listen: {address}@{port}
  nsid: celadon
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: warning
database:
  storage: "{place}"
mod-cookies:
  - id: default
template:
  - id: default
    storage: "{zones}"
    global-module: mod-cookies/default
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
zone:
"""


def free_port(address="127.0.0.1"):
    """A port that was free a moment ago, for UDP and TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind((address, 0))
            try:
                tcp.bind((address, udp.getsockname()[1]))
            except OSError:
                continue
            return udp.getsockname()[1]


def binary(kind):
    """Where NSD or Knot is, or None."""
    name = {"nsd": "nsd", "knot": "knotd"}[kind]
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def _config(kind, place, address, port, zones):
    head = {"nsd": NSD, "knot": KNOT}[kind].format(place=place, address=address, port=port, zones=ZONES)
    for zone, file in zones.items():
        if kind == "nsd":
            head += f'zone:\n  name: "{zone}"\n  zonefile: "{file}"\n  provide-xfr: {address} NOKEY\n'
        else:
            head += f'  - domain: "{zone}"\n    file: "{file}"\n'
    return head


@contextmanager
def authority(kind, address="127.0.0.1", port=None, zones=None):
    """NSD or Knot with these zones (name -> file in fixtures/zones); gives the port."""
    port = port or free_port(address)
    zones = zones or {name: f"{name}.zone" for name in SERVED}
    with tempfile.TemporaryDirectory(prefix="celadon-") as place:
        config = Path(place) / "conf"
        config.write_text(_config(kind, place, address, port, zones))
        command = [binary(kind), "-d", "-c", str(config)] if kind == "nsd" else [binary(kind), "-c", str(config)]
        with open(Path(place) / "log", "w+b") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
            try:
                _wait(process, address, port, log)
                yield port
            finally:
                process.terminate()
                process.wait(10)


def _wait(process, address, port, log):
    ends = time.monotonic() + 15
    question = b"\x12\x34\0\0\0\1\0\0\0\0\0\0\7celadon\4test\0\0\6\0\1"
    while time.monotonic() < ends and process.poll() is None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.2)
            try:
                probe.connect((address, port))
                probe.send(question)
                if probe.recv(4096)[:2] == question[:2]:
                    return
            except OSError:
                time.sleep(0.05)
    log.seek(0)
    raise RuntimeError(f"the server did not come up: {log.read().decode(errors='replace')}")
