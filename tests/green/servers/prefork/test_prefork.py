"""Prefork as it is used: a master, its workers, signals, and clients that must notice nothing."""

import contextlib
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from celadon.green.servers.prefork import inheritance, pid_file
from celadon.hub import joinall, sleep, spawn

from .masters import APPLICATION, Master

NEWER = APPLICATION.replace("VERSION = 1", "VERSION = 2")


def until(holds):
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        sleep(0.01)


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_workers_serve_and_the_master_never_does(tmp_path):
    with Master(tmp_path) as master:
        master.until("is ready", 2)
        pids = master.workers(2)
        assert master.process.pid not in pids
        for _ in range(20):
            pid, _, parent, imported_in = master.ask()
            assert parent == master.process.pid
            assert imported_in == pid
        assert master.end() == (0, "")
        assert not os.path.exists(master.path)


def test_preload_by_choice(tmp_path):
    with Master(tmp_path, preload="load") as master:
        master.until("is ready", 2)
        assert master.ask()[3] == master.process.pid
        assert master.end() == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT], ids=lambda one: one.name)
def test_term_lets_requests_end_and_the_others_do_not(tmp_path, number):
    with Master(tmp_path) as master:
        master.until("is ready", 2)
        asking = spawn(master.ask, b"slow 0.3")
        sleep(0.1)
        code, errors = master.end(number)
        assert (code, errors) == (0, "")
        assert (asking.get() is not None) is (number == signal.SIGTERM)


def test_who_comes_while_it_ends_is_refused_at_once(tmp_path):
    """And does not wait in the master's queue until the last request has ended."""
    with Master(tmp_path) as master:
        master.until("is ready", 2)
        asking = spawn(master.ask, b"slow 100")
        sleep(0.1)
        master.send(signal.SIGTERM)
        master.until("has ended", 1)
        with socket.socket(socket.AF_UNIX) as late, pytest.raises((ConnectionRefusedError, FileNotFoundError)):
            late.connect(master.path)
        assert master.end(signal.SIGINT) == (0, "")
        assert asking.get() is None


def test_int_after_term(tmp_path):
    with Master(tmp_path) as master:
        master.until("is ready", 2)
        asking = spawn(master.ask, b"slow 100")
        sleep(0.1)
        master.send(signal.SIGTERM)
        master.until("has ended", 1)
        assert master.end(signal.SIGINT) == (0, "")
        assert asking.get() is None


def test_requests_that_do_not_end_are_killed_with_their_worker(tmp_path):
    with Master(tmp_path, rules={"graceful_timeout": 0.1}) as master:
        master.until("is ready", 2)
        asking = spawn(master.ask, b"slow 100")
        sleep(0.1)
        assert master.end() == (0, "")
        assert asking.get() is None


def keep_asking(master, ends, answers, errors):
    while not ends:
        try:
            found = master.ask()
            if found is None:
                errors.append("no answer")
            else:
                answers.append(found)
        except OSError as error:
            errors.append(error)


def test_reload_under_load_of_200_refuses_nobody(tmp_path):
    with Master(tmp_path) as master:
        master.until("is ready", 2)
        ends, answers, errors = [], [], []
        clients = [spawn(keep_asking, master, ends, answers, errors) for _ in range(200)]
        until(lambda: len(answers) > 200)
        assert {one[1] for one in answers} == {1}
        for count in (4, 6):
            (tmp_path / "application.py").write_text(APPLICATION.replace("VERSION = 1", f"VERSION = {count}"))
            master.send(signal.SIGHUP)
            master.until("is ready", count)
            master.until("has ended", count - 2)
        until(lambda: answers[-1][1] == 6)
        ends.append(True)
        joinall(clients)
        assert errors == []
        assert len({one[0] for one in answers}) >= 3
        assert master.end() == (0, "")


