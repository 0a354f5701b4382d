"""A chat: one page by HTTP, and a WebSocket for each reader: ``python -m examples.chat [PORT]``.

Needs ``pip install 'celadon[serve]'``.
"""

import sys

from celadon.green.servers.websocket import WebSocketError, WebSocketWSGI
from celadon.green.servers.wsgi import WSGIServer

PAGE = b"""<!doctype html><meta charset="utf-8"><title>Chat</title>
<ul id="said"></ul><form id="say"><input id="text" autofocus><button>Say</button></form>
<script>
const socket = new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/chat");
socket.onmessage = event => {
  const line = document.createElement("li");
  line.textContent = event.data;
  said.append(line);
};
say.onsubmit = event => { event.preventDefault(); socket.send(text.value); text.value = ""; };
</script>
"""


class Chat:
    """The application. Whatever one says, all get."""

    def __init__(self):
        self.present = set()
        self.room = WebSocketWSGI.configured(
            self.join,
            # A page of another site must not speak in the name of who looks at it.
            origin_checker=lambda host, origin: origin.partition("://")[2] in ("", host),
        )

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/chat":
            return self.room(environ, start_response)
        if environ["PATH_INFO"] == "/":
            start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
            return [PAGE]
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"not found\n"]

    def join(self, websocket):
        """Listen to one until it leaves."""
        self.present.add(websocket)
        try:
            for message in websocket:
                self.tell(message)
        finally:
            self.present.discard(websocket)

    def tell(self, message):
        """Send a message to everybody; who is gone is not told."""
        for one in list(self.present):
            try:
                one.send(message)
            except WebSocketError:
                self.present.discard(one)


def main():
    """Serve until Ctrl-C."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    print(f"http://127.0.0.1:{port}/")
    WSGIServer(("127.0.0.1", port), Chat()).serve_forever()


if __name__ == "__main__":
    main()
