"""aiodns' own tests, by aiodns and by ``celadon.resolver.aio.aiodns``: ``python -m tests.peers.aiodns_suite``, as root.

The sdist is fetched into ``.peers/``, and never committed. Its tests ask 8.8.8.8, 1.1.1.1 and 1.2.3.4: these are
loopback addresses in a network namespace, with a name server of ours that has the names, and one that is silent. What
aiodns passes there and we do not must look into aiodns itself (``INSIDE``); else the status is 1.
"""

import os
import re
import socket
import subprocess
import sys
import tarfile
import tempfile
from contextlib import ExitStack
from pathlib import Path
from xml.etree import ElementTree

from celadon.resolver.testing import Drop, NameServer

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".peers"
VERSION = "4.0.4"

#: How a test fails that looks into aiodns: by an attribute that only its own object has, or the library below it.
INSIDE = re.compile(r"AttributeError: .*(DNSResolver' object|aiodns') has no attribute '(_\w+|pycares)'")

ZONE = """
google.com A 192.0.2.1
google.com AAAA 2001:db8::1
google.com MX 10 smtp.google.com.
google.com NS ns1.google.com.
google.com TXT "v=spf1 -all"
google.com SOA ns1.google.com. dns-admin.google.com. 1 900 900 1800 60
google.com CAA 0 issue "pki.goog"
ipv6.google.com AAAA 2001:db8::2
gmail.com MX 5 gmail-smtp-in.l.google.com.
www.amazon.com CNAME tp.amazon.com.
tp.amazon.com A 192.0.2.3
_xmpp-server._tcp.jabber.org SRV 30 30 5269 hermes.jabber.org.
sip2sip.info NAPTR 10 10 "S" "SIP+D2T" "" _sip._tcp.sip2sip.info.
26.122.253.172.in-addr.arpa PTR bi-in-f26.1e100.net.
1.0.0.127.in-addr.arpa PTR localhost.
"""

PLUGIN = """
import sys
from celadon.resolver.aio import aiodns
import celadon.resolver.aio.aiodns.compat, celadon.resolver.aio.aiodns.error
sys.modules["aiodns"] = aiodns
for name in ("compat", "error"):
    sys.modules["aiodns." + name] = sys.modules["celadon.resolver.aio.aiodns." + name]
"""


def fetched():
    """The folder of aiodns' tests."""
    folder = KEPT / f"aiodns-{VERSION}"
    if not folder.exists():
        KEPT.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*command, f"aiodns=={VERSION}", "-d", str(KEPT)], check=True)
        with tarfile.open(KEPT / f"aiodns-{VERSION}.tar.gz") as archive:
            archive.extractall(KEPT, filter="data")
    return folder / "tests"


def outcomes(tests, ours):
    """Each test and how it ended, in the namespace that this runs in."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        (Path(folder) / "celadon_for_aiodns.py").write_text(PLUGIN if ours else "")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "celadon_for_aiodns"]
        command += ["-c", os.devnull, "--rootdir", str(tests), "-o", "asyncio_mode=strict", f"--junitxml={report}"]
        environ = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"}
        subprocess.run([*command, str(tests)], env=environ, cwd=tests, stdout=subprocess.DEVNULL, check=False)
        found = {}
        for case in ElementTree.parse(report).iter("testcase"):
            failed = next((one for one in case if one.tag in ("failure", "error")), None)
            skipped = case.find("skipped") is not None
            text = "" if failed is None else (failed.get("message") or "").splitlines()[0]
            found[f"{case.get('classname')}::{case.get('name')}"] = "skip" if skipped else text or "pass"
        return found


def inside():
    """Play both, in a namespace of our own."""
    for command in ("link set lo up", *(f"addr add {one}/32 dev lo" for one in ("8.8.8.8", "1.1.1.1", "1.2.3.4"))):
        subprocess.run(["ip", *command.split()], check=True)
    with ExitStack() as stack:
        for address in ("8.8.8.8", "1.1.1.1"):
            server = stack.enter_context(NameServer(address, 53))
            for line in ZONE.strip().splitlines():
                server.add(*line.split(" ", 2))
            server.script("id.server", Drop())
        silent = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        silent.bind(("1.2.3.4", 53))
        tests = fetched()
        theirs, ours = outcomes(tests, False), outcomes(tests, True)
    passed = [name for name, how in theirs.items() if how == "pass"]
    status = good = 0
    for name in passed:
        how = ours.get(name, "it was not run")
        if how == "pass":
            good += 1
            continue
        private = INSIDE.match(how)
        status = status or int(private is None)
        print(f"{name}: {f'it looks at aiodns own {private[2]}' if private else f'NO REASON: {how}'}")
    print(f"aiodns {VERSION} passes {len(passed)} of its {len(theirs)} tests here, we pass {good} of these")
    return status


def main():
    """Fetch the tests outside, play them inside."""
    fetched()
    if sys.argv[1:] == ["--inside"]:
        sys.exit(inside())
    command = ["unshare", "-n", sys.executable, "-m", "tests.peers.aiodns_suite", "--inside"]
    sys.exit(subprocess.run(command, check=False, cwd=ROOT).returncode)


if __name__ == "__main__":
    main()
