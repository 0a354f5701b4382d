"""Signed zones on loopback, good and broken in many ways: made by BIND's and Knot's tools, served by NSD, and looked up
through Unbound, once with and once without validation.
"""

import re
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .authorities import free_port

PROGRAMS = ("dnssec-keygen", "dnssec-signzone", "dnssec-dsfromkey", "kzonesign", "keymgr", "nsd", "unbound", "delv")
SOA = "@ 300 SOA ns hostmaster 1 3600 900 86400 300\n@ 300 NS ns\nns 300 A 127.0.0.1\n"
WWW = SOA + "www 300 A 192.0.2.1\nwww 300 A 192.0.2.2\n*.wild 300 TXT wild\na.b.ent 300 A 192.0.2.3\n"
GOOD = (
    WWW
    + "@ 300 MX 10 www\nalias 300 CNAME www\ntwo 300 CNAME alias\nnowhere 300 CNAME nothing\n"
    + "out 300 CNAME www.plain.test.\nacross 300 CNAME www.good3.test.\nbad 300 CNAME www.tamper.test.\n"
    + 'd 300 DNAME good3.test.\nsub 300 NS ns.plain.test.\n*.calias 300 CNAME www\nlong 300 TXT "a" "b\\"c"\n'
)
OPTOUT = WWW + "plain 300 NS ns.plain.test.\n"


