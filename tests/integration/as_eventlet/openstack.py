"""A service of oslo's with its WSGI server, looping calls, and futurist's executor; it ends itself by TERM."""

import eventlet

eventlet.monkey_patch()

import os  # noqa: E402
import signal  # noqa: E402
import time  # noqa: E402
import urllib.request  # noqa: E402

import futurist  # noqa: E402
from oslo_config import cfg  # noqa: E402
from oslo_service import loopingcall, service, threadgroup, wsgi  # noqa: E402


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"served"]


class Service(service.ServiceBase):
    def __init__(self, conf):
        self.server = wsgi.Server(conf, "site", application, host="127.0.0.1", port=0)

    def start(self):
        self.server.start()
        eventlet.spawn_after(0.1, self.ask)

    def ask(self):
        print(urllib.request.urlopen(f"http://127.0.0.1:{self.server.port}/").read().decode())
        os.kill(os.getpid(), signal.SIGTERM)

    def stop(self):
        self.server.stop()

    def wait(self):
        self.server.wait()

    def reset(self):
        pass


def main():
    begin = time.monotonic()
    with futurist.GreenThreadPoolExecutor(max_workers=50) as executor:
        assert sum(one.result() for one in [executor.submit(lambda n=n: (time.sleep(0.2), n)[1]) for n in range(50)])
    assert time.monotonic() - begin < 5, "one after the other they take 10 s"
    beats = []
    loop = loopingcall.FixedIntervalLoopingCall(lambda: beats.append(1))
    loop.start(interval=0.01)
    group = threadgroup.ThreadGroup()
    for _ in range(5):
        group.add_thread(time.sleep, 0.1)
    group.wait()
    loop.stop()
    loop.wait()
    assert len(beats) > 2
    conf = cfg.ConfigOpts()
    conf([])
    wsgi.register_opts(conf)
    service.launch(conf, Service(conf)).wait()
    print("stopped")


if __name__ == "__main__":
    main()
