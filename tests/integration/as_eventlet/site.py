"""A WSGI application that waits."""

import sys
import time


def application(environ, start_response):
    time.sleep(0.5)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [sys.modules["eventlet"].__file__.encode()]
