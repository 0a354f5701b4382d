"""DNS over TLS and over HTTPS against Unbound, with dig and kdig as the witnesses of what it says."""

import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from celadon import resolver
from celadon.hub import joinall, spawn
from celadon.resolver.cli import main
from tests.integration.authorities import free_port

KEYS = Path(__file__).parents[2] / "fixtures" / "tls"
UNBOUND = shutil.which("unbound", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = pytest.mark.skipif(UNBOUND is None, reason="Unbound is not installed")
CONF = """
server:
  do-daemonize: no
  chroot: ""
  username: ""
  directory: "{place}"
  pidfile: "{place}/pid"
  use-syslog: no
  interface: 127.0.0.1@{tls}
  interface: 127.0.0.1@{https}
  tls-port: {tls}
  https-port: {https}
  tls-service-key: "{keys}/server.key"
  tls-service-pem: "{keys}/server.pem"
  auto-trust-anchor-file: ""
  module-config: "iterator"
  local-zone: "example.test." static
{data}
remote-control:
  control-enable: no
"""


@pytest.fixture(scope="module")
def ports(tmp_path_factory):
    place = tmp_path_factory.mktemp("unbound")
    tls, https = free_port(), free_port()
    data = "\n".join(f'  local-data: "n{n}.example.test. 300 A 192.0.2.{n}"' for n in range(200))
    (place / "conf").write_text(CONF.format(place=place, tls=tls, https=https, keys=KEYS, data=data))
    command = [UNBOUND, "-d", "-c", place / "conf"]
    with open(place / "log", "wb") as log, subprocess.Popen(command, stderr=log) as process:
        ends = time.monotonic() + 15
        while b"start of service" not in (place / "log").read_bytes():
            assert process.poll() is None, (place / "log").read_text()
            assert time.monotonic() < ends, "Unbound did not come up"
            time.sleep(0.05)
        yield {"tls": tls, "https": https}
        with suppress(ProcessLookupError):
            process.terminate()


@pytest.mark.parametrize("scheme", ["tls", "https"])
def test_two_hundred_at_once(ports, scheme, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(KEYS / "ca.pem"))
    resolver.use("python", servers=[f"{scheme}://127.0.0.1:{ports[scheme]}#dns.test"])
    asked = [spawn(resolver.gethostbyname, f"n{n}.example.test") for n in range(200)]
    joinall(asked, raise_error=True)
    assert [one.get() for one in asked] == [f"192.0.2.{n}" for n in range(200)]
    with pytest.raises(OSError, match="not known"):
        resolver.gethostbyname("nosuch.example.test")


@pytest.mark.parametrize(("scheme", "witness"), [("tls", "dig"), ("https", "dig"), ("tls", "kdig"), ("https", "kdig")])
def test_what_others_are_told(ports, scheme, witness, capsys):
    if shutil.which(witness) is None:
        pytest.skip(f"{witness} is not installed")
    words = ["@127.0.0.1", "-p", str(ports[scheme]), f"+{scheme}", "+short", "n7.example.test"]
    theirs = subprocess.run([witness, *words], capture_output=True, text=True, timeout=20, check=True).stdout
    assert main(words) == 0
    assert capsys.readouterr().out == theirs == "192.0.2.7\n"
