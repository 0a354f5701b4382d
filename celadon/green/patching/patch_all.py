"""Puts the green replacements of the table into the standard library, and takes them out again."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # typeshed lacks it
import sys
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

from ... import environment
from ... import resolver as _resolver
from ...resolver import ResolverLike, Server, check_option_names
from .. import signal
from ..files import std_streams
from . import made_before
from .blocks_in_c import BLOCKS_IN_C, warn_of
from .hook import Extra, Hook
from .import_hook import Finder
from .originals import import_originals, is_ours, original_module, shield
from .table import BY_CHOICE, TABLE, Attributes

_MISSING: Any = object()


class Report(NamedTuple):
    """What ``patch_all`` did: ``str()`` of it is for people."""

    #: Each ``module.attribute`` that is replaced now.
    patched: tuple[str, ...]
    #: Names (in modules, classes, defaults of functions) that held an original, and now hold the replacement.
    rebound: tuple[str, ...]
    #: Number of places where a lock of the operating system was replaced by a green one.
    locks: int
    #: What could not be replaced, one sentence each.
    left: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{len(self.patched)} attributes replaced", *(f"  {one}" for one in self.patched)]
        lines += [f"{len(self.rebound)} names that were imported before", *(f"  {one}" for one in self.rebound)]
        lines += [f"{self.locks} places of locks that were made before"]
        return "\n".join([*lines, *(f"not mended: {one}" for one in self.left)])


class _State:
    def __init__(self) -> None:
        #: (object, its dotted name, attribute, what stood there, what stands there now), in the order of patching.
        self.changes: list[tuple[Any, str, str, Any, Any]] = []
        #: (module, class or function, attribute, what stood there)
        self.rebound: list[tuple[Any, str, Any]] = []
        self.locks: list[tuple[dict[str, Any], str, Any]] = []
        self.left: list[str] = []
        #: (module, its name, what was installed in it)
        self.hooks: list[tuple[ModuleType, str, Hook]] = []
        self.keywords: set[str] = set()

    def records(self) -> tuple[list[Any], ...]:
        """The lists that grow while patching."""
        return self.changes, self.rebound, self.locks, self.left, self.hooks

    def marks(self) -> tuple[int, ...]:
        """How long each list is now; ``_undo`` cuts them back to it."""
        return tuple(map(len, self.records()))


_now = _State()


class DoNotPatch(Exception):
    """A ``before_patch`` callback raises it to leave the object unpatched."""


_before: list[Callable[[str], object]] = []
_after: list[Callable[[str], object]] = []


def before_patch(callback: Callable[[str], object]) -> Callable[[str], object]:
    """Call ``callback(dotted name)`` before an object of the table is patched; it may raise DoNotPatch. Returns it."""
    _before.append(callback)
    return callback


def after_patch(callback: Callable[[str], object]) -> Callable[[str], object]:
    """Call ``callback(dotted name)`` after an object of the table was patched. Returns it."""
    _after.append(callback)
    return callback


# -- one object of the table -----------------------------------------------------------------------------------


def _home(path: str) -> ModuleType | None:
    """The imported module with the longest name that the dotted name begins with."""
    name = path
    while True:
        module = sys.modules.get(name)
        if module is not None:
            return module
        name, dot, _ = name.rpartition(".")
        if not dot:
            return None


def _object(module: ModuleType, path: str) -> Any:
    """The object of the dotted name, or None while its submodule is not imported."""
    found: Any = module
    for name in filter(None, path[len(module.__name__) + 1 :].split(".")):
        found = getattr(found, name, None)
    return found


def _apply(module: ModuleType, path: str, attributes: Attributes) -> None:
    target = _object(module, path)
    if target is None:
        return
    try:
        for callback in _before:
            callback(path)
    except DoNotPatch:
        return
    found = attributes(module) if callable(attributes) else attributes
    if isinstance(found, Hook):
        found.install(target)
        _now.hooks.append((target, path, found))
        found = {}
    for name, wanted in found.items():
        old = vars(target).get(name, _MISSING) if hasattr(target, "__dict__") and name != "__defaults__" else _MISSING
        if old is _MISSING:
            old = getattr(target, name, _MISSING)
        extra = isinstance(wanted, Extra)
        replacement = wanted if not extra else wanted.value if old is _MISSING else old
        if (old is _MISSING and not extra) or old is replacement:
            continue  # another version of Python, or done before
        setattr(target, name, replacement)
        _now.changes.append((target, path, name, old, replacement))
    for callback in _after:
        callback(path)


def _modules() -> set[str]:
    """The modules that an import hook waits for: every beginning of a dotted name of the table."""
    names: set[str] = set()
    for keyword in _now.keywords:
        for path in TABLE[keyword]:
            parts = path.split(".")
            names.update(".".join(parts[: n + 1]) for n in range(len(parts)))
    return names


def _imported(module: ModuleType) -> None:
    warn_of([module.__name__])
    if is_ours(module.__name__):
        shield(module)
    for keyword, objects in TABLE.items():
        if keyword in _now.keywords:
            for path, attributes in objects.items():
                # An object of a submodule is patched when the submodule is imported, not with its package.
                belongs = _parent(path) == module.__name__ and path not in sys.modules
                if _home(path) is module or path == module.__name__ or belongs:
                    _apply(module, path, attributes)


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


_wanted: set[str] = set()
_finder = Finder(lambda name: name in _wanted or name in BLOCKS_IN_C or is_ours(name), import_originals, _imported)

# -- all of them -----------------------------------------------------------------------------------------------


def _chosen(modules: Mapping[str, Any]) -> set[str]:
    """The keywords to patch. Only False given: all but those; some True given, or all=False: those that are True.

    The keywords of BY_CHOICE come on top of that.
    """
    given = dict(modules)
    everything = given.pop("all", None)
    if everything is None:
        everything = not any(on for keyword, on in given.items() if keyword not in BY_CHOICE)
    return {keyword for keyword in TABLE if given.get(keyword, everything and keyword not in BY_CHOICE)}


def _refuse_other_threads() -> None:
    # The OS thread counts: green threads of the main thread may add to a patch. SIGKILL can have no handler (OSError),
    # but outside the main thread CPython refuses with ValueError before it asks the system.
    try:
        _signal.signal(_signal.SIGKILL, _signal.SIG_DFL)
    except OSError:
        return
    except ValueError:
        raise RuntimeError(
            "patch_all: called outside the main thread; call it in the main thread, first thing in the program"
        ) from None


def patch_all(resolver: ResolverLike = None, servers: Iterable[str | Server] | None = None, **options: Any) -> None:
    """Make the standard library cooperative; call it first thing in a program, in its main thread.

    All or nothing: what cannot be is refused before anything is changed, and a failure in the middle puts back what
    was changed. ``resolver``, ``servers`` and the options of ``celadon.resolver.use`` (``timeout``, ``deadline``,
    ``cache``, ...) choose who looks names up. A keyword of the table set to False leaves that module out; one set to
    True means only those that are True (as eventlet has it). ``sys=True`` and ``files=True`` come on top: standard
    streams that park, and regular files that are read and written in threads. A second call adds what is new. Names
    and locks that other modules took before are replaced too, see ``report``.

    Raises TypeError for an unknown keyword, ``ResolverConfigError`` (a ValueError) for a resolver or an option of it
    that cannot be, ValueError for a wrong environment variable, RuntimeError outside the main thread.
    A RuntimeWarning names each library that waits in C, when it is imported or here.
    """
    own = {"all", *TABLE}
    modules = {name: on for name, on in options.items() if name in own}
    for_resolver = {name: value for name, value in options.items() if name not in own}
    check_option_names("patch_all", for_resolver, ("all", *TABLE, "resolver"))
    environment.check()
    new = _chosen(modules) - _now.keywords
    if new:
        _refuse_other_threads()
    if resolver is None and servers is None and not for_resolver:
        made = None
        _resolver.current()  # a wrong CELADON_RESOLVER is refused here
    else:
        made = _resolver.make(resolver, servers=servers, **for_resolver)
    if new:
        before = _now.marks()
        try:
            _patch(new)
        except BaseException:
            _undo(before, new)
            if made is not None and made is not resolver:
                made.close()
            raise
    if made is not None:
        _resolver.use(made)


def _patch(new: set[str]) -> None:
    for name, module in list(sys.modules.items()):
        if is_ours(name):
            shield(module)
    _now.keywords |= new
    _wanted.update(_modules())
    _finder.install()
    begin = len(_now.changes)
    for keyword in TABLE:
        if keyword in new:
            for path, attributes in TABLE[keyword].items():
                home = _home(path)
                if home is not None:
                    _apply(home, path, attributes)
    _mend(_now.changes[begin:])
    if "thread" in new:
        repair = made_before.LockRepair()
        try:
            repair.run()
        finally:
            _now.locks += repair.changed
            _now.left += repair.left
    if "signal" in new:
        signal.adopt()
    warn_of([name for name in BLOCKS_IN_C if name in sys.modules])


def _put(holder: Any, name: str, value: Any) -> None:
    # A metaclass may refuse to set an attribute, as that of an enumeration does.
    (type.__setattr__ if isinstance(holder, type) else setattr)(holder, name, value)


def _mend(changes: list[tuple[Any, str, str, Any, Any]]) -> None:
    replaced = {
        id(old): (old, new)
        for target, _, _, old, new in changes
        if isinstance(target, ModuleType) and callable(old) and not isinstance(old, ModuleType)
    }
    # All of them first: defaults of functions, once replaced, would be met a second time under another name.
    for holder, name, old, new in list(made_before.bound_names(replaced)):
        _put(holder, name, new)
        _now.rebound.append((holder, name, old))
    classes = [(old, new) for old, new in replaced.values() if isinstance(old, type) and isinstance(new, type)]
    _now.left += made_before.subclasses(classes)


def restore() -> None:
    """Put back everything that ``patch_all`` replaced, and forget the resolver that was chosen.

    Objects made meanwhile, such as sockets and locks, stay green.
    """
    _undo((0, 0, 0, 0, 0), set(_now.keywords))
    _resolver.reset()


def _undo(marks: tuple[int, ...], keywords: set[str]) -> None:
    """Put back what was changed since these marks were taken, newest first, and forget these keywords."""
    changes, rebound, locks, _, hooks = (kept[mark:] for kept, mark in zip(_now.records(), marks, strict=True))
    if "signal" in keywords:
        signal.disown()
    if "sys" in keywords:
        std_streams.flush()
    for names, name, old in reversed(locks):
        dict.__setitem__(names, name, old)
    for holder, name, old in reversed(rebound):
        _put(holder, name, old)
    for target, _, name, old, _ in reversed(changes):
        setattr(target, name, old) if old is not _MISSING else delattr(target, name)
    for module, _, hook in reversed(hooks):
        hook.remove(module)
    for kept, mark in zip(_now.records(), marks, strict=True):
        del kept[mark:]
    _now.keywords -= keywords
    _wanted.clear()
    _wanted.update(_modules())
    if not _now.keywords:
        _finder.remove()


def report() -> Report:
    """What is patched now, what was mended that had been there before, and what could not be."""
    return Report(
        (*(f"{path}.{name}" for _, path, name, _, _ in _now.changes), *(path for _, path, _ in _now.hooks)),
        tuple(f"{made_before.holder_name(holder)}.{name}" for holder, name, _ in _now.rebound),
        len(_now.locks),
        tuple(dict.fromkeys(_now.left)),
    )


def is_patched(module: str, name: str | None = None) -> bool:
    """Whether ``module`` (or its attribute ``name``) is patched now."""
    done: list[tuple[str, str | None]] = [(path, attribute) for _, path, attribute, _, _ in _now.changes]
    done += [(path, None) for _, path, _ in _now.hooks]
    return any((path == module or path.startswith(module + ".")) and name in (None, found) for path, found in done)


def keywords() -> frozenset[str]:
    """The keywords of the table that are patched now."""
    return frozenset(_now.keywords)


def changes() -> list[tuple[str, str, Any]]:
    """Each attribute that is replaced now: the dotted name of its module or class, its name, what stood there."""
    return [(path, name, old) for _, path, name, old, _ in _now.changes if old is not _MISSING]


def original(module: str, name: str) -> Any:
    """What ``module.name`` is, or was before the patch."""
    for _, path, attribute, old, _ in _now.changes:
        if path == module and attribute == name:
            return old
    home = _home(module)
    return getattr(_object(home, module) if home is not None else original_module(module), name)


__all__ = [
    "DoNotPatch",
    "Report",
    "after_patch",
    "before_patch",
    "is_patched",
    "original",
    "patch_all",
    "report",
    "restore",
]
