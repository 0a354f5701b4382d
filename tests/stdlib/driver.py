"""Runs one of CPython's own test modules in this process, patched first or not, and writes down what each test did.

One line per event goes to a file, so that what happened is known however the process ends. A test that takes too
long is a hang: a watchdog in C, which no patch can stop, ends the process then.
"""

import argparse
import os
import sys
from time import monotonic

sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != os.path.dirname(os.path.abspath(__file__))]


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("--package", default="test", help="where the module is")
    parser.add_argument("--functions", action="store_true", help="run its functions test_* as well, as pytest does")
    parser.add_argument("--events", required=True)
    parser.add_argument("--done", help="a file with the ids of tests that are not to be run again")
    parser.add_argument("--only", help="run only the tests whose id contains this")
    parser.add_argument("--patch", help="a statement to run first")
    parser.add_argument("--per-test", type=float, default=60, metavar="SECONDS")
    parser.add_argument("--resources", default="walltime")
    parser.add_argument("--alarm", action="store_true", help="end a hang by SIGALRM: no thread watches then")
    return parser.parse_args()


def writer(path):
    """A function that appends a line to the file; bound to what no patch changes, and silent in forked children."""
    write, getpid, me = os.write, os.getpid, os.getpid()
    low = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    high = _high(low, 700)
    os.close(low)

    def emit(*fields):
        if getpid() == me:
            line = "\t".join(str(one).replace("\t", " ").replace("\n", " ") for one in fields)
            write(high, (line + "\n").encode("utf-8", "backslashreplace"))

    return emit


def _high(fd, least):
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, least)


def functions(module):
    """The functions of a module that pytest would run, as test cases."""
    import unittest

    for name, one in list(vars(module).items()):
        if name.startswith("test") and type(one) is type(functions) and one.__module__ == module.__name__:
            marks = [mark for mark in getattr(one, "pytestmark", ()) if mark.name == "skipif" and mark.args[0]]
            case = type(
                "Function", (unittest.FunctionTestCase,), {"id": lambda self, name=name: f"{module.__name__}.{name}"}
            )
            yield case(unittest.skip(marks[0].kwargs.get("reason", ""))(one) if marks else one)


def main():
    options = arguments()
    emit = writer(options.events)
    if options.patch:
        exec(compile(options.patch, "<patch>", "exec"), {"__name__": "__patch__"})
    emit("PATCHED")

    import faulthandler
    import importlib
    import signal
    import traceback
    import unittest

    from test import support

    getpid, me = os.getpid, os.getpid()
    later, errors = faulthandler.dump_traceback_later, _high(2, 701)
    itimer, real = signal.setitimer, signal.ITIMER_REAL

    def arm(seconds=options.per_test):
        if getpid() == me and options.alarm:
            itimer(real, seconds)
        elif getpid() == me:
            later(seconds, exit=True, file=errors)

    faulthandler.enable(file=errors)
    support.use_resources = [one for one in options.resources.split(",") if one]
    support.verbose = 0
    support.record_original_stdout(sys.stdout)
    done = set()
    if options.done and os.path.exists(options.done):
        with open(options.done, encoding="utf-8") as file:
            done = set(file.read().split("\n"))
    running = None

    def name(test):
        try:
            return test.id()
        except Exception:
            return repr(test)

    def last(error):
        try:
            return traceback.format_exception_only(error[0], error[1])[-1].strip()[:300]
        except Exception:
            return repr(error)[:300]

    def hook(method, code, text):
        original = getattr(unittest.TestResult, method)

        def hooked(self, test, *args, **kwargs):
            nonlocal running
            if code == "START":
                running = name(test)
                self._begin = monotonic()
                arm()
                emit(code, running)
            elif code == "STOP":
                emit(code, name(test), f"{monotonic() - getattr(self, '_begin', 0):.3f}")
            elif code == "SUBTEST":
                if len(args) > 1 and args[1] is not None:
                    failed = issubclass(args[1][0], test.failureException)
                    emit("FAIL" if failed else "ERROR", name(test), "subTest: " + last(args[1]))
            else:
                emit(code, name(test), text(args[0]) if text and args else "")
                if text is last:  # at once: a later hang must not take it along
                    traceback.print_exception(*args[0])
            answer = original(self, test, *args, **kwargs)
            if code == "STOP":
                arm()
            return answer

        setattr(unittest.TestResult, method, hooked)

    for method, code, text in (
        ("startTest", "START", None),
        ("stopTest", "STOP", None),
        ("addSuccess", "PASS", None),
        ("addFailure", "FAIL", last),
        ("addError", "ERROR", last),
        ("addSkip", "SKIP", str),
        ("addExpectedFailure", "XFAIL", last),
        ("addUnexpectedSuccess", "XPASS", None),
        ("addSubTest", "SUBTEST", None),
    ):
        hook(method, code, text)
    call = unittest.TestCase.__call__

    def called(self, *args, **kwargs):
        mine = name(self)
        if mine in done or (options.only and options.only not in mine):
            return None
        return call(self, *args, **kwargs)

    unittest.TestCase.__call__ = called

    arm(max(options.per_test, 120))
    try:
        try:
            module = importlib.import_module(f"{options.package}.{options.module}")
        except ModuleNotFoundError as error:
            if error.name not in (f"{options.package}.{options.module}", f"test.{options.module.split('.')[0]}"):
                raise
            emit("ABSENT")
            emit("END")
            return
        if hasattr(module, "test_main"):
            try:
                module.test_main()
            except unittest.SkipTest:
                raise
            except Exception as error:
                emit("NOTE", "test_main raised " + type(error).__name__)
        else:
            loader = unittest.TestLoader()
            suite = loader.loadTestsFromModule(module)
            if options.functions:
                suite.addTests(functions(module))
            for one in loader.errors:
                emit("BROKEN", "loader", one[-300:])
            unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(suite)
    except unittest.SkipTest as error:
        emit("SKIPPED", str(error))
    except KeyboardInterrupt:  # unittest lets it through: it is charged to the test, and a new process goes on
        traceback.print_exc()
        emit("ERROR", running or "(import)", "KeyboardInterrupt escaped")
        os._exit(86 if running else 1)
    except BaseException as error:
        traceback.print_exc()
        emit("BROKEN", options.module, f"{type(error).__name__}: {error}")
    emit("END")
    arm(30)


if __name__ == "__main__":
    main()