def find(program):
    """Where a program is, or None."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")


def missing():
    """The programs that are not installed."""
    return [one for one in PROGRAMS if find(one) is None]


def _run(*command, cwd):
    done = subprocess.run(
        [find(command[0]), *map(str, command[1:])], capture_output=True, text=True, cwd=cwd, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def _drop(*patterns):
    """Remove the records that match one of these; a record is one line."""
    return lambda text: "".join(
        line + "\n" for line in text.splitlines() if not any(re.search(one, line) for one in patterns)
    )


def _change(old, new):
    def change(text):
        assert old in text, (old, text)
        return text.replace(old, new)

    return change


def _flip(pattern):
    """Change a letter of the signature in each record that matches."""

    def change(text):
        lines = text.splitlines()
        hits = [n for n, line in enumerate(lines) if re.search(pattern, line)]
        assert hits, pattern
        for n in hits:
            last = lines[n].split()[-1]
            bent = last[:8] + ("B" if last[8] == "A" else "A") + last[9:]
            lines[n] = lines[n].replace(last, bent)
        return "\n".join(lines) + "\n"

    return change


class Zone:
    """How one zone is made. ``ds``: what becomes of the DS records in the parent; ``bend``: of the signed zone."""

    def __init__(self, text=WWW, algorithm="ECDSAP256SHA256", *, nsec3="", start="-1h", end="+30d", bend=None, ds=None,
                 signer="bind", bits=None):  # fmt: skip
        self.text, self.algorithm, self.nsec3, self.start, self.end = text, algorithm, nsec3, start, end
        self.bend, self.ds, self.signer, self.bits = bend, ds or (lambda lines: lines), signer, bits


def _type(rrtype):
    return rf"\sIN\s{rrtype}\s|\s{rrtype}\s"


A_SIGNATURES = r"^www\S*\s.*RRSIG\s+A\s"
ZONES = {
    "good.test": Zone(GOOD),
    "deep.good.test": Zone(),
    "good3.test": Zone(GOOD.replace("good3", "good"), nsec3="-"),
    "salt.test": Zone(nsec3="abcd -H 10"),
    "optout.test": Zone(OPTOUT, nsec3="- -A"),
    "signed.optout.test": Zone(),
    "rsa.test": Zone(algorithm="RSASHA256", bits=2048),
    "rsa512.test": Zone(algorithm="RSASHA512", bits=2048),
    "p384.test": Zone(algorithm="ECDSAP384SHA384"),
    "ed.test": Zone(algorithm="ED25519"),
    "knot.test": Zone(signer="knot"),
    "plain.test": Zone(signer=""),
    "below.plain.test": Zone(ds=lambda lines: []),
    "expired.test": Zone(start="-60d", end="-30d"),
    "future.test": Zone(start="+30d", end="+60d"),
    "wrongds.test": Zone(ds=lambda lines: [re.sub(r"[0-9A-F]{8}$", "DEADBEEF", one) for one in lines]),
    "nods.test": Zone(ds=lambda lines: []),
    "tamper.test": Zone(bend=_change("192.0.2.1\n", "192.0.2.99\n")),
    "nosig.test": Zone(bend=_drop(A_SIGNATURES)),
    "bentsig.test": Zone(bend=_flip(A_SIGNATURES)),
    "bentkey.test": Zone(bend=_flip(r"RRSIG\s+DNSKEY\s")),
    "nokey.test": Zone(bend=_drop(r"\sDNSKEY\s")),
    "nonsec.test": Zone(bend=_drop(r"\sNSEC\s")),
    "nonsecsig.test": Zone(bend=_drop(r"\sRRSIG\s+NSEC\s")),
    "nonsec3.test": Zone(nsec3="-", bend=_drop(r"\sNSEC3\s")),
    "bentnsec3.test": Zone(nsec3="-", bend=_flip(r"RRSIG\s+NSEC3\s")),
    "stripped.test": Zone(bend=_drop(r"\sRRSIG\s", r"\sNSEC\s", r"\sDNSKEY\s")),
    "dear.test": Zone(nsec3="- -H 150"),
    "unknown.test": Zone(ds=lambda lines: [re.sub(r" 13 2 ", " 200 2 ", one) for one in lines]),
    "digest.test": Zone(ds=lambda lines: [re.sub(r" 13 2 ", " 13 99 ", one) for one in lines]),
    "onegood.test": Zone(ds=lambda lines: [re.sub(r"[0-9A-F]{8}$", "DEADBEEF", lines[0]), *lines]),
}


def _sign(place, name, text, zone):
    """The zone's signed text, a record a line, and its DS records."""
    source = place / f"{name or 'root'}.plain"
    origin = f"{name}."
    source.write_text(f"$ORIGIN {origin}\n$TTL 300\n{text}")
    signed = place / f"{name or 'root'}.zone"
    if not zone.signer:
        signed.write_text(source.read_text())
        return []
    keys = place / f"keys-{name or 'root'}"
    keys.mkdir()
    if zone.signer == "knot":
        return _sign_by_knot(place, name, source, signed, keys)
    bits = ["-b", zone.bits] if zone.bits else []
    key = _run("dnssec-keygen", "-q", "-a", zone.algorithm, *bits, "-f", "KSK", "-K", keys, origin, cwd=place).strip()
    nsec3 = ["-3", *zone.nsec3.split()] if zone.nsec3 else []
    times = ["-s", _when(zone.start), "-e", _when(zone.end)]
    words = ["-q", "-S", "-z", "-P", "-O", "full", "-K", keys, "-o", origin, *times, *nsec3, "-f", signed, source]
    _run("dnssec-signzone", *words, cwd=place)
    made = signed.read_text()
    made = "".join(line + "\n" for line in made.splitlines() if line and not line.startswith(";"))
    if zone.bend is not None:
        made = zone.bend(made)
    signed.write_text(made)
    return _run("dnssec-dsfromkey", "-2", keys / f"{key}.key", cwd=place).splitlines()


def _sign_by_knot(place, name, source, signed, keys):
    config = place / "knot.conf"
    config.write_text(
        f"server:\n  rundir: {place}\ndatabase:\n  storage: {keys}\n"
        f"policy:\n  - id: p\n    single-type-signing: on\n    manual: on\n"
        f"zone:\n  - domain: {name}\n    file: {source}\n    dnssec-signing: on\n    dnssec-policy: p\n"
    )
    _run("keymgr", "-c", config, name, "generate", "algorithm=ECDSAP256SHA256", "ksk=yes", "zsk=yes", cwd=place)
    out = place / "knot-out"
    out.mkdir()
    _run("kzonesign", "-c", config, "-o", out, name, cwd=place)
    signed.write_text(next(out.iterdir()).read_text())
    lines = _run("keymgr", "-c", config, name, "ds", cwd=place).splitlines()
    return [one.replace(" DS ", " IN DS ").upper().replace(name.upper(), name) for one in lines if " 13 2 " in one]


def _when(text):
    unit = {"h": 3600, "d": 86400}[text[-1]]
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + int(text[:-1]) * unit))


