"""Records what dig prints, and what the server said to it: ``python -m tests.integration.record_dig``.

Writes fixtures/dig/nsd.jsonl and knot.jsonl, a command line each: the words, the replies, dig's text.
"""

import json
import os
import selectors
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

from tests.integration.authorities import authority
from tests.integration.digcases import CASES

TARGET = Path(__file__).parents[2] / "fixtures" / "dig"
# The cases that Knot answers in another way than NSD.
KNOT = [["celadon.test", *words] for words in (["+nsid"], ["+cookie"], ["+nocookie"], ["ANY"],
        ["MX", "+dnssec"], ["+subnet=192.0.2.0/24"], ["+yaml", "+nsid"], ["+short", "+nsid"])]  # fmt: skip


class Proxy(threading.Thread):
    """Stands between dig and the server, and keeps what the server says."""

    def __init__(self, upstream):
        super().__init__(daemon=True)
        self.upstream = ("127.0.0.1", upstream)
        self.replies = []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.port = self.udp.getsockname()[1]
        self.tcp = socket.create_server(("127.0.0.1", self.port))

    def run(self):
        selector = selectors.DefaultSelector()
        selector.register(self.udp, selectors.EVENT_READ, self.datagram)
        selector.register(self.tcp, selectors.EVENT_READ, self.stream)
        while True:
            for key, _ in selector.select():
                key.data()

    def datagram(self):
        query, peer = self.udp.recvfrom(65535)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as up:
            up.settimeout(5)
            up.connect(self.upstream)
            up.send(query)
            reply = up.recv(65535)
        self.replies.append(["udp", reply.hex()])
        self.udp.sendto(reply, peer)

    def stream(self):
        client, _ = self.tcp.accept()
        with (
            client,
            socket.create_connection(self.upstream) as up,
            client.makefile("rb") as asked,
            up.makefile("rb") as said,
        ):
            while size := asked.read(2):
                up.sendall(size + asked.read(int.from_bytes(size, "big")))
                size = said.read(2)
                reply = said.read(int.from_bytes(size, "big"))
                self.replies.append(["tcp", reply.hex()])
                client.sendall(size + reply)


@contextmanager
def proxy(upstream):
    made = Proxy(upstream)
    made.start()
    yield made


def dig(port, words):
    """What dig prints."""
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": "/nonexistent"}
    command = ["dig", "@127.0.0.1", "-p", str(port), *words]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=20, check=True).stdout


def record(kind, cases):
    """Write one file."""
    with authority(kind) as port, proxy(port) as between, open(TARGET / f"{kind}.jsonl", "w") as out:
        for words in cases:
            between.replies = []
            text = (
                dig(between.port, words).replace(f"#{between.port}", "#PORT").replace(f"-p {between.port}", "-p PORT")
            )
            text = text.replace(f"response_port: {between.port}", "response_port: PORT")
            row = {"words": words, "replies": between.replies, "text": text}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    TARGET.mkdir(exist_ok=True)
    record("nsd", CASES)
    record("knot", KNOT)
    sys.exit()
