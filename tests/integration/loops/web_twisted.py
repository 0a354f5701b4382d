"""A web server of Twisted's whose views block: each in a greenlet of the reactor, asked by green clients."""

import sys
import time

if sys.argv[1] == "asyncio":
    from twisted.internet import asyncioreactor

    asyncioreactor.install()
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.web import resource, server

from celadon.green.connections import create_connection
from celadon.hub import joinall, sleep, spawn
from celadon.hub.aio.twisted import await_, run_green


class Blocking(resource.Resource):
    isLeaf = True

    def render_GET(self, request):
        def view():
            sleep(0.1)
            text = await_(deferLater(reactor, 0.1, lambda: request.path + b" done"))
            request.write(text)
            request.finish()

        waiting = run_green(view)
        request.notifyFinish().addErrback(lambda _: waiting.cancel())
        waiting.addErrback(lambda _: None)
        return server.NOT_DONE_YET


def fetch(n):
    with create_connection(("127.0.0.1", port)) as one:
        one.sendall(b"GET /%d HTTP/1.0\r\n\r\n" % n)
        got = b""
        while data := one.recv(1000):
            got += data
        return got.split(b"\r\n\r\n")[1]


def ask():
    began = time.monotonic()
    asking = [spawn(fetch, n) for n in range(10)]
    joinall(asking, raise_error=True)
    assert [one.get() for one in asking] == [b"/%d done" % n for n in range(10)]
    assert time.monotonic() - began < 1.5


listening = reactor.listenTCP(0, server.Site(Blocking()), interface="127.0.0.1")
port = listening.getHost().port
results = []
reactor.callWhenRunning(lambda: run_green(ask).addBoth(results.append).addBoth(lambda _: reactor.stop()))
reactor.run()
assert results == [None], results
print("right")
