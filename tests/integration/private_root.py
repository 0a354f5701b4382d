"""A private DNS tree on loopback: a root, top-level domains and a thousand zones, each level by an NSD of its own.

Needs root, since resolvers know authorities by port 53. ``python -m tests.integration.private_root`` compares
``resolve bulk --iterative`` with Unbound over it, on more names than the test does.
"""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .servers import find

LEVELS = {"root": "127.53.1.1", "tld": "127.53.2.1", "zones": "127.53.3.1"}
SECOND = "127.53.3.2"  # another server of the zones, which is dead
UNBOUND = ("127.53.9.9", 5390)
TLDS = ("alpha", "beta", "gamma", "delta", "epsilon")
HEAD = "@ 86400 SOA ns.{zone} host.{zone} 1 3600 900 86400 300\n"

NSD = """
server:
  ip-address: {address}@53
  username: ""
  chroot: ""
  zonesdir: "{place}"
  database: ""
  pidfile: "{place}/nsd.pid"
  xfrdfile: "{place}/xfrd.state"
  zonelistfile: "{place}/zone.list"
  xfrdir: "{place}"
  server-count: 1
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  minimal-responses: yes
remote-control:
  control-enable: yes
  control-interface: "{place}/control"
"""
UNBOUND_CONF = """
server:
  interface: {address}@{port}
  username: ""
  chroot: ""
  directory: "{place}"
  pidfile: "{place}/unbound.pid"
  root-hints: "{place}/hints"
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  do-ip6: no
  num-threads: 1
  module-config: "iterator"
  use-syslog: no
  outgoing-range: 900
  num-queries-per-thread: 2000
  unblock-lan-zones: yes
  insecure-lan-zones: yes
  ratelimit: 0
  ip-ratelimit: 0
remote-control:
  control-enable: no
"""


def zone_name(number):
    return f"z{number}.{TLDS[number % len(TLDS)]}"


def zone_text(number, count):
    """A zone's content: addresses, aliases into other zones, a wildcard, a DNAME, a zone below, servers of others."""
    other = zone_name((number * 7 + 1) % count)
    text = "@ NS ns\n@ NS ns2\nns A {zones}\nns2 A {second}\n" if number % 3 else "@ NS ns.{host}.\nns A {zones}\n"
    text = text.format(zones=LEVELS["zones"], second=SECOND, host=zone_name(number - number % 3 + 1))
    text += f"@ A 10.0.{number >> 8}.{number & 255}\nwww A 10.1.{number >> 8}.{number & 255}\n"
    text += f"alias CNAME www.{other}.\nfar CNAME alias.{other}.\ngone CNAME nothing.{other}.\nnear CNAME www\n"
    text += f'*.wild A 10.2.{number >> 8}.{number & 255}\ntxt TXT "zone {number}"\nold DNAME {other}.\n'
    text += f"sub NS ns.sub\nns.sub A {LEVELS['zones']}\n@ MX 10 www\na.b.c A 10.3.0.1\n"
    return text


def delegation(number):
    """What the top-level domain says of a zone: its servers, and their addresses if they are inside."""
    label = zone_name(number).partition(".")[0]
    if not number % 3:
        return f"{label} NS ns.{zone_name(number - number % 3 + 1)}.\n"
    glue = f"ns.{label} A {LEVELS['zones']}\nns2.{label} A {SECOND}\n"
    return f"{label} NS ns.{label}\n{label} NS ns2.{label}\n{glue}"


def content(count):
    """Level -> zone -> text."""
    root = "".join(f"{one} NS ns.nic.{one}.\nns.nic.{one} A {LEVELS['tld']}\n" for one in TLDS)
    made = {"root": {".": f"@ NS ns.root.\nns.root. A {LEVELS['root']}\n{root}"}, "tld": {}, "zones": {}}
    for one in TLDS:
        text = f"@ NS ns.nic\nns.nic A {LEVELS['tld']}\n"
        made["tld"][one] = text + "".join(delegation(n) for n in range(count) if zone_name(n).endswith("." + one))
    for number in range(count):
        made["zones"][zone_name(number)] = zone_text(number, count)
        made["zones"][f"sub.{zone_name(number)}"] = f"@ NS ns\nns A {LEVELS['zones']}\nwww A 10.4.0.{number % 250}\n"
    return made


def names(count, first=0):
    """Names of all kinds in the zones, each asked once."""
    for number in range(first, count):
        zone = zone_name(number)
        for label in ("www", "alias", "far", "gone", "near", "x.wild", "missing", "a.b.c", "b.c", "www.old", "www.sub"):
            yield f"{label}.{zone}"
        yield zone
    yield from ("missing-tld", "nothing.alpha", "alpha")


