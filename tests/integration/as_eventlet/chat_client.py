"""Ten clients at once, on each transport."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import socketio


def ask(url, transport, n):
    with socketio.SimpleClient() as client:
        client.connect(url, transports=[transport])
        client.emit("ask", f"word{n}")
        assert client.receive(timeout=20) == ["answer", f"WORD{n}"]


def main():
    url = f"http://127.0.0.1:{sys.argv[1]}"
    with ThreadPoolExecutor(10) as threads:
        for transport in ("websocket", "polling"):
            begin = time.monotonic()
            list(threads.map(lambda n, transport=transport: ask(url, transport, n), range(10)))
            assert time.monotonic() - begin < 2.5, "one after the other they take 3 s"
    print("ok")


if __name__ == "__main__":
    main()
