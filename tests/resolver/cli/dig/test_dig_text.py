"""What resolve prints is what dig prints: compared with dig's recorded output, over the recorded replies.

``python -m tests.integration.record_dig`` records them again from dig, NSD and Knot.
"""

import json
import re
import socket
import threading
from pathlib import Path

import pytest

from celadon.resolver.cli import main

RECORDED = Path(__file__).parents[4] / "fixtures" / "dig"
CASES = [json.loads(line) for file in sorted(RECORDED.glob("*.jsonl")) for line in file.read_text().splitlines()]


class Replay(threading.Thread):
    """Says again what a server said: the recorded reply to the question that is asked, under the question's id."""

    def __init__(self):
        super().__init__(daemon=True)
        self.replies = []
        self.used = set()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.port = self.udp.getsockname()[1]
        self.tcp = socket.create_server(("127.0.0.1", self.port))
        self.streams = threading.Thread(target=self.serve, daemon=True)

    def run(self):
        while len(query := self.udp.recvfrom(65535)) and query[0] != b"stop":
            reply = self.reply(query[0], "udp")
            if reply:
                self.udp.sendto(reply, query[1])

    def serve(self):
        while True:
            client, _ = self.tcp.accept()
            with client, client.makefile("rb") as asked:
                while size := asked.read(2):
                    query = asked.read(int.from_bytes(size, "big"))
                    if query == b"stop":
                        return
                    reply = self.reply(query, "tcp")
                    client.sendall(len(reply).to_bytes(2, "big") + reply)

    def reply(self, query, proto):
        """The next reply to this question, the last one again; with the client's cookie where dig's stood."""
        found = b""
        for number, (kind, text) in enumerate(self.replies):
            reply = bytes.fromhex(text)
            end = 12
            while reply[end]:
                end += reply[end] + 1
            if kind == proto and reply[12 : end + 5].lower() == query[12 : end + 5].lower():
                sent = re.search(rb"\0\x0a\0.(.{8})", query[end + 5 :], re.DOTALL)
                recorded = re.search(rb"\0\x0a\0\x18(.{8})", reply, re.DOTALL)
                if sent and recorded:
                    reply = reply.replace(recorded[1], sent[1])
                found = query[:2] + reply[2:]
                if number not in self.used:
                    self.used.add(number)
                    break
        return found


@pytest.fixture(scope="module")
def replay():
    made = Replay()
    made.start()
    made.streams.start()
    yield made
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
        stop.sendto(b"stop", ("127.0.0.1", made.port))
    with socket.create_connection(("127.0.0.1", made.port)) as stop:
        stop.sendall(b"\0\4stop")
    made.join()
    made.streams.join()
    made.udp.close()
    made.tcp.close()


VARYING = [
    (r"^; <<>> .* <<>> .*$", "; <<>> CMD"),
    (r"(, id: |  id: )\d+$", r"\1ID"),
    (r"Query time: \d+ (msec|usec)", r"Query time: N \1"),
    (r"WHEN: .*", "WHEN"),
    (r"in \d+ ms", "in N ms"),
    (r"_time: !!timestamp \S+", "_time: T"),
    (r"COOKIE: [0-9a-f]{16}", "COOKIE: C"),
]


def steady(text, port):
    """The text without what differs from one time to the next."""
    text = text.replace(f"#{port}", "#PORT").replace(f"response_port: {port}", "response_port: PORT")
    for pattern, instead in VARYING:
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    return text


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(case["words"]))
def test_as_dig(replay, capsys, case):
    replay.replies, replay.used = case["replies"], set()
    assert main(["@127.0.0.1", "-p", str(replay.port), *case["words"]]) == 0
    out, err = capsys.readouterr()
    assert steady(out, replay.port) == steady(case["text"], replay.port)
    assert err == ""
