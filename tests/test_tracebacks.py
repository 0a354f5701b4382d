"""The text of an error is the interpreter's, and there is one where nothing can be imported any more."""

import traceback

import pytest

from celadon import tracebacks
from celadon.tracebacks import traceback_text


def failed():
    try:
        {}["a"]
    except KeyError as error:
        return error


def test_it_is_what_the_interpreter_prints():
    error = failed()
    assert traceback_text(error) == "".join(traceback.format_exception(error))


@pytest.mark.parametrize("why", [OSError(24, "Too many open files"), ImportError("sys.meta_path is None")])
def test_without_the_module_the_places_are_told(monkeypatch, why):
    class Gone:
        def __getattr__(self, name):
            raise why

    monkeypatch.setattr(tracebacks, "traceback", Gone())
    lines = traceback_text(failed()).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-2].startswith(f'  File "{__file__}", line ')
    assert lines[-2].endswith(", in failed")
    assert lines[-1] == "KeyError: 'a'"
