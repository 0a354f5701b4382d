"""Who takes the descriptor of a green socket and goes on with it: inetd's children, multiprocessing.

Each program runs in a process of its own, patched before anything else.
"""

import subprocess
import sys
from pathlib import Path

PATCHED = "from celadon import patch_all\npatch_all(resolver='thread')\n"


def play(program, *words):
    """Run it; it must end by itself, well, and without a word on stderr."""
    ended = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", PATCHED + program, *words],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=Path(__file__).parents[2],
    )
    assert (ended.returncode, ended.stderr) == (0, "")


INETD = """
import socket, subprocess, threading

SIZE = 500_000
listener = socket.create_server(("127.0.0.1", 0))

def serve():
    while True:
        connection, _ = listener.accept()
        with connection:
            subprocess.Popen(["cat"], stdin=connection, stdout=connection)

threading.Thread(target=serve, daemon=True).start()

def talk(n):
    with socket.create_connection(listener.getsockname(), 10) as client:
        sending = threading.Thread(target=lambda: (client.sendall(bytes([n]) * SIZE), client.shutdown(socket.SHUT_WR)))
        sending.start()
        data = b"".join(iter(lambda: client.recv(65536), b""))
        sending.join()
    assert data == bytes([n]) * SIZE, len(data)
    done.append(n)

done = []
clients = [threading.Thread(target=talk, args=(n,)) for n in range(3)]
for one in clients: one.start()
for one in clients: one.join()
assert sorted(done) == [0, 1, 2], done
"""

CONNECTIONS = """
import multiprocessing.connection as mpc, os, socket, threading

with mpc.Listener(("127.0.0.1", 0), authkey=b"key") as listener:
    def serve():
        with listener.accept() as server:
            while (message := server.recv()) is not None:
                server.send(message)
    serving = threading.Thread(target=serve)
    serving.start()
    with mpc.Client(listener.address, authkey=b"key") as client:
        for size in (0, 1, 3_000_000):
            client.send(bytes(size))
            assert client.recv() == bytes(size)
        client.send(None)
    serving.join()

left, right = socket.socketpair()  # by the numbers, with the sockets still there
one, other = mpc.Connection(os.dup(left.fileno())), mpc.Connection(os.dup(right.fileno()))
sending = threading.Thread(target=one.send_bytes, args=(bytes(3_000_000),))
sending.start()
assert len(other.recv_bytes()) == 3_000_000
sending.join()
reading = []
waiting = threading.Thread(target=lambda: reading.append(other.recv()))
waiting.start()
one.send("late")
waiting.join()
assert reading == ["late"]
one.close(); other.close()
"""


def test_an_inetd_that_spawns_cat():
    play(INETD)


def test_connections_of_multiprocessing():
    play(CONNECTIONS)
