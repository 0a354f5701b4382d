"""Whether an installed celadon works: for a wheel in an environment of its own, without the rest of the suite.

``python tests/installed.py``: needs no package but celadon's own requirements, no network, and no checkout beside it.
"""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path[:] = [one for one in sys.path if Path(one or ".").resolve() not in (HERE, HERE / "tests")]

import celadon  # noqa: E402  (what is installed, not what stands beside this file)
from celadon.hub import accel as arena  # noqa: E402
from celadon.resolver import accel as codec  # noqa: E402
from celadon.resolver.testing import NameServer, synthetic_address  # noqa: E402

PROGRAM = """
import socket, threading, time
begin = time.monotonic()
threads = [threading.Thread(target=time.sleep, args=(0.2,)) for _ in range(200)]
[one.start() for one in threads]
[one.join() for one in threads]
assert time.monotonic() - begin < 10
print(socket.getaddrinfo("www.example.test", 80, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
"""


def run(*command):
    """A command's output; its error is ours."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, cwd="/").stdout


def script(name):
    """The path of a command that the wheel installs."""
    return str(Path(sysconfig.get_path("scripts")) / name)


def main():
    """Try each part once; raises at the first that does not work."""
    assert not Path(celadon.__file__).is_relative_to(HERE / "celadon"), "this is the checkout"
    print(f"celadon {celadon.__version__}; accelerators: {arena.__name__} and {codec.state()}")
    assert run(script("celadon"), "--version") == f"celadon {celadon.__version__}\n"
    assert "usage: resolve" in run(script("resolve"), "--help")
    with NameServer(synthetic=True) as server:
        address = synthetic_address("www.example.test")
        for engine in ("python", "ares"):
            words = ["--resolver", engine, "--servers", server.address, "-c", PROGRAM]
            assert run(script("celadon"), *words) == f"{address}\n", engine
        assert run(script("resolve"), f"@{server.address}", "www.example.test", "+short") == f"{address}\n"
    share = Path(sysconfig.get_path("data")) / "share"
    for path in ("man/man1/resolve.1", "man/man1/celadon.1", "bash-completion/completions/resolve"):
        assert (share / path).stat().st_size > 1000, path
    print(f"works on {sys.version.split()[0]}, {os.uname().machine}")


if __name__ == "__main__":
    main()
