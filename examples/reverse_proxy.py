"""A reverse proxy: ``python -m examples.reverse_proxy UPSTREAM_HOST:PORT [PORT]``.

Bodies go through in both directions as they come, in constant memory. Needs ``pip install 'celadon[serve]'``.
"""

import http.client
import sys

from celadon.green import create_connection
from celadon.green.servers.wsgi import WSGIServer

#: Fields of one connection, which is not the other (RFC 9110 section 7.6.1).
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
}
HOP_BY_HOP |= {"transfer-encoding", "upgrade"}
BLOCK = 65536


class ReverseProxy:
    """The application. ``upstream`` is a host and a port; each request has a connection of its own to it."""

    def __init__(self, upstream, timeout=30):
        self.upstream, self.timeout = upstream, timeout

    def __call__(self, environ, start_response):
        connection = http.client.HTTPConnection(*self.upstream, timeout=self.timeout)
        connection._create_connection = create_connection  # green; under patch_all it is that anyway
        try:
            self.pass_on(environ, connection)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            start_response("502 Bad Gateway", [("Content-Type", "text/plain")])
            return [f"no answer from upstream: {type(error).__name__}\n".encode()]
        fields = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
        start_response(f"{answer.status} {answer.reason}", fields)
        return self.pieces(connection, answer)

    def pass_on(self, environ, connection):
        """Send the request, with its body as it comes."""
        connection.putrequest(environ["REQUEST_METHOD"], environ["RAW_URI"], skip_host=True, skip_accept_encoding=True)
        dropped = {"HTTP_" + name.upper().replace("-", "_") for name in HOP_BY_HOP}
        for name, value in environ.items():
            if name.startswith("HTTP_") and name not in dropped and not name.startswith("HTTP_X_FORWARDED"):
                connection.putheader(name[5:].replace("_", "-").title(), value.encode("latin-1"))
        connection.putheader("X-Forwarded-For", environ.get("REMOTE_ADDR", "unknown"))
        connection.putheader("X-Forwarded-Proto", environ["wsgi.url_scheme"])
        connection.putheader("Connection", "close")
        if "CONTENT_TYPE" in environ:
            connection.putheader("Content-Type", environ["CONTENT_TYPE"])
        chunked = "HTTP_TRANSFER_ENCODING" in environ
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        elif "CONTENT_LENGTH" in environ:
            connection.putheader("Content-Length", environ["CONTENT_LENGTH"])
        connection.endheaders()
        while data := environ["wsgi.input"].read(BLOCK):
            connection.send(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
        if chunked:
            connection.send(b"0\r\n\r\n")

    def pieces(self, connection, answer):
        """The body of the answer, as it comes."""
        try:
            while data := answer.read1(BLOCK):
                yield data
        finally:
            connection.close()


def main():
    """Serve until Ctrl-C."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    host, _, port = sys.argv[1].rpartition(":")
    here = int(sys.argv[2]) if len(sys.argv) > 2 else 8081
    print(f"http://127.0.0.1:{here}/ -> http://{host}:{port}/")
    WSGIServer(("127.0.0.1", here), ReverseProxy((host, int(port)))).serve_forever()


if __name__ == "__main__":
    main()
