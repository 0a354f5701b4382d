"""A Flask-SocketIO server."""

import sys

import eventlet

eventlet.monkey_patch()

from flask import Flask  # noqa: E402
from flask_socketio import SocketIO, emit  # noqa: E402

app = Flask(__name__)
socketio = SocketIO(app, async_mode="eventlet")


@app.route("/")
def index():
    return eventlet.__name__


@socketio.on("ask")
def ask(word):
    socketio.sleep(0.3)
    emit("answer", word.upper())


if __name__ == "__main__":
    socketio.run(app, port=int(sys.argv[1]), log_output=False)
