"""What a start imports: by names, and never by the clock. What is not here has been weighed, in instructions."""

import subprocess
import sys

import pytest

#: Slow, and needed by few: 15 to 100 million instructions each, of which an empty Python takes 40.
SLOW = {"dataclasses", "inspect", "ast", "dis", "traceback", "tokenize", "json", "difflib", "ctypes", "random", "ssl"}
SLOW |= {"asyncio", "subprocess", "multiprocessing", "logging", "argparse", "importlib.metadata", "email", "dns"}
SLOW |= {"threading", "queue", "pycares", "idna", "urllib.parse", "pathlib", "encodings.idna", "concurrent.futures"}
#: Ours, for programs that ask for them.
OURS = {"celadon.hub.debug", "celadon.hub.debug.watchdog", "celadon.hub.testing", "celadon.hub.guest"}
OURS |= {"celadon.hub.hub_thread", "celadon.hub.greenlets.dagpool", "celadon.hub.greenlets.taskgroup"}
OURS |= {"celadon.hub.greenlets.greenpool", "celadon.hub.waiting.resource_pool", "celadon.hub.waiting.conditions"}
OURS |= {"celadon.resolver.bulk_lookup", "celadon.resolver.crawl.crawler", "celadon.resolver.crawl.guard"}
OURS |= {"celadon.resolver.record_queries", "celadon.resolver.query_answer", "celadon.resolver.testing"}
OURS |= {"celadon.resolver.resolvers.validation", "celadon.resolver.dns.dnssec"}
OURS |= {"celadon.resolver.engines.ares.ares_engine", "celadon.resolver.dns.rdata_dnspython"}
OURS |= {
    "celadon.green.tls_socket",
    "celadon.green.asyncio",
    "celadon.green.subprocess",
    "celadon.green.multiprocessing",
}
OURS |= {"celadon.green.ctypes", "celadon.green.libraries.psycopg", "celadon.green.patching.import_patched"}
#: Also by their beginnings.
PARTS = ("celadon.hub", "celadon.resolver", "celadon.green")
NEVER = {
    "import celadon": {*SLOW, *OURS, *PARTS, "greenlet", "socket"},
    "import celadon.hub": {*SLOW, *OURS, "celadon.resolver", "celadon.green", "socket", "selectors"},
    "import celadon.resolver": {*SLOW, *OURS, "celadon.hub", "celadon.green", "socket", "greenlet"},
    "import celadon; celadon.patch_all()": {*SLOW, *OURS, "celadon.resolver.engines.python.python_engine"},
}


def imported(code):
    """The modules that are imported by ``code``, beyond those that this Python begins with (site may bring any)."""
    names = []
    for one in ("pass", code):
        source = f"import sys\n{one}\nprint(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=30, check=True)
        names.append(set(done.stdout.split()))
    return names[1] - names[0]


@pytest.mark.parametrize("code", NEVER)
def test_a_start_imports_what_it_needs(code, monkeypatch):
    monkeypatch.delenv("COVERAGE_PROCESS_START", raising=False)
    assert not NEVER[code] & imported(code)


def test_what_was_left_out_comes_when_it_is_asked_for():
    """The modules whose green part waits for them: patched once they are imported."""
    code = """
import celadon; celadon.patch_all()
import asyncio, ctypes, multiprocessing.connection, ssl, subprocess
from celadon.green import is_patched
assert all(map(is_patched, ("ssl", "subprocess", "asyncio", "multiprocessing", "ctypes")))
assert ssl.SSLContext.sslsocket_class.__module__ == "celadon.green.tls_socket"
"""
    assert {"celadon.green.tls_socket", "celadon.green.asyncio", "celadon.green.subprocess"} <= imported(code)


@pytest.mark.parametrize(
    "name", ["ssl", "asyncio", "subprocess", "multiprocessing", "ctypes", "patching.import_patched"]
)
def test_a_green_module_may_come_before_the_one_that_it_is_for(name):
    assert f"celadon.green.{name}" in imported(f"import celadon; celadon.patch_all()\nimport celadon.green.{name}")
