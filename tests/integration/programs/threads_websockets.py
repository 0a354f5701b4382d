"""websockets' threading client and server: its threads join one another as a connection is closed."""

import threading

from websockets.sync.client import connect
from websockets.sync.server import serve


def echo(connection):
    for message in connection:
        connection.send(message)


with serve(echo, "127.0.0.1", 0) as server:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    port = server.socket.getsockname()[1]

    def talk(n):
        with connect(f"ws://127.0.0.1:{port}", ping_interval=0.01, compression=None) as client:
            for text in (f"hello {n}", "x" * 70000):
                client.send(text)
                assert client.recv(timeout=5) == text
        talked.append(n)

    talked = []
    talkers = [threading.Thread(target=talk, args=(n,)) for n in range(8)]
    for one in talkers:
        one.start()
    for one in talkers:
        one.join()
    server.shutdown()
    thread.join()
assert sorted(talked) == list(range(8)), talked
assert threading.active_count() == 1, threading.enumerate()
