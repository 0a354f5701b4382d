"""Flask, Flask-Sock and Flask-SocketIO on our server, unchanged; their client in another process, with threads."""

import subprocess
import sys

from flask import Flask
from flask_sock import Sock
from flask_socketio import SocketIO, send

from celadon.green.servers.wsgi import WSGIServer

CLIENT = """
import queue, socketio, sys, urllib.request
from websockets.sync.client import connect
port = int(sys.argv[1])
assert urllib.request.urlopen(f"http://127.0.0.1:{port}/").read() == b"plain"
with connect(f"ws://127.0.0.1:{port}/echo") as one:
    one.send("hello")
    assert one.recv(10) == "hello"
for transports in (["polling"], ["websocket"], ["polling", "websocket"]):
    client, got = socketio.Client(), queue.Queue()
    client.on("message", got.put)
    client.connect(f"http://127.0.0.1:{port}", transports=transports)
    client.send("a")
    assert got.get(timeout=10) == "got a"
    assert client.transport() == transports[-1]
    client.disconnect()
assert urllib.request.urlopen(f"http://127.0.0.1:{port}/").read() == b"plain"
"""

app = Flask(__name__)
sock, sockets = Sock(app), SocketIO(app, async_mode="threading")


@app.route("/")
def index():
    return "plain"


@sock.route("/echo")
def echo(websocket):
    while True:
        websocket.send(websocket.receive())


@sockets.on("message")
def answer(data):
    send(f"got {data}")


with WSGIServer(("127.0.0.1", 0), app, log=None) as server:
    done = subprocess.run([sys.executable, "-c", CLIENT, str(server.server_port)], timeout=40, check=False)
sys.exit(done.returncode)
