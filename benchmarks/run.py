"""``make bench``: the same work on celadon and its peers, rounds interleaved, best of all rounds; table and JSON."""

import datetime
import importlib.metadata
import json
import pathlib
import platform
import subprocess
import sys

LIBRARIES = ("celadon", "gevent", "eventlet")
ROUNDS = 3


def main():
    """Run, print, save."""
    server = subprocess.Popen([sys.executable, "-m", "celadon.resolver.testing"], stdout=subprocess.PIPE, text=True)
    best = {one: {} for one in LIBRARIES}
    try:
        address = server.stdout.readline().strip()
        for _ in range(ROUNDS):
            for library in LIBRARIES:
                command = [sys.executable, "-m", "benchmarks.work", library, address]
                done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
                if done.returncode:
                    print(f"{library} failed: {done.stderr}", file=sys.stderr)
                    continue
                for row, value in json.loads(done.stdout).items():
                    best[library][row] = min(value, best[library].get(row, value))
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    peers = dict(best["gevent"])
    peers["getaddrinfo uncached, python"] = peers.get("getaddrinfo uncached, ares")
    print(f"{'microseconds for one':32} " + " ".join(f"{one:>9}" for one in LIBRARIES) + "  gevent/celadon")
    for row, mine in best["celadon"].items():
        cells = " ".join(f"{best[one][row]:9.2f}" if row in best[one] else f"{'-':>9}" for one in LIBRARIES)
        ratio = f"{peers[row] / mine:14.2f}" if peers.get(row) else ""
        print(f"{row:32} {cells}  {ratio}")
    print("(python is compared with gevent's ares)")
    result = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.platform(),
        "versions": {one: importlib.metadata.version(one) for one in (*LIBRARIES, "greenlet", "pycares")},
        "microseconds": best,
    }
    folder = pathlib.Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "latest.json").write_text(json.dumps(result, indent=1) + "\n")
    return 0 if all(best.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
