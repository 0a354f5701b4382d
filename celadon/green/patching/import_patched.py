"""One library green in a process that is not: copies of its modules, whose imports lead to green ones.

A copy is executed with an ``__import__`` of its own among its builtins, also for the imports inside its functions.
``sys.modules`` never sees it, so nobody else can get it by accident, and no other thread sees names change.
Three kinds of modules are copied: the library and what it needs that blocks; modules of the standard library that
block and hold state of their own (executed over the green ones); and those in C or with constants that all share,
which become a copy of the namespace with the replacements in it.
"""

from __future__ import annotations

import ast
import atexit
import builtins
import importlib
import importlib.util
import sys
from collections.abc import Iterator, MutableMapping
from importlib.machinery import ExtensionFileLoader, ModuleSpec, SourceFileLoader
from types import FunctionType, ModuleType
from typing import Any

from .. import connections, socket
from ..files import open_file
from ..ssl import SSLSocket
from .import_hook import Finder
from .table import BY_CHOICE, TABLE

_NAMESPACES = "_queue _thread dataclasses importlib io os select signal socket ssl sys time"
_PACKAGES = "concurrent http logging urllib wsgiref xmlrpc"
_EXECUTED = """
    threading queue selectors subprocess sched socketserver http.client http.server urllib.request smtplib ftplib
    poplib imaplib nntplib telnetlib xmlrpc.client xmlrpc.server wsgiref.simple_server logging.handlers
    concurrent.futures concurrent.futures._base concurrent.futures.thread
"""
#: Of the standard library: copied as namespaces, so for the sake of what is in them, and executed once more.
NAMESPACES, PACKAGES, EXECUTED = (frozenset(one.split()) for one in (_NAMESPACES, _PACKAGES, _EXECUTED))
#: A package that imports one of these may block.
_BLOCKING = EXECUTED | {"_queue", "_thread", "select", "socket", "ssl"}


class _Modules(MutableMapping[str, ModuleType]):
    """``sys.modules`` as the copies see it: theirs first."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._mine = world.modules

    def _of(self, name: str) -> dict[str, ModuleType]:
        return self._mine if name in self._mine else sys.modules

    def __getitem__(self, name: str) -> ModuleType:
        return self._of(name)[name]

    def __setitem__(self, name: str, module: ModuleType) -> None:
        (self._mine if self._world.copies(name) else sys.modules)[name] = module

    def __delitem__(self, name: str) -> None:
        del self._of(name)[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**sys.modules, **self._mine})

    def __len__(self) -> int:
        return len({**sys.modules, **self._mine})


class _Sys(ModuleType):
    """The module ``sys`` with other ``modules``."""

    def __init__(self, world: World) -> None:
        super().__init__("sys")
        vars(self)["modules"] = _Modules(world)

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(sys, name, value)


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """What a module imports as it is executed, not in its functions; ``package`` is for relative names."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        waiting.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            try:
                base = importlib.util.resolve_name(base, package)
            except ImportError:
                continue
            yield base
            yield from (f"{base}.{one.name}" for one in node.names)


