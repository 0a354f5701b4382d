"""Flask-SocketIO and python-engineio, unchanged, on Celadon's servers: polling and WebSocket."""

import subprocess
import sys

import pytest

from .running_programs import fetch, free_port, needs, running

pytestmark = [
    pytest.mark.timeout(120),
    needs("flask_socketio", "engineio", "simple_websocket", "httptools", "websocket", "requests", "gunicorn"),
]

FLASK = """
from flask import Flask
from flask_socketio import SocketIO, emit
app = Flask(__name__)
sio = SocketIO(app, async_mode="threading")
@sio.on("ping")
def ping(data):
    sio.sleep(0.01)
    emit("pong", data + 1)
@app.route("/")
def index():
    import threading
    return threading.get_ident.__module__
"""
#: python-engineio and python-socketio by themselves, without Flask.
PLAIN = """
import socketio
sio = socketio.Server(async_mode="threading")
@sio.on("ping")
def ping(sid, data):
    sio.sleep(0.01)
    sio.emit("pong", data + 1, to=sid)
def index(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]
app = socketio.WSGIApp(sio, index)
"""
CLIENT = """
import sys, threading, socketio
for kind in ("polling", "websocket"):
    for several in range(3):
        client, got, done = socketio.Client(), [], threading.Event()
        client.on("pong", lambda data: (got.append(data), done.set() if len(got) == 5 else None))
        client.connect(sys.argv[1], transports=[kind])
        assert client.transport() == kind
        for n in range(5):
            client.emit("ping", n)
        assert done.wait(20), kind
        assert sorted(got) == [1, 2, 3, 4, 5]
        client.disconnect()
print("done")
"""
SERVERS = {
    "gunicorn": ["-m", "gunicorn", "-k", "celadon.integrations.gunicorn.Worker", "--graceful-timeout", "3"],
    "celadon serve": ["-m", "celadon", "serve", "--graceful-timeout", "3"],
}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("program", [FLASK, PLAIN], ids=["Flask-SocketIO", "python-socketio"])
def test_polling_and_websocket(tmp_path, program, server):
    (tmp_path / "chat.py").write_text(program)
    port = free_port()
    command = [sys.executable, *SERVERS[server], "-b", f"127.0.0.1:{port}"]
    with running(tmp_path, *command, "chat:app"):
        url = f"http://127.0.0.1:{port}"
        fetch(url)
        done = subprocess.run([sys.executable, "-c", CLIENT, url], capture_output=True, text=True, timeout=80)
        assert done.stdout == "done\n", done.stderr + (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()
