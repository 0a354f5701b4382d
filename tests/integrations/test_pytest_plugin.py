"""pytest with Celadon's plug-in, each run in a process of its own."""

import os
from pathlib import Path

import pytest

import celadon

pytest_plugins = ["pytester"]
ROOT = str(Path(celadon.__file__).parent.parent)


@pytest.fixture
def run(pytester, monkeypatch):
    """Run the tests of some code; ``conftest`` is one's code, ``ini`` what a pytest.ini has."""
    monkeypatch.setenv("PYTHONPATH", ROOT)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # hypothesis' takes 2 seconds to import each time

    def start(code, *words, conftest="", ini="", load=("-p", "celadon.integrations.pytest"), **environment):
        for name, value in environment.items():
            monkeypatch.setitem(os.environ, name, value)
        if conftest:
            pytester.makeconftest(conftest)
        pytester.makeini(f"[pytest]\n{ini}")
        pytester.makepyfile(code)
        return pytester.runpytest_subprocess(*load, "-p", "no:cacheprovider", *words)

    return start


def test_it_patches_before_a_conftest(run):
    done = run(
        "def test_it(): import conftest; assert conftest.made.__module__ == 'celadon.green.socket'",
        conftest="from socket import socket as made",
    )
    done.assert_outcomes(passed=1)


def test_tests_run_on_greenlets_and_find_static_names(run):
    code = """
    import os, queue, socket, threading, time
    import pytest

    def test_threads_are_greenlets():
        begin, got = time.monotonic(), queue.Queue()
        threads = [threading.Thread(target=lambda: (time.sleep(0.1), got.put(1))) for _ in range(100)]
        for one in threads: one.start()
        for one in threads: one.join()
        assert got.qsize() == 100

    def test_names(celadon_names):
        celadon_names["api.test"] = "192.0.2.1"
        celadon_names["both.test"] = ["192.0.2.2", "2001:db8::2"]
        assert socket.gethostbyname("api.test") == "192.0.2.1"
        assert {one[4][0] for one in socket.getaddrinfo("both.test", 80)} >= {"192.0.2.2"}
        assert socket.gethostbyname("of.the.session") == "192.0.2.9"
        celadon_names["api.test"] = "192.0.2.7"
        assert socket.gethostbyname("api.test") == "192.0.2.7"

    def test_names_of_another_test_are_gone():
        for name in ("api.test", "www.example"):
            with pytest.raises(socket.gaierror, match="not known"):
                socket.gethostbyname(name)

    def test_records(celadon_names):
        from celadon import resolver
        celadon_names["mail.test"] = {"MX": ["10 mx.mail.test."]}
        assert "mx.mail.test" in str(resolver.mx("mail.test")[0])
    """
    done = run(code, "--resolver=static", ini="celadon_names = of.the.session 192.0.2.9")
    done.assert_outcomes(passed=4)


LEAKS = """
    import threading, time
    import pytest
    from celadon import hub

    @pytest.fixture(scope="module")
    def server():
        made = hub.spawn(lambda: [hub.spawn(hub.sleep, 1000), hub.sleep(1000)])
        hub.sleep(0)
        yield made
        made.kill()

    def test_clean(server):
        hub.spawn(hub.sleep, 0.02)  # ends by itself, in time

    def test_waits():
        hub.spawn(hub.sleep, 1000)

    def test_has_not_begun():
        hub.spawn_later(1000, print)

    def test_a_thread():
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()

    @pytest.mark.celadon(leaks="ignore")
    def test_may():
        hub.spawn(hub.sleep, 1000)

    def test_is_not_blamed_for_others(server):
        pass
    """


def test_leaked_greenlets(run):
    done = run(LEAKS)
    done.assert_outcomes(passed=6, errors=3)
    done.stdout.fnmatch_lines(["greenlets are left by this test: 1", "*waits on <Timer*"])
    done.stdout.fnmatch_lines(["ERROR *test_waits*", "ERROR *test_has_not_begun*", "ERROR *test_a_thread*"])


def test_leaks_that_are_warnings(run):
    done = run(LEAKS, "--celadon-leaks=warn", "-k", "waits or clean")
    done.assert_outcomes(passed=2, warnings=1)


def test_leaks_that_a_pattern_allows(run):
    done = run(LEAKS, "-k", "waits", ini="celadon_leaks_ignore =\n    *nothing*\n    *sleep*")
    done.assert_outcomes(passed=1)


BLOCKS = """
    import time
    import pytest
    from celadon import hub
    from celadon.green import original

    def block(seconds):
        waiting = hub.spawn(hub.sleep, 0)
        original("time", "sleep")(seconds)
        waiting.join()

    def test_blocks():
        block(0.4)

    @pytest.mark.celadon(block=5)
    def test_may():
        block(0.4)

    def test_quick():
        block(0.01)

    def test_waits():
        time.sleep(0.4)
    """


def test_a_blocked_hub(run):
    done = run(BLOCKS, "--celadon-block=0.2")
    done.assert_outcomes(passed=4, errors=1)
    done.stdout.fnmatch_lines(["*the hub was blocked: the main greenlet blocks all others*in block*"])
    run(BLOCKS, "--celadon-block=0", "-k", "blocks").assert_outcomes(passed=1)


def test_not_patched(run):
    code = "def test_it(): import socket; assert socket.socket.__module__ == 'socket'"
    run(code, "--celadon-no-patch").assert_outcomes(passed=1)


def test_loaded_by_a_conftest(run):
    code = """
    def test_it(request):
        import socket
        from celadon import resolver
        assert socket.socket.__module__ == 'celadon.green.socket'
        assert "python" in repr(resolver.current())
    """
    plugin = "pytest_plugins = ['celadon.integrations.pytest']"
    done = run(code, conftest=plugin, load=(), CELADON_OPTIONS="--resolver python --deadline 3")
    done.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("words", "environment", "line"),
    [
        (["--resolver=nonsense"], {}, "*celadon:*nonsense*"),
        ([], {"CELADON_OPTIONS": "--nonsense"}, "*celadon: CELADON_OPTIONS=--nonsense: unknown option --nonsense*"),
    ],
)
def test_a_wrong_option_is_one_line(run, words, environment, line):
    done = run("def test_it(): pass", *words, **environment)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([line])
    assert "Traceback" not in done.stderr.str()
