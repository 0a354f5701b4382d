"""CPython's own tests of name functions, unmodified, with each resolver patched in.

`make test-stdlib-names` runs whole modules.
"""

import subprocess
import sys

import pytest

RUN = """
from celadon import patch_all
patch_all(sys.argv[1])
import socket
import unittest
from celadon import resolver
from test import test_socket
wanted = (
    "getaddrinfo", "getfqdn", "getnameinfo", "host", "idna", "testGetServBy", "testSockName", "aton", "pton", "ntop"
)
loader = unittest.TestLoader()
tests = [
    test
    for case in (test_socket.GeneralModuleTests, test_socket.NetworkConnectionNoServer)
    for test in loader.loadTestsFromTestCase(case)
    if any(one.lower() in test.id().rpartition(".")[2].lower() for one in wanted)
]
assert len(tests) > 15, tests
assert socket.getaddrinfo.__module__.startswith("celadon")
result = unittest.TextTestRunner(verbosity=2).run(unittest.TestSuite(tests))
skipped = [reason for _, reason in result.skipped if not reason.startswith("IPv6 required")]
assert len(skipped) < 6, skipped
sys.exit(not result.wasSuccessful())
"""


@pytest.mark.cpython_tests
@pytest.mark.parametrize("name", ["auto", "ares", "python"])
def test_cpythons_tests_of_names(name):
    done = subprocess.run(
        [sys.executable, "-c", "import sys" + RUN, name], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
