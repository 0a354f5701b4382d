"""Files that wait park, and two greenlets in one buffered file take turns."""

import io
import os
import select
import socket
import subprocess
import sys
import threading
import time

import pytest

from celadon import patch_all
from celadon.green import FileObject, FileObjectBlock, FileObjectPosix, FileObjectThread, is_patched, restore
from celadon.green.files.open_file import ParkingFile, ThreadedFile
from celadon.hub import Timeout, get_hub, sleep, spawn


@pytest.fixture(autouse=True)
def patched():
    patch_all()
    with Timeout(20):
        yield
    restore()


def in_turn(*functions):
    """Greenlets of all of them, each begun before the next one."""
    running = []
    for one in functions:
        running.append(spawn(one))
        sleep(0)
    return running


def ended(*functions):
    """Run all of them as greenlets, and give what each returned or raised."""
    running = [spawn(one) for one in functions]
    return [one.get() for one in running]


def test_many_readers_of_one_pipe_each_get_a_line():
    r, w = os.pipe()
    with os.fdopen(r, "rb") as reader, os.fdopen(w, "wb", 0) as writer:
        reading = in_turn(*[reader.readline] * 4)
        for n in range(4):
            sleep(0)
            writer.write(b"%d\n" % n)
        assert sorted(one.get() for one in reading) == [b"0\n", b"1\n", b"2\n", b"3\n"]


def test_many_writers_of_one_pipe():
    r, w = os.pipe()
    with open(r, "rb") as reader, open(w, "wb") as writer:
        block = b"x" * 100_000

        def write():
            writer.write(block)
            writer.flush()

        def write_all():
            ended(*[write] * 4)
            writer.close()

        data, _ = ended(reader.read, write_all)
        assert data == block * 4


def test_a_pair_of_reader_and_writer_over_one_socket():
    left, right = socket.socketpair()
    with left, right, left.makefile("rwb") as pair:
        reading = [spawn(pair.read, 1) for _ in range(2)]
        sleep(0)
        pair.write(b"while they read")
        pair.flush()
        assert right.recv(100) == b"while they read"
        right.sendall(b"ab")
        assert sorted(one.get() for one in reading) == [b"a", b"b"]


class Slow(io.RawIOBase):
    """A raw file that lets others run while it writes."""

    def __init__(self):
        self.written = []
        self.back = None

    def writable(self):
        return True

    def write(self, data):
        sleep(0.001)
        if self.back is not None:
            self.back.write(b"more")
        self.written.append(bytes(data))
        return len(data)


def test_any_raw_file_may_park_under_a_buffer():
    raw = Slow()
    file = io.BufferedWriter(raw, 4)
    ended(*[lambda n=n: file.write(b"%d" % n * 8) for n in range(5)])
    file.close()
    assert sorted(b"".join(raw.written)) == sorted(b"0123401234012340123401234012340123401234")


def test_closing_while_another_writes_waits_for_it():
    raw = Slow()
    file = io.BufferedWriter(raw, 4)

    for one in in_turn(lambda: file.write(b"12345678"), file.close):
        one.get()
    with pytest.raises(ValueError, match="closed"):
        file.write(b"x" * 10)
    assert b"".join(raw.written) == b"12345678"


def test_a_call_that_is_reentrant_stays_refused():
    raw = Slow()
    raw.back = file = io.BufferedWriter(raw, 4)
    with pytest.raises(RuntimeError, match="reentrant call"):
        file.write(b"12345678")
    raw.back = None
    file.close()


def test_nobody_waits_for_a_file_in_the_hub():
    raw = Slow()
    file = io.BufferedWriter(raw, 4)
    writing = spawn(file.write, b"12345678")
    sleep(0)
    refused = []

    def in_the_hub():
        try:
            file.write(b"x" * 10)
        except RuntimeError as error:
            refused.append(str(error))

    get_hub().call_soon(in_the_hub)
    writing.get()
    file.close()
    assert len(refused) == 1


def test_killed_while_it_waits_for_its_turn():
    r, w = os.pipe()
    with open(r, "rb") as reader, open(w, "wb", 0) as writer:
        first, second, third = in_turn(*[reader.readline] * 3)
        second.kill()
        writer.write(b"1\n3\n")
        assert sorted((first.get(), third.get())) == [b"1\n", b"3\n"]


def test_two_threads_meet_at_a_fifo(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)

    def write():
        with open(path, "w") as file:
            file.write("through\n")

    thread = threading.Thread(target=write)
    thread.start()
    with open(path) as file:
        assert file.read() == "through\n"
    thread.join()