@contextlib.contextmanager
def authorities(count, place):
    """The three NSDs; gives a function that says how many queries they got since it was last called."""
    running = []
    try:
        for level, zones in content(count).items():
            folder = place / level
            folder.mkdir()
            conf = NSD.format(address=LEVELS[level], place=folder)
            for number, (zone, text) in enumerate(zones.items()):
                dotted = "." if zone == "." else zone + "."
                head = HEAD.format(zone="" if zone == "." else dotted).replace("ns. host.", "ns.root. host.root.")
                (folder / f"{number}").write_text(f"$ORIGIN {dotted}\n$TTL 86400\n{head}{text}")
                conf += f'zone:\n  name: "{zone}"\n  zonefile: "{number}"\n'
            (folder / "conf").write_text(conf)
            log = open(folder / "log", "wb")  # noqa: SIM115
            running.append(
                (subprocess.Popen([find("nsd"), "-d", "-c", str(folder / "conf")], stdout=log, stderr=log), log)
            )
        time.sleep(1)

        def queries():
            total = 0
            for level in LEVELS:
                command = [find("nsd-control"), "-c", str(place / level / "conf"), "stats"]
                done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
                total += int(re.search(r"^num\.queries=(\d+)", done.stdout, re.MULTILINE)[1])
            return total

        ends = time.monotonic() + 20
        while True:
            try:
                queries()
                break
            except subprocess.CalledProcessError:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.3)
        yield queries
    finally:
        for process, log in running:
            process.terminate()
            process.wait(10)
            log.close()


@contextlib.contextmanager
def unbound(place):
    """Unbound over the tree, its cache empty."""
    folder = place / "unbound"
    folder.mkdir(exist_ok=True)
    (folder / "hints").write_text(f". 3600000 NS ns.root.\nns.root. 3600000 A {LEVELS['root']}\n")
    (folder / "conf").write_text(UNBOUND_CONF.format(address=UNBOUND[0], port=UNBOUND[1], place=folder))
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([find("unbound"), "-d", "-c", str(folder / "conf")], stdout=log, stderr=log)
        try:
            time.sleep(1)
            assert process.poll() is None, (folder / "log").read_text()
            yield
        finally:
            process.terminate()
            process.wait(10)


def bulk(place, given, *words):
    """``resolve bulk`` about these names: what each got, as (status, records)."""
    (place / "names").write_text("".join(f"{one}\n" for one in given))
    command = [
        sys.executable,
        "-m",
        "celadon.resolver.cli",
        "bulk",
        str(place / "names"),
        "-q",
        "-w",
        str(place / "out"),
    ]
    subprocess.run([*command, "-s", "100", *words], check=True, timeout=300)
    found = {}
    for line in (place / "out").read_text().splitlines():
        row = json.loads(line)
        answers = row.get("data", {}).get("answers", [])
        records = sorted((one["name"].lower(), one["type"], one["data"].lower()) for one in answers)
        found[row.get("input", row["name"])] = (row["status"], records)
    return found


ITERATIVE = ["--iterative", "--hints", LEVELS["root"]]


def differ(one, other):
    """Whether two answers differ; how much of a chain stands in a SERVFAIL is nobody's rule."""
    return one is None or other is None or one[0] != other[0] or (one[0] != "SERVFAIL" and one != other)


def compare(count, place):
    """Differences in answers, and the queries for a name of ours and of Unbound's with a warm cache."""
    given = list(names(count))
    # Warm: the delegations are known from one name of each zone; counted are the names that come then.
    first = [f"b.c.{zone_name(number)}" for number in range(count)]
    rest = [one for one in given if one not in set(first)]
    with authorities(count, place) as queries:
        queries()
        warm = bulk(place, first, *ITERATIVE)
        cold = queries()
        # One run: its first names warm the cache. What they alone cost is known.
        ours = bulk(place, first + rest, *ITERATIVE)
        our_count = queries() - cold
        with unbound(place):
            server = ["-r", f"{UNBOUND[0]}:{UNBOUND[1]}", "--timeout", "5"]
            theirs = bulk(place, first, *server)
            their_cold = queries()
            theirs |= bulk(place, rest, *server)
            their_count = queries()
    ours |= warm
    wrong = [(name, ours.get(name), theirs.get(name)) for name in given if differ(ours.get(name), theirs.get(name))]
    per_name = (our_count / len(rest), their_count / len(rest))
    return wrong, per_name, (cold / len(first), their_cold / len(first)), len(given)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--zones", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="celadon-") as folder:
        wrong, warm, cold, count = compare(given.zones, Path(folder))
    print(f"{count} names in {given.zones} zones: {len(wrong)} answers differ from Unbound's")
    print(f"queries for a name, warm: {warm[0]:.3f}, Unbound {warm[1]:.3f}; cold: {cold[0]:.3f}, Unbound {cold[1]:.3f}")
    for one in wrong[:20]:
        print("  ", *one)
    return 1 if wrong or warm[0] > warm[1] * 1.1 else 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
