"""grpc under patch_all: calls and servers wait in threads of ours, and stop nobody."""

import os
import subprocess
import sys

import pytest

from .running_programs import ROOT, needs

pytestmark = [pytest.mark.timeout(120), needs("grpc")]

BEGIN = """
import time
from concurrent import futures
import grpc
from celadon import Timeout, joinall, sleep, spawn

beats = []
def beat():
    while True:
        beats.append(time.monotonic())
        sleep(0.01)

class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        def one(request, context):
            time.sleep(float(request or b"0"))
            if details.method.endswith("fails"):
                context.abort(grpc.StatusCode.NOT_FOUND, "planted")
            return request[::-1]
        def several(requests, context):
            for request in requests:
                time.sleep(0.05)
                yield request[::-1]
        if details.method.endswith("stream"):
            return grpc.stream_stream_rpc_method_handler(several)
        return grpc.unary_unary_rpc_method_handler(one)

server = grpc.server(futures.ThreadPoolExecutor(60))
server.add_generic_rpc_handlers((Handler(),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
channel = grpc.insecure_channel(f"127.0.0.1:{port}")
call, fails, stream = channel.unary_unary("/a/one"), channel.unary_unary("/a/fails"), channel.stream_stream("/a/stream")
beating = spawn(beat)
"""
END = """
beating.kill()
channel.close()
server.stop(0).wait()
longest = max(b - a for a, b in zip(beats, beats[1:]))
assert len(beats) > 10 and longest < 2, (len(beats), longest)
print("done")
"""


def play(code, *words, begin="import celadon\nceladon.patch_all()"):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "GRPC_VERBOSITY": "NONE"}
    command = [sys.executable, *words, "-c", begin + BEGIN + code + END]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=env, check=False)
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr


def test_calls_at_once():
    play("""
began = time.monotonic()
jobs = [spawn(call, b"0.5", timeout=30) for n in range(50)]
joinall(jobs, raise_error=True)
assert {one.value for one in jobs} == {b"5.0"}
assert time.monotonic() - began < 10, "one after the other it would be 25 s"
""")


def test_streams_futures_and_errors():
    play("""
assert list(stream(iter([b"ab", b"cd", b"ef"]), timeout=30)) == [b"ba", b"dc", b"fe"]
jobs = [spawn(lambda: list(stream(iter([b"ab"] * 5), timeout=30))) for n in range(10)]
joinall(jobs, raise_error=True)
assert {tuple(one.value) for one in jobs} == {(b"ba",) * 5}
assert call.future(b"0.1", timeout=30).result() == b"1.0"
for kind, it, given, seconds in ((grpc.StatusCode.NOT_FOUND, fails, b"0", 30),
                                 (grpc.StatusCode.DEADLINE_EXCEEDED, call, b"5", 0.2)):
    try:
        it(given, timeout=seconds)
    except grpc.RpcError as error:
        assert error.code() == kind
    else:
        raise AssertionError(kind)
""")


def test_a_kill_and_a_timeout_do_not_break_off_a_call():
    """grpc frees what the thread works on: nobody may leave before. A call has a deadline of its own."""
    play("""
with Timeout(0.1):
    assert call(b"0.6", timeout=30) == b"6.0"
killed = spawn(call, b"0.5", timeout=30)
sleep(0.1)
killed.kill()
for _ in range(20):
    with Timeout(0.02, False):
        call(b"0.05", timeout=30)
assert call(b"0", timeout=30) == b"0"
""")


def test_many_channels():
    """Each takes a thread while it is open; gevent's pool has ten."""
    play("""
channels = [grpc.insecure_channel(f"127.0.0.1:{port}") for _ in range(30)]
jobs = [spawn(one.unary_unary("/a/one"), b"0.2", timeout=30) for one in channels]
joinall(jobs, raise_error=True)
futures_ = [one.unary_unary("/a/one").future(b"0.1", timeout=30) for one in channels]
assert {one.result() for one in futures_} == {b"1.0"}
for one in channels:
    one.close()
""")


def test_a_program_that_ends_with_an_open_channel():
    code = BEGIN + 'print(call(b"0", timeout=30))'
    env = {**os.environ, "PYTHONPATH": str(ROOT), "GRPC_VERBOSITY": "NONE"}
    command = [sys.executable, "-m", "celadon", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=False)
    assert (done.stdout, done.returncode) == ("b'0'\n", 0), done.stderr


def test_imported_before_the_patch():
    play('assert call(b"0.1", timeout=30) == b"1.0"', begin="import grpc, celadon\nceladon.patch_all()")


def test_a_program_written_for_gevent():
    """Which calls grpc's own initialization, and gets the facade."""
    begin = """
from gevent import monkey
monkey.patch_all()
import grpc.experimental.gevent
grpc.experimental.gevent.init_gevent()
"""
    play(
        'joinall([spawn(call, b"0.1", timeout=30) for n in range(4)], raise_error=True)',
        "-m",
        "celadon",
        "--as",
        "gevent",
        begin=begin,
    )