class World:
    """Copies that belong together: one of each module, and the ``__import__`` that leads from one to the other."""

    def __init__(self, shared: frozenset[str]) -> None:
        self.modules: dict[str, ModuleType] = {}
        #: Third-party packages and standard library modules that are always copied.
        self.asked: set[str] = set()
        self._shared = shared | {"celadon", "greenlet", "pycares", "dns"}
        self._reaches: dict[str, bool] = {}
        self._builtins = {**vars(builtins), "__import__": self._import, "open": open_file.open}

    # -- which modules are copied -------------------------------------------------------------------------------

    def copies(self, name: str) -> bool:
        """Whether that module is copied too."""
        root = name.partition(".")[0]
        if root in sys.stdlib_module_names:
            return name in self.asked or name in NAMESPACES | PACKAGES | EXECUTED
        return root in self.asked or (root not in self._shared and self._blocks(root))

    def _blocks(self, root: str) -> bool:
        """Whether a third-party package imports, directly or through others, a module that blocks."""
        if root not in self._reaches:
            self._reaches[root] = False  # for those that import each other
            self._reaches[root] = self._scan(root)
        return self._reaches[root]

    def _scan(self, root: str) -> bool:
        seen, waiting = set(), [root]
        paths: dict[str, list[str] | None] = {}
        while waiting:
            name = waiting.pop()
            parent = name.rpartition(".")[0]
            if name in seen or (parent and paths.get(parent) is None):
                continue
            seen.add(name)
            spec = _find(name, paths.get(parent))
            if spec is None:
                continue
            paths[name] = spec.submodule_search_locations
            if not isinstance(spec.loader, SourceFileLoader):
                continue
            package = name if spec.submodule_search_locations is not None else parent
            for one in _imported(ast.parse(spec.loader.get_data(spec.loader.path)), package):
                other = one.partition(".")[0]
                if one in _BLOCKING:
                    return True
                if other == root:
                    waiting += ["".join(one[: at or None]) for at in _ends(one)]
                elif other not in sys.stdlib_module_names and other not in self._shared and self._blocks(other):
                    return True
        return False

    # -- importing ----------------------------------------------------------------------------------------------

    def _import(self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        whole = name
        if level:
            package = globals.get("__package__") or globals["__spec__"].parent
            whole = importlib.util.resolve_name("." * level + name, package)
        module = self.load(whole)
        if not fromlist:
            return module if level else self.load(name.partition(".")[0])
        if hasattr(module, "__path__"):
            wanted = getattr(module, "__all__", ()) if "*" in fromlist else fromlist
            for one in wanted:
                if isinstance(one, str) and not hasattr(module, one):
                    try:
                        self.load(f"{whole}.{one}")
                    except ModuleNotFoundError as error:
                        if error.name != f"{whole}.{one}":
                            raise
        return module

    def import_module(self, name: str, package: str | None = None) -> ModuleType:
        """See ``importlib.import_module``."""
        return self.load(importlib.util.resolve_name(name, package))

    def load(self, name: str) -> ModuleType:
        """The module of that name, a copy if it is one of ours; ModuleNotFoundError and what executing it raises."""
        found = self.modules.get(name)
        if found is not None:
            return found
        parent, _, child = name.rpartition(".")
        above = self.load(parent) if parent else None
        if self.copies(name):
            made = self._namespace(name) if name in NAMESPACES | PACKAGES else self._execute(name, above)
        else:
            made = importlib.import_module(name)
        if above is not None and above is self.modules.get(parent):
            setattr(above, child, made)
        return made

    def _execute(self, name: str, above: ModuleType | None) -> ModuleType:
        spec = _find(name, getattr(above, "__path__", None))
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if isinstance(spec.loader, ExtensionFileLoader):
            return importlib.import_module(name)  # a module in C exists once
        made = self.modules[name] = importlib.util.module_from_spec(spec)
        made.__dict__["__builtins__"] = self._builtins
        try:
            spec.loader.exec_module(made)
        except BaseException:
            self.modules.pop(name, None)
            raise
        if name in EXECUTED:
            # Error classes are shared: an `except` outside the copies must catch what the copies raise.
            for attribute, value in vars(importlib.import_module(name)).items():
                if isinstance(value, type) and issubclass(value, BaseException) and hasattr(made, attribute):
                    setattr(made, attribute, value)
        self._replace(made)
        if name == "threading":
            atexit.register(vars(made)["_shutdown"])
        return self.modules.get(name, made)

    def _namespace(self, name: str) -> ModuleType:
        if name == "sys":
            return self.modules.setdefault(name, _Sys(self))
        public = importlib.import_module(name)
        made = self.modules[name] = ModuleType(name, public.__doc__)
        vars(made).update(vars(public))
        if name in PACKAGES:
            return made
        self._replace(made)
        if name == "ssl":
            vars(made)["SSLContext"] = type("SSLContext", (vars(public)["SSLContext"],), {"sslsocket_class": SSLSocket})
        if name == "importlib":
            vars(made)["import_module"] = self.import_module
        functions: dict[int, Any] = {}
        # What modules took from `socket` by name, as `ssl` does.
        sockets = {one: getattr(sys.modules["socket"], one) for one in socket.__all__ + connections.__all__}
        for attribute, value in list(vars(made).items()):
            if isinstance(value, ModuleType) and value.__name__ in NAMESPACES | EXECUTED and value is not made:
                vars(made)[attribute] = self.load(value.__name__)
            elif isinstance(value, FunctionType) and value.__globals__ is vars(public):
                vars(made)[attribute] = functions.setdefault(id(value), _over(value, vars(made)))
            elif attribute in sockets and value is sockets[attribute] and name != "socket":
                vars(made)[attribute] = getattr(self.load("socket"), attribute)
        return made

    def _replace(self, module: ModuleType) -> None:
        """Put the table's replacements into a copy, and into the classes that are its own."""
        for keyword, objects in TABLE.items():
            for path, attributes in objects.items():
                name = module.__name__
                if keyword in BY_CHOICE or (path != name and not path.startswith(name + ".")):
                    continue
                if path == "ssl.SSLContext":
                    continue  # a shared class
                target: Any = module
                for part in filter(None, path[len(name) + 1 :].split(".")):
                    target = getattr(target, part, None)
                if target is None or isinstance(target, ModuleType) is not (path == name):
                    continue
                found: Any = attributes(module) if callable(attributes) else attributes
                if isinstance(found, dict):
                    for attribute, value in found.items():
                        if hasattr(target, attribute):
                            setattr(target, attribute, value)


def _ends(name: str) -> Iterator[int]:
    """Where each beginning of a dotted name ends, 0 for the whole."""
    yield from (at for at, letter in enumerate(name) if letter == ".")
    yield 0


def _over(function: FunctionType, names: dict[str, Any]) -> FunctionType:
    made = FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__, made.__doc__, made.__module__ = function.__kwdefaults__, function.__doc__, function.__module__
    made.__dict__.update(function.__dict__)
    return made


def _find(name: str, path: Any) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find = None if isinstance(finder, Finder) else getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = find(name, path, None) if find is not None else None
        if spec is not None:
            return spec
    return None


_worlds: dict[frozenset[str], World] = {}  # by what is shared


def import_patched(name: str, *, shared: tuple[str, ...] = ()) -> ModuleType:
    """A copy of a library whose calls are cooperative, while the process and its other modules stay as they are.

    What the library imports and what blocks is copied with it; ``shared`` names packages that shall not be. Asked for
    again, the same copy is given. ModuleNotFoundError for a name that there is not. The copies' classes are not those
    of the modules that others import; a module in C blocks, as ever.
    """
    key = frozenset(shared)
    world = _worlds.get(key)
    if world is None:
        world = _worlds[key] = World(key)
    root = name.partition(".")[0]
    world.asked.add(name if root in sys.stdlib_module_names else root)
    return world.load(name)


__all__ = ["import_patched"]