def test_kill_9_under_load_loses_only_its_own(tmp_path):
    with Master(tmp_path) as master:
        master.until("is ready", 2)
        victim, other = master.workers(2)
        waiting, owners = [], []
        while not owners.count(victim) or owners.count(other) < 10:
            one = master.connect()
            one.sendall(b"wait")
            waiting.append((one, one.makefile("rb")))
            owners.append(int(waiting[-1][1].readline().split()[0]))
        ends, answers, errors = [], [], []
        clients = [spawn(keep_asking, master, ends, answers, errors) for _ in range(20)]
        sleep(0.05)
        lost_before = len(errors)
        os.kill(victim, signal.SIGKILL)
        for owner, (one, file) in zip(owners, waiting, strict=True):
            answer = b""
            with contextlib.suppress(ConnectionError):
                one.sendall(b"go on")
                answer = file.read()
            assert bool(answer) is (owner == other)
            file.close()
            one.close()
        master.until("is ready", 3)
        ends.append(True)
        joinall(clients)
        assert lost_before == 0
        assert len(errors) <= 20  # what the killed one had in hand of each client
        assert f"worker {victim} has been killed by SIGKILL" in master.log
        assert victim not in master.workers(2)
        assert master.end() == (0, "")


def test_a_worker_that_ends_by_itself_is_replaced(tmp_path):
    with Master(tmp_path) as master:
        master.until("is ready", 2)
        assert master.ask(b"exit") is None
        master.until("has ended with code 7")
        master.until("is ready", 3)
        assert len(master.workers(2)) == 2


def test_a_blocked_worker_is_ended_and_says_where_it_was(tmp_path):
    with Master(tmp_path, rules={"silence_timeout": 0.5}, workers=1) as master:
        master.until("is ready")
        asking = spawn(master.ask, b"block")
        master.until("gets SIGABRT: silent for")
        master.until("is ready", 2)
        assert asking.get() is None
        assert master.ask() is not None
        code, errors = master.end()
        assert code == 0
        assert "application.py" in errors  # faulthandler's traceback


def test_more_and_fewer(tmp_path):
    with Master(tmp_path, workers=1) as master:
        master.until("is ready")
        master.send(signal.SIGTTIN)
        master.until("is ready", 2)
        assert len(master.workers(2)) == 2
        master.send(signal.SIGTTOU)
        master.until("has ended")
        assert len({master.ask()[0] for _ in range(20)}) == 1
        assert master.end() == (0, "")


@pytest.mark.parametrize("options", [{"max_requests": 5}, {"max_age": 0.1}], ids=str)
def test_a_worker_that_has_served_enough_is_replaced(tmp_path, options):
    with Master(tmp_path, workers=1, rules={"silence_timeout": 1}, **options) as master:
        master.until("is ready")
        first = master.ask()[0]
        until(lambda: master.ask()[0] != first)
        master.until("has ended")
        assert "been killed" not in master.log
        assert master.end() == (0, "")


def test_workers_end_when_the_master_is_killed(tmp_path):
    with Master(tmp_path) as master:
        master.until("is ready", 2)
        pids = master.workers(2)
        asking = spawn(master.ask, b"slow 0.2")
        sleep(0.1)
        master.process.kill()
        assert asking.get() is not None
        until(lambda: not any(map(runs, pids)))


FAILS = """
import sys
def handle(client, worker): pass
raise SystemError("it cannot be imported")
"""


def test_an_application_that_fails_is_tried_again_and_again(tmp_path):
    with Master(tmp_path, FAILS, workers=1) as master:
        master.until("has ended with code 1", 3)
        (tmp_path / "application.py").write_text(APPLICATION)
        master.until("is ready")
        assert master.ask() is not None
        code, errors = master.end()
        assert code == 0
        assert errors.count("SystemError: it cannot be imported") >= 3


def test_a_failure_that_makes_no_sense_to_repeat_ends_the_start(tmp_path):
    with Master(tmp_path, first="worker.fail('two\\nlines', 5)", workers=3) as master:
        assert master.ended() == (5, "two\nlines\n")


def test_a_reload_that_fails_leaves_the_old_workers(tmp_path):
    with Master(tmp_path) as master:
        master.until("is ready", 2)
        before = master.workers(2)
        (tmp_path / "application.py").write_text(FAILS)
        master.send(signal.SIGHUP)
        master.until("has ended with code 1", 2)
        assert master.workers(2) == before
        (tmp_path / "application.py").write_text(NEWER)
        master.send(signal.SIGHUP)
        until(lambda: master.ask()[1] == 2)
        code, _ = master.end()
        assert code == 0


# -- another master --------------------------------------------------------------------------------------------


