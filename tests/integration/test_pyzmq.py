"""pyzmq's sockets on the hub, without gevent's facade."""

import os
import subprocess
import sys

import pytest

from .running_programs import ROOT, needs

pytestmark = [pytest.mark.timeout(60), needs("zmq")]

BEGIN = """
import sys, warnings
warnings.simplefilter("error", RuntimeWarning)
import celadon.integrations.zmq as zmq
from celadon import joinall, sleep, spawn
assert "gevent" not in sys.modules
context = zmq.Context()
beats = []
def beat():
    while True:
        beats.append(1)
        sleep(0.001)
beating = spawn(beat)
"""
END = """
beating.kill()
context.term()
print("done", len(beats) > 10)
"""


def play(code, begin=BEGIN, end=END):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", begin + code + end]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, env=env, check=False)
    assert (done.stdout, done.returncode) == ("done True\n", 0), done.stderr


def test_requests_of_many_greenlets():
    play("""
server = context.socket(zmq.REP)
port = server.bind_to_random_port("tcp://127.0.0.1")
def serve():
    for _ in range(200):
        got = server.recv_multipart()
        server.send_multipart([one[::-1] for one in got])
def ask(n):
    with context.socket(zmq.REQ) as client:
        client.connect(f"tcp://127.0.0.1:{port}")
        for i in range(10):
            client.send_multipart([b"%d-%d" % (n, i), b"x" * 100_000])
            assert client.recv_multipart()[0] == (b"%d-%d" % (n, i))[::-1]
joinall([spawn(serve), *(spawn(ask, n) for n in range(20))], timeout=40, raise_error=True)
server.close()
""")


def test_publish_poll_and_inproc():
    play("""
sender, receiver = context.socket(zmq.PUSH), context.socket(zmq.PULL)
sender.bind("inproc://here")
receiver.connect("inproc://here")
poller = zmq.Poller()
poller.register(receiver, zmq.POLLIN)
assert poller.poll(20) == []
def late():
    sleep(0.05)
    sender.send(b"1")
spawn(late)
assert dict(poller.poll(5000)) == {receiver: zmq.POLLIN}
assert receiver.recv() == b"1"
try:
    receiver.recv(zmq.NOBLOCK)
except zmq.Again:
    pass
sender.close()
receiver.close()
""")


def test_under_the_patch():
    play(
        """
import socket
assert socket.socket.__module__ == "celadon.green.socket"
one = context.socket(zmq.PAIR)
two = context.socket(zmq.PAIR)
two.connect(f"tcp://127.0.0.1:{one.bind_to_random_port('tcp://127.0.0.1')}")
waiting = spawn(two.recv)
sleep(0.05)
one.send(b"hello")
assert waiting.get(timeout=10) == b"hello"
one.close()
two.close()
""",
        begin="import celadon\nceladon.patch_all()" + BEGIN,
    )


def test_green_with_gevent_itself_is_refused():
    play(
        """
try:
    import celadon.integrations.zmq
except RuntimeError as error:
    print("done", "import celadon.integrations.zmq first" in str(error))
""",
        begin="""
import sys, types
for name in ("gevent", "gevent.event", "gevent.hub", "gevent.select"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["gevent"].select = sys.modules["gevent.event"].AsyncResult = sys.modules["gevent.hub"].get_hub = None
import zmq.green
""",
        end="",
    )
