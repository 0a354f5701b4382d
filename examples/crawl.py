"""A crawler as anybody would write it with the standard library: it knows nothing of greenlets or resolvers."""

import socket
import urllib.request

_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def fetch(host, port):
    """The page of one host, and the address that its name had."""
    address = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
    with _open(f"http://{host}:{port}/", timeout=20) as page:
        return address, page.read().decode()
