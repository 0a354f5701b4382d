"""``python -m celadon.resolver.testing [--port N]``: a synthetic name server in its own process, for benchmarks."""

from __future__ import annotations

import signal
import sys

from .nameserver import NameServer


def main(argv: list[str]) -> None:
    """Serve until killed; the address is the first line on stdout."""
    port = int(argv[argv.index("--port") + 1]) if "--port" in argv else 0
    with NameServer(port=port, synthetic=True) as server:
        print(server.address, flush=True)
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