def make_zones(place):
    """Sign all of it, children first; returns the text of the root's anchor (DS)."""
    ds = {}
    for name in sorted(ZONES, key=lambda one: -one.count(".")):
        zone = ZONES[name]
        ds[name] = zone.ds(_sign(place, name, zone.text + _children(name, ds), zone))
    ds["test"] = _sign(place, "test", SOA + _children("test", ds), Zone())
    anchor = _sign(place, "", SOA + "test. 300 NS ns.test.\n" + "".join(f"{one}\n" for one in ds["test"]), Zone())
    return "".join(f"{one}\n" for one in anchor)


def _children(parent, ds):
    lines = []
    for name, records in ds.items():
        if name.partition(".")[2] == parent:
            lines += [f"{name}. 300 NS ns.{name}.", *records]
    return "".join(f"{one}\n" for one in lines)


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
"""
UNBOUND = """
server:
  interface: 127.0.0.1@{port}
  port: {port}
  directory: "{place}"
  username: ""
  chroot: ""
  pidfile: "{place}/unbound-{port}.pid"
  use-syslog: no
  do-daemonize: no
  do-not-query-localhost: no
  do-ip6: no
  module-config: "{modules}"
  trust-anchor-file: "{place}/anchor"
  val-sig-skew-min: 0
  val-sig-skew-max: 0
  val-nsec3-keysize-iterations: "1024 50 2048 50 4096 50"
  aggressive-nsec: no
  qname-minimisation: no
  harden-dnssec-stripped: yes
  disable-dnssec-lame-check: yes
  local-zone: "test." nodefault
remote-control:
  control-enable: no
"""


def _answers(port, process, log):
    ends = time.monotonic() + 20
    question = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\0\0\6\0\1"
    while time.monotonic() < ends and process.poll() is None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.3)
            try:
                probe.connect(("127.0.0.1", port))
                probe.send(question)
                if probe.recv(4096)[:2] == question[:2]:
                    return
            except OSError:
                time.sleep(0.05)
    raise RuntimeError(f"the server did not come up: {log.read_text(errors='replace')}")


@contextmanager
def running(place, name, port, text, *flags):
    """A server with this configuration while the block lasts."""
    config = place / f"{name}-{port}.conf"
    config.write_text(text)
    log = place / f"{name}-{port}.log"
    with (
        open(log, "wb") as out,
        subprocess.Popen([find(name), *flags, "-c", config], stdout=out, stderr=out) as process,
    ):
        try:
            _answers(port, process, log)
            yield port
        finally:
            process.terminate()
            process.wait(15)


class World:
    """``port`` is that of the resolver that does not validate, ``validating`` the other's; ``anchor`` a file of DS."""

    def __init__(self, place, port, validating, authority):
        self.anchor, self.port, self.validating, self.authority = place / "anchor", port, validating, authority
        self.bind_keys = place / "bind.keys"


@contextmanager
def world(place):
    """All of it, in a directory."""
    place = Path(place)
    anchor = make_zones(place)
    (place / "anchor").write_text(anchor)
    words = anchor.split()
    at = words.index("DS")
    (place / "bind.keys").write_text(
        f'trust-anchors {{ . static-ds {" ".join(words[at + 1 : at + 4])} "{"".join(words[at + 4 :])}"; }};\n'
    )
    ports = []
    while len(ports) < 3:
        port = free_port()
        ports += [port] if port not in ports else []
    authority, port, validating = ports
    names = ["", "test", *ZONES]
    nsd = NSD.format(place=place, port=authority)
    nsd += "".join(f'zone:\n  name: "{one}."\n  zonefile: "{one or "root"}.zone"\n' for one in names)
    stubs = "".join(
        f'stub-zone:\n  name: "{one}."\n  stub-addr: 127.0.0.1@{authority}\n  stub-prime: no\n' for one in names
    )
    with ExitStack() as stack:
        stack.enter_context(running(place, "nsd", authority, nsd, "-d"))
        for one, modules in ((port, "iterator"), (validating, "validator iterator")):
            text = UNBOUND.format(place=place, port=one, modules=modules)
            stack.enter_context(running(place, "unbound", one, text + stubs, "-d"))
        yield World(place, port, validating, authority)
