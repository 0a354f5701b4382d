"""A WSGI application: each page takes a while, and says who served it."""

import os
import threading
import time


def app(environ, start_response):
    """``/slow`` takes 0.2 s; the answer names the process and the OS thread."""
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.2)
    size = len(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    body = f"{os.getpid()} {threading.get_native_id()} {size} {environ['QUERY_STRING']}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
