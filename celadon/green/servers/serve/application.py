"""The application that a command line names: ``module:attribute``, or ``module:factory()``."""

from __future__ import annotations

import difflib
import importlib
import re
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple

#: The attribute if none is named, as PEP 3333's servers have it.
DEFAULT = "application"
_FORM = re.compile(r"(?P<module>[\w.]+)(?::(?P<attribute>[\w.]+)(?P<call>\(\))?)?")


class LoadError(Exception):
    """There is no such application. The text is one line; or it is the traceback of an application that fails itself.

    ``code`` is the exit code: 2 if the name is wrong, 1 if the application is.
    """

    def __init__(self, text: str, code: int = 2) -> None:
        super().__init__(text)
        self.code = code


class Name(NamedTuple):
    """What is to be loaded; with ``call`` the attribute is a function without arguments that returns it."""

    module: str
    attribute: str
    call: bool


def parse_name(text: str) -> Name:
    """ValueError for a text that names no application."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no application: write module:attribute, or module:factory()")
    return Name(found["module"], found["attribute"] or DEFAULT, found["call"] is not None)


def _own_frames(error: BaseException) -> TracebackType | None:
    """The traceback from the application's first line on."""
    trace = error.__traceback__
    while trace is not None and (
        trace.tb_frame.f_globals.get("__name__") == __name__
        or trace.tb_frame.f_code.co_filename.startswith("<frozen importlib")
        or trace.tb_frame.f_globals.get("__name__") == "importlib"
    ):
        trace = trace.tb_next
    return trace


def _failure(what: str, error: BaseException) -> LoadError:
    lines = traceback.format_exception(type(error), error, _own_frames(error))
    return LoadError(f"{''.join(lines)}{what}", 1)


def load(name: Name) -> Callable[..., Any]:
    """Import it. LoadError says what is wrong."""
    try:
        module = importlib.import_module(name.module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name.module}.".startswith(f"{error.name}."):
            raise LoadError(f"there is no module {error.name!r}; looked in {sys.path[0] or '.'} first") from None
        raise _failure(f"{name.module} cannot be imported", error) from None
    except Exception as error:  # noqa: BLE001  (the application's own; told with its traceback)
        raise _failure(f"{name.module} cannot be imported", error) from None
    found: Any = module
    for part in name.attribute.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, [one for one in dir(found) if not one.startswith("__")], 1)
            also = f"; did you mean {near[0]}?" if near else ""
            raise LoadError(f"module {name.module!r} has no {name.attribute!r}{also}")
        found = getattr(found, part)
    if not callable(found):
        raise LoadError(f"{name.module}:{name.attribute} is no WSGI application: {found!r} cannot be called")
    if name.call:
        try:
            found = found()
        except Exception as error:  # noqa: BLE001  (as above)
            raise _failure(f"{name.module}:{name.attribute}() failed", error) from None
        if not callable(found):
            raise LoadError(f"{name.module}:{name.attribute}() returned no WSGI application, but {found!r}")
    return found  # type: ignore[no-any-return]


__all__ = ["LoadError", "Name", "load", "parse_name"]
