"""``gevent.monkey`` over Celadon's ``patch_all``: its names, its arguments, what it kept."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from celadon import green
from celadon.__main__ import main as _celadon
from celadon.green.patching.patch_all import changes, keywords

from . import events
from .resolver import begin

#: gevent's keyword of ``patch_all`` -> Celadon's keywords.
_KEYWORDS = {
    "os": ("os",),
    "thread": ("thread", "multiprocessing", "asyncio"),
    "time": ("time",),
    "sys": ("sys",),
    "socket": ("socket", "psycopg"),
    "select": ("select",),
    "ssl": ("ssl",),
    "subprocess": ("subprocess",),
    "signal": ("signal",),
    "queue": ("queue",),
    "builtins": ("builtins",),
}
_DNS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo", "getfqdn")
_MISSING: Any = object()


class MonkeyPatchWarning(RuntimeWarning):
    """Something about the patch that may not work as expected."""


# -- single objects -----------------------------------------------------------------------------------------------

#: What ``patch_item`` replaced: module -> name -> what stood there.
_replaced: dict[str, dict[str, Any]] = {}


class _Saved(Mapping[str, dict[str, Any]]):
    """What was replaced: module -> name -> what stood there."""

    def _now(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {name: dict(items) for name, items in _replaced.items()}
        for path, name, old in changes():
            module, _, kind = path.rpartition(".")
            if path in sys.modules:
                found.setdefault(path, {}).setdefault(name, old)
            elif module in sys.modules:  # a class of which methods are replaced: it is the class that was there
                found.setdefault(module, {}).setdefault(kind, getattr(sys.modules[module], kind))
        return found

    def __getitem__(self, name: str) -> dict[str, Any]:
        return self._now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())


saved = _Saved()


def get_original(mod_name: Any, item_name: Any) -> Any:
    """What a module's attribute is or was before the patch; with a list of names, a list.

    ``mod_name`` may be a list of modules to try.
    """
    if not isinstance(mod_name, str):
        for one in mod_name[:-1]:
            try:
                return get_original(one, item_name)
            except (ImportError, AttributeError):
                pass
        return get_original(mod_name[-1], item_name)
    if isinstance(item_name, str):
        kept = _replaced.get(mod_name, {})
        if item_name in kept:
            return kept[item_name]
        importlib.import_module(mod_name)
        return green.original(mod_name, item_name)
    return [get_original(mod_name, one) for one in item_name]


def is_module_patched(mod_name: str) -> bool:
    """Whether anything in that module is replaced."""
    return mod_name in saved


def is_object_patched(mod_name: str, item_name: str) -> bool:
    """Whether that attribute of the module is replaced."""
    return item_name in saved.get(mod_name, ())


def is_anything_patched() -> bool:
    """Whether anything is replaced anywhere."""
    return len(saved) > 0


def patch_item(module: Any, attr: str, newitem: Any) -> None:
    """Put ``newitem`` there, and keep what stood there."""
    old = getattr(module, attr, _MISSING)
    if old is not _MISSING:
        _replaced.setdefault(module.__name__, {}).setdefault(attr, old)
    setattr(module, attr, newitem)


def remove_item(module: Any, attr: str) -> None:
    """Delete an attribute, if it is there, and keep it."""
    old = getattr(module, attr, _MISSING)
    if old is not _MISSING:
        _replaced.setdefault(module.__name__, {}).setdefault(attr, old)
        delattr(module, attr)


def patch_module(
    target_module: Any,
    source_module: Any,
    items: Any = None,
    _warnings: Any = None,
    _patch_kwargs: Any = None,
    _notify_will_subscribers: bool = True,
    _notify_did_subscribers: bool = True,
    _call_hooks: bool = True,
) -> bool:
    """Put ``source_module``'s ``items`` (default: its ``__implements__``) into ``target_module``.

    False if a subscriber raised DoNotPatch.
    """
    if items is None:
        items = getattr(source_module, "__implements__", None)
        if items is None:
            raise AttributeError(f"{source_module!r} does not have __implements__")
    name = target_module.__name__
    if _notify_will_subscribers:
        try:
            events.notify_and_call_entry_points(
                events.GeventWillPatchModuleEvent(name, source_module, target_module, items)
            )
        except events.DoNotPatch:
            return False
    for one in items:
        patch_item(target_module, one, getattr(source_module, one))
    if _notify_did_subscribers:
        events.notify_and_call_entry_points(events.GeventDidPatchModuleEvent(name, source_module, target_module))
    return True


# -- the standard library --------------------------------------------------------------------------------------------


#: The modules that subscribers hear of, by gevent's names.
_TOLD = {
    "_thread": "thread",
    **{one: one for one in ("os", "threading", "time", "socket", "select", "selectors")},
    **{one: one for one in ("ssl", "subprocess", "signal", "queue")},
}


def _heard() -> bool:
    return events.heard(events.GeventWillPatchModuleEvent) or events.heard(events.GeventDidPatchModuleEvent)


def _event(kind: Any, path: str) -> None:
    more: tuple[Any, ...] = ()
    source = importlib.import_module(f"{__package__}.{_TOLD[path]}")
    if kind is events.GeventWillPatchModuleEvent:
        more = (list(getattr(source, "__implements__", ())),)
    events.notify_and_call_entry_points(kind(_TOLD[path], source, sys.modules[path], *more))


class _Telling:
    """Tells subscribers once of each module, of which several objects may be patched."""

    def __init__(self) -> None:
        #: By module whether it may be patched.
        self.asked: dict[str, bool] = {}
        #: Whether ``patch_all`` runs; else a module was imported later.
        self.running = False

    def before(self, path: str) -> None:
        """An object of the table is going to be patched."""
        module = path if path in sys.modules else path.rpartition(".")[0]
        if module not in _TOLD or not _heard():
            return
        if module not in self.asked:
            self.asked[module] = self._ask(module)
        if not self.asked[module]:
            raise green.DoNotPatch

    @staticmethod
    def _ask(module: str) -> bool:
        try:
            _event(events.GeventWillPatchModuleEvent, module)
        except events.DoNotPatch:
            return False
        return True

    def after(self, _path: str) -> None:
        """It was."""
        if not self.running:
            self.end()

    def end(self) -> None:
        """All of what was asked for was patched."""
        asked = list(self.asked.items())
        self.asked.clear()
        for module, allowed in asked:
            if allowed:
                _event(events.GeventDidPatchModuleEvent, module)


_telling = _Telling()
green.before_patch(_telling.before)
green.after_patch(_telling.after)


def _patch(**chosen: Any) -> None:
    begin()
    if _heard():  # what events name is imported before anything is half patched
        for path, name in _TOLD.items():
            importlib.import_module(path)
            importlib.import_module(f"{__package__}.{name}")
    _telling.running = True
    try:
        green.patch_all(all=False, **chosen)
        _telling.end()
    finally:
        _telling.running = False


def _also(*keywords: str) -> None:
    _patch(**dict.fromkeys([one for keyword in keywords for one in _KEYWORDS[keyword]], True))


def patch_os() -> None:
    """``os``: fork and children, and what reads and writes."""
    _also("os")


def patch_queue() -> None:
    """``queue``."""
    _also("queue")


def patch_time() -> None:
    """``time.sleep``."""
    _also("time")


def patch_contextvars() -> None:
    """Nothing: each greenlet has a context of its own."""


def patch_thread(
    threading: bool = True,
    _threading_local: bool = True,
    Event: bool = True,  # noqa: N803
    logging: bool = True,
    existing_locks: bool = True,
    _warnings: Any = None,
) -> None:
    """``threading`` and ``_thread``, whole: the arguments do not matter."""
    _also("thread")


def patch_socket(dns: bool = True, aggressive: bool = True) -> None:
    """``socket``; without ``dns`` lookups stay as they were."""
    _also("socket")
    if not dns:
        _keep_dns()


def _keep_dns() -> None:
    socket: Any = sys.modules["socket"]
    for name in _DNS:
        old = green.original("socket", name)
        _replaced.setdefault("socket", {}).pop(name, None)
        setattr(socket, name, old)


def patch_dns() -> None:
    """The lookups of ``socket`` only."""
    begin()
    patch_module(importlib.import_module("socket"), importlib.import_module(f"{__package__}.socket"), _DNS)


def patch_ssl(_warnings: Any = None, _first_time: bool = True) -> None:
    """``ssl``; contexts made before work as well."""
    _also("ssl")


def patch_select(aggressive: bool = True) -> None:
    """``select`` and ``selectors``; ``epoll`` stays, and parks."""
    _also("select")


def patch_selectors(aggressive: bool = True) -> None:
    """As ``patch_select``."""
    _also("select")


def patch_subprocess() -> None:
    """``subprocess``."""
    _also("subprocess")


def patch_builtins() -> None:
    """``open`` of pipes."""
    _also("builtins")


def patch_signal() -> None:
    """``signal``."""
    _also("signal")


def patch_sys(stdin: bool = True, stdout: bool = True, stderr: bool = True) -> None:
    """The standard streams, all three."""
    if stdin or stdout or stderr:
        _also("sys")


class _First:
    arguments: dict[str, Any] | None = None


def patch_all(
    socket: bool = True,
    dns: bool = True,
    time: bool = True,
    select: bool = True,
    thread: bool = True,
    os: bool = True,
    ssl: bool = True,
    subprocess: bool = True,
    sys: bool = False,
    aggressive: bool = True,
    Event: bool = True,  # noqa: N803
    builtins: bool = True,
    signal: bool = True,
    queue: bool = True,
    contextvars: bool = True,
    **kwargs: bool,
) -> bool | None:
    """Celadon's ``patch_all`` with gevent's arguments: those that are False are left out.

    True if a subscriber forbade it. A second call with other arguments adds to the first, and warns.
    """
    arguments = {name: value for name, value in locals().items() if name != "kwargs"}
    chosen = {one: True for name, on in arguments.items() if on for one in _KEYWORDS.get(name, ())}
    if _again({**arguments, **kwargs}) and set(chosen) <= keywords():
        return None
    try:
        events.notify_and_call_entry_points(events.GeventWillPatchAllEvent(arguments, kwargs))
    except events.DoNotPatch:
        return False
    _patch(**chosen)
    if socket and not dns:
        _keep_dns()
    elif dns and not socket:
        patch_dns()
    events.notify_and_call_entry_points(events.GeventDidPatchBuiltinModulesEvent(arguments, kwargs))
    events.notify_and_call_entry_points(events.GeventDidPatchAllEvent(arguments, kwargs))
    return True


def _again(arguments: dict[str, Any]) -> bool:
    again = _First.arguments is not None
    if again and _First.arguments != arguments:
        warnings.warn(
            "Patching more than once will result in the union of all True parameters being patched",
            MonkeyPatchWarning,
            stacklevel=3,
        )
    if not again:
        _First.arguments = arguments
    return again


def main() -> None:
    """``python -m gevent.monkey [--no-MODULE | --MODULE] [--module] program [arguments]``."""
    args, options, kind = sys.argv[1:], [], []
    while args and args[0].startswith("--"):
        option = args.pop(0).removeprefix("--")
        if option == "module":
            kind = ["-m"]
        elif option != "verbose":
            no = "no-" if option.startswith("no-") else ""
            name = option.removeprefix("no-")
            if name not in (*_KEYWORDS, "dns", "aggressive", "Event", "contextvars"):
                sys.exit(f"gevent.monkey: unknown option --{option}")
            if no or name == "sys":
                options += [f"--{no}{one}" for one in _KEYWORDS.get(name, ())]
    sys.exit(_celadon([*options, *kind, *args] if args else ["--help"]))


__all__ = [
    "MonkeyPatchWarning",
    "get_original",
    "is_module_patched",
    "is_object_patched",
    "main",
    "patch_all",
    "patch_builtins",
    "patch_contextvars",
    "patch_dns",
    "patch_module",
    "patch_os",
    "patch_queue",
    "patch_select",
    "patch_selectors",
    "patch_signal",
    "patch_socket",
    "patch_ssl",
    "patch_subprocess",
    "patch_sys",
    "patch_thread",
    "patch_time",
]

if __name__ == "__main__":
    main()
