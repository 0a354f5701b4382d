"""A web server on loopback for the clients under test, in OS threads of the test's own process."""

import contextlib
import http.server
import json
import re
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from hashlib import md5
from urllib.parse import parse_qs, urlsplit

from .servers import TLS

SLOW = 0.2


class Page(http.server.BaseHTTPRequestHandler):
    """Pages by path, and a shelf that speaks as much of S3 as an upload and a download need."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    shelf = {}  # noqa: RUF012  (one for all)

    def _body(self):
        if self.headers.get("Expect") == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self._content(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return self._content(b"".join(parts))

    def _content(self, data):
        """What S3's clients wrap in chunks of their own, with a checksum after them."""
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            return data
        found = b""
        while data:
            head, _, data = data.partition(b"\r\n")
            size = int(head.split(b";")[0], 16)
            if not size:
                break
            found, data = found + data[:size], data[size + 2 :]
        return found

    def _say(self, body, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        parts = urlsplit(self.path)
        if parts.path.startswith("/shelf/"):
            self._lend(parts.path)
        elif parts.path == "/redirect":
            self._say(b"", 302, Location="/hello")
        elif parts.path == "/bytes":
            self._say(bytes(int(parse_qs(parts.query)["size"][0])))
        else:
            if parts.path == "/slow":
                time.sleep(SLOW)
            said = {"path": parts.path, "query": parts.query, "host": self.headers["Host"]}
            self._say(json.dumps(said).encode(), Content_Type="application/json")

    do_HEAD = do_GET

    def _lend(self, path):
        found = self.shelf.get(path)
        if found is None:
            self._say(b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>", 404)
            return
        if path.startswith("/shelf/slow/"):
            time.sleep(SLOW)
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if part is None:
            self._say(found, ETag=f'"{md5(found).hexdigest()}"')
            return
        begin, end = int(part[1]), min(int(part[2] or len(found)), len(found) - 1)
        self._say(found[begin : end + 1], 206, Content_Range=f"bytes {begin}-{end}/{len(found)}")

    def do_PUT(self):
        parts, body = urlsplit(self.path), self._body()
        number = parse_qs(parts.query).get("partNumber")
        self.shelf[parts.path if number is None else (parts.path, int(number[0]))] = body
        self._say(b"", ETag=f'"{md5(body).hexdigest()}"')

    def do_POST(self):
        parts, body = urlsplit(self.path), self._body()
        if parts.query == "uploads":
            self._say(b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
        elif parts.path.startswith("/shelf/"):
            pieces = sorted(key for key in self.shelf if isinstance(key, tuple) and key[0] == parts.path)
            self.shelf[parts.path] = b"".join(self.shelf.pop(key) for key in pieces)
            self._say(b"<CompleteMultipartUploadResult><ETag>1</ETag></CompleteMultipartUploadResult>")
        else:
            self._say(body)

    def log_message(self, *args):
        pass


class Site(http.server.ThreadingHTTPServer):
    """Keeps its connections, to be able to end them."""

    request_queue_size = 200
    daemon_threads = True

    def __init__(self, context=None):
        super().__init__(("127.0.0.1", 0), Page)
        self.context = context
        self.open = set()

    def process_request_thread(self, request, client_address):
        try:
            if self.context is not None:
                request = self.context.wrap_socket(request, server_side=True)
        except OSError:
            self.shutdown_request(request)
            return
        self.open.add(request)
        super().process_request_thread(request, client_address)

    def shutdown_request(self, request):
        super().shutdown_request(request)
        self.open.discard(request)

    def handle_error(self, request, client_address):
        """A client that has gone is no news."""


@contextmanager
def site(tls=False):
    """A web server for a ``with`` block; gives its port."""
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    made = Site(context)
    serving = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    try:
        yield made.server_address[1]
    finally:
        made.shutdown()
        serving.join()
        made.server_close()
        for one in list(made.open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        ends = time.monotonic() + 5
        while made.open and time.monotonic() < ends:
            time.sleep(0.01)
        Page.shelf.clear()