def test_usr2_hands_over_and_refuses_nobody(tmp_path):
    with Master(tmp_path, pid_path=str(tmp_path / "pid")) as master:
        master.until("is ready", 2)
        assert pid_file.running(str(tmp_path / "pid")) == master.process.pid
        (tmp_path / "application.py").write_text(NEWER)
        ends, answers, errors = [], [], []
        clients = [spawn(keep_asking, master, ends, answers, errors) for _ in range(20)]
        master.send(signal.SIGUSR2)
        assert master.ended() == (0, "")
        sleep(0.05)
        ends.append(True)
        joinall(clients)
        assert errors == []
        _, version, parent, _ = master.ask()
        assert version == 2
        assert parent != master.process.pid
        assert pid_file.running(str(tmp_path / "pid")) == parent
        os.kill(parent, signal.SIGTERM)
        until(lambda: not os.path.exists(master.path) and not os.path.exists(tmp_path / "pid"))


def test_usr2_of_a_program_that_fails_changes_nothing(tmp_path):
    with Master(tmp_path) as master:
        master.until("is ready", 2)
        before = master.workers(2)
        program = (tmp_path / "program.py").read_text()
        (tmp_path / "program.py").write_text("raise SystemExit(9)")
        master.send(signal.SIGUSR2)
        master.until("has ended with code 9; this one goes on")
        assert master.workers(2) == before
        (tmp_path / "program.py").write_text(program)
        master.send(signal.SIGUSR2)
        assert master.ended() == (0, "")
        after = master.workers(2)
        assert not after & before
        os.kill(master.ask()[2], signal.SIGTERM)


LEFT = {
    "none": ({}, 7, None),
    "ours": ({"CELADON_PREFORK": '{"master": 7, "fds": {"a": 3}}'}, 7, inheritance.Left(7, {"a": 3})),
    "of another": ({"CELADON_PREFORK": '{"master": 8, "fds": {"a": 3}}'}, 7, None),
}


@pytest.mark.parametrize("case", LEFT)
def test_what_a_master_has_left(case):
    environ, parent, expected = LEFT[case]
    environ = dict(environ)
    assert inheritance.left(environ, parent) == expected
    assert environ == {}
    if expected is not None:
        assert inheritance.left({"CELADON_PREFORK": expected.written()}, parent) == expected


# -- sockets and files -----------------------------------------------------------------------------------------


def test_sockets_that_are_shared_and_sockets_of_each():
    shared = inheritance.Sockets([("127.0.0.1", 0)])
    assert shared.of(0) == shared.of(1)
    own = inheritance.Sockets([("127.0.0.1", 0)], reuse_port=True)
    first, second = own.of(0)[0], own.of(1)[0]
    assert first is not second
    assert first.getsockname() == second.getsockname()
    assert own.of(1) == [second]
    for one in (shared, own):
        one.close(leave_paths=False)


def test_what_is_inherited_is_used_or_closed(tmp_path):
    first = inheritance.Sockets([str(tmp_path / "a"), str(tmp_path / "b")])
    first.of(0)
    fds = {name: os.dup(fd) for name, fd in first.fds().items()}
    second = inheritance.Sockets([str(tmp_path / "b")])
    second.inherit(fds)
    assert second.of(0)[0].getsockname() == str(tmp_path / "b")
    second.close_the_rest()
    first.close(leave_paths=True)
    second.close(leave_paths=False)
    assert sorted(os.listdir(tmp_path)) == ["a"]


PID_FILES = {"none": (None, None), "empty": ("", None), "dead": ("{dead}\n", None), "ours": ("{us}\n", True),
             "else": ("x\n", ValueError)}  # fmt: skip


@pytest.mark.parametrize("case", PID_FILES)
def test_pid_files(case, tmp_path):
    text, expected = PID_FILES[case]
    path = str(tmp_path / "pid")
    dead = os.fork() or os._exit(0)
    os.waitpid(dead, 0)
    if text is not None:
        (tmp_path / "pid").write_text(text.format(dead=dead, us=os.getpid()))
    if expected is ValueError:
        with pytest.raises(ValueError, match="is no pid file"):
            pid_file.running(path)
        return
    assert pid_file.running(path) == (os.getpid() if expected else None)
    pid_file.write(path)
    assert pid_file.running(path) == os.getpid()
    pid_file.remove(path)
    assert os.listdir(tmp_path) == []


def test_a_pid_file_of_another_is_not_removed(tmp_path):
    (tmp_path / "pid").write_text(str(os.getppid()))
    pid_file.remove(str(tmp_path / "pid"))
    assert os.listdir(tmp_path) == ["pid"]
