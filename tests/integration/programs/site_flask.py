"""A Flask application that fetches from another server for each of its pages."""

import os
import threading

import requests
from flask import Flask, jsonify, request

app = Flask(__name__)


@app.get("/page")
def page():
    """What the other server says, which takes it 0.2 s."""
    answer = requests.get(f"http://web.test:{os.environ['UPSTREAM']}/slow", params=request.args, timeout=10)
    return jsonify(said=answer.json()["query"], thread=threading.get_native_id())