def test_a_fifo_whose_opener_is_killed_is_closed(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    opening = spawn(os.open, path, os.O_RDONLY)
    sleep(0.01)
    opening.kill()
    writer = None
    while writer is None:
        try:
            writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            sleep(0.001)
    asked = select.poll()
    asked.register(writer, 0)
    assert asked.poll(5000) == [(writer, select.POLLERR)]
    os.close(writer)


def test_a_pipe_that_its_user_set_not_to_block():
    r, w = os.pipe()
    os.set_blocking(r, False)
    os.set_blocking(w, False)
    with open(r, "rb", 0) as reader, open(w, "wb", 0) as writer:
        assert reader.read(1) is None
        assert reader.read() is None
        assert reader.readinto(bytearray(1)) is None
        while writer.write(b"x" * 4096):
            pass
        assert reader.read(4096) == b"x" * 4096


def test_the_wrong_end_and_a_closed_file():
    r, w = os.pipe()
    with open(r, "rb", 0) as reader, open(w, "wb", 0) as writer:
        with pytest.raises(io.UnsupportedOperation, match="not open for writing"):
            reader.write(b"x")
        with pytest.raises(io.UnsupportedOperation, match="not open for reading"):
            writer.read(1)
        waiting = spawn(reader.read, 1)
        sleep(0)
        reader.close()
        with pytest.raises(OSError, match="Bad file"):
            waiting.get()
        with pytest.raises(ValueError, match="closed"):
            reader.read(1)


def test_a_terminal():
    master, slave = os.openpty()
    with open(master, "wb", 0) as typed, open(slave) as terminal:
        line, _ = ended(terminal.readline, lambda: typed.write(b"hello\n"))
    assert line == "hello\n"
    assert terminal.line_buffering


def test_regular_files_are_as_ever(tmp_path):
    path = tmp_path / "file"
    with open(path, "wb") as file:
        assert type(file) is not io.BufferedWriter
        assert isinstance(file, io.BufferedWriter)
        assert issubclass(type(file), io.BufferedWriter)
        assert not isinstance(file, io.BufferedReader)
        file.write(b"text")
    with open(path) as file:
        assert file.read() == "text"
    with pytest.raises(FileNotFoundError):
        open(tmp_path / "none").close()
    with pytest.raises(ValueError, match="mode"):
        open(path, "z").close()


def test_regular_files_through_threads_by_choice(tmp_path):
    path = tmp_path / "file"
    assert not is_patched("files")
    patch_all(files=True)
    with open(path, "w+") as file:
        ended(*[lambda n=n: file.write(f"line {n}\n" * 1000) for n in range(4)])
        file.seek(0)
        assert len(file.readlines()) == 4000
        file.truncate(5)
    with open(path, "rb", 0) as raw:
        into = bytearray(10)
        assert raw.readinto(into) == 5
        assert into[:5] == b"line "
        assert raw.seek(0) == 0
        assert raw.read() == b"line "
    with pytest.raises(FileNotFoundError):
        open(tmp_path / "none").close()


@pytest.mark.parametrize("make", [FileObject, FileObjectBlock, FileObjectPosix, FileObjectThread])
def test_gevents_names(make, tmp_path):
    path = tmp_path / "file"
    with make(path, "w", encoding="utf-8") as file:
        file.write("text")
    with open(path, "rb", 0) as given:
        with make(given, "rb", close=False) as file:
            assert file.read() == b"text"
        given.seek(0)
        with make(given) as file:
            assert file.read() == "text"
        assert given.closed
    r, w = os.pipe()
    with make(w, "wb", 0) as writer, make(r, "rb") as reader:
        writer.write(b"line\n")
        assert reader.readline() == b"line\n"


def test_the_kind_of_file_that_fits(tmp_path):
    r, w = os.pipe()
    with FileObject(r, "rb", 0) as reader, FileObject(w, "wb", 0) as writer:
        assert isinstance(reader, ParkingFile)
        assert isinstance(writer, ParkingFile)
    with FileObject(tmp_path / "new", "wb", 0) as file:
        assert isinstance(file, ThreadedFile)


STREAMS = """
from celadon import patch_all
patch_all(sys=True)
import sys, threading, time
ticks = []
def tick():
    while True:
        ticks.append(1)
        time.sleep(0.001)
threading.Thread(target=tick, daemon=True).start()
print("ready", flush=True)
line = sys.stdin.readline()
print(len(ticks) > 5, repr(line), repr(input()), sys.stdin.name, file=sys.stderr)
print("x" * 300_000)
"""


def test_standard_streams_by_choice():
    child = subprocess.Popen(
        [sys.executable, "-c", STREAMS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.1)
    out, err = child.communicate("one\ntwo\n")
    assert err == "True 'one\\n' 'two' <stdin>\n"
    assert out == "x" * 300_000 + "\n"


@pytest.mark.parametrize("make", [FileObject, FileObjectBlock, FileObjectPosix, FileObjectThread])
def test_a_file_has_the_name_of_the_object_that_it_is_over(make, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with open(path, "rb") as beneath:
        file = make(beneath, "rb")
        assert file.name == beneath.name
        file.close()
        assert file.name == beneath.name

    class Nameless:
        def __init__(self):
            self.number = os.open(path, os.O_RDONLY)

        def fileno(self):
            return self.number

        def close(self):
            os.close(self.number)

    file = make(Nameless(), "rb")
    assert not hasattr(file, "name")
    file.close()
    assert not hasattr(file, "name")
