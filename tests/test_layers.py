"""The law of the house, held by reading the source: what may import what, and where a thing may stand."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "celadon"
FILES = sorted(ROOT.rglob("*.py"))
#: ``compat`` gives what the others have by the names of their peers: it may import any of it, and nobody imports it but
#: the command, for ``--as``. ``integrations`` are plug-ins for programs of others, which import them: nobody else does.
#: ``programs`` are commands of ``celadon`` that are made of all parts.
RANK = {"hub": 0, "resolver": 1, "green": 2, "compat": 3, "integrations": 4, "programs": 4}
DOORS = {"celadon.hub", "celadon.hub.lowlevel", "celadon.hub.debug", "celadon.hub.debug.page", "celadon.hub.testing"}
DOORS |= {"celadon.resolver", "celadon.resolver.testing"}
#: The adapters to loops of other libraries: doors as well, and nobody in the hub imports them.
OUTER_LOOPS = {"celadon.hub.aio", "celadon.hub.aio.trio", "celadon.hub.aio.twisted"}
DOORS |= OUTER_LOOPS
#: Folders of pure functions and values: no hub, no engine, no file, no socket is opened in them.
PURE = {"names", "system", "policy", "answers", "dns"}
#: What reads the system for the others; by its place it belongs to ``system``.
AT_THE_RIM = {"system/reload.py", "system/interfaces.py"}
IO = {"select", "os", "io", "pathlib", "subprocess"}
#: May be patched under us: hub and resolver take what they need from the modules in C.
PATCHED = {"threading", "queue", "concurrent", "socket", "asyncio"}
#: The registries of late imports: a table of theirs, or a call with a literal, names a module of the same package.
LATE_TABLES = {
    "__main__.py": ("_ABOUT", "_COMMANDS"),
    "resolver/registry.py": ("ENGINES", "ITERATIVE", "OBSERVED", "RESOLVERS", "VALIDATION"),
    "resolver/lazy.py": ("RDATA",),
    "resolver/engines/python/transports.py": ("TRANSPORTS",),
    "resolver/cli/entry.py": ("MODULES", "_DIG"),
    "resolver/distributed/pools.py": ("POOLS",),
    "programs/crawl_command.py": ("_LATE",),
}
#: The function whose calls with a literal name a module of ``celadon.green``.
TABLE_OF_PATCHES, LATER = ROOT / "green" / "patching" / "table.py", "_later"
#: Basenames that stand in several folders on purpose: each part has errors and helpers for tests of its own.
EVERYWHERE = {"__init__", "__main__", "errors", "testing", "threads", "children", "base"}
#: Files named as the foreign library that they serve.
LIBRARIES = {"aiohttp", "httpx", "niquests", "psycopg", "pycurl", "requests", "scrapy", "twisted", "urllib3", "uvloop"}
LIBRARIES |= {"celery", "engineio", "grpc", "gunicorn", "pytest", "trio", "zmq"}
LIBRARIES |= {"crawlee", "curl_cffi", "httpx2", "tornado", "wreq"}
TOP = {"hub": 16, "resolver": 26, "green": 25}
MOST_LINES, LONGEST_FUNCTION = 600, 60
#: Functions that are one table and nothing else.
TABLES = {"_table"}


def inside(path):
    return str(path.relative_to(ROOT))


def dotted(path):
    return ".".join(("celadon", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


TREES = {path: ast.parse(path.read_text()) for path in FILES}
MODULES = {dotted(path) for path in FILES}


def imports(path):
    """Absolute dotted names that a file imports, with whether it does so inside a function."""
    package = ("celadon", *path.relative_to(ROOT).parent.parts)
    inner = {
        id(node)
        for function in ast.walk(TREES[path])
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in inner
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            for alias in node.names:
                whole = f"{module}.{alias.name}"
                yield whole if whole in MODULES else module, id(node) in inner


def late(path):
    """What a file imports by name, when it is asked for: the literals in the tables of the registries."""
    package = ".".join(("celadon", *path.relative_to(ROOT).parent.parts))
    for node in TREES[path].body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if {one.id for one in targets if isinstance(one, ast.Name)} & set(LATE_TABLES.get(inside(path), ())):
                values = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
                yield from (f"{package}.{one.value}" for one in values)
    if path.is_relative_to(ROOT / "resolver" / "cli"):
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                if called == "load" and node.args and isinstance(node.args[0], ast.Constant):
                    yield f"celadon.resolver.cli.{node.args[0].value}"

    if path == TABLE_OF_PATCHES:
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == LATER:
                yield f"celadon.green.{node.args[0].value}"


def doors():
    """Each package with a door that imports late: its path, and its table of names by module."""
    for path in FILES:
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "late.door":
                yield path, ast.literal_eval(node.args[1])


def part(path):
    parts = path.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else None


@pytest.mark.parametrize("path", FILES, ids=inside)
def test_a_file(path):
    mine, folders = part(path), path.relative_to(ROOT).parts[:-1]
    assert ast.get_docstring(TREES[path]), "a file opens with why it exists"
    for name, inner in imports(path):
        assert not inner, f"{name} is imported inside a function"
        root = name.split(".")[0]
        if root == "celadon" and mine in RANK and len(name.split(".")) > 1:
            other = name.split(".")[1]
            if other in RANK and other != mine:
                assert RANK[other] < RANK[mine], f"{mine} must not know {other}"
                assert name in DOORS or other in ("green", "compat"), f"{name} is not a public door"
        if {"adapters", "aio"}.intersection(folders):
            # They serve threads and loops of other libraries, whose futures and sockets are the standard library's.
            assert root not in ("threading", "queue"), f"{name} may be patched under us"
            continue
        assert not name.startswith(("celadon.resolver.adapters", "celadon.resolver.aio")), "only its user imports it"
        assert mine != "hub" or not name.startswith("celadon.hub.aio"), "only its user imports it"
        if mine in ("hub", "resolver"):
            assert root not in PATCHED, f"{name} may be patched under us"
        if root == "pycares":
            assert inside(path) == "resolver/engines/ares/library.py"


@pytest.mark.parametrize(
    "path", [path for path in FILES if part(path) == "resolver" and path.relative_to(ROOT).parts[1] in PURE], ids=inside
)
def test_policy_is_pure(path):
    for name, _ in imports(path):
        words = name.split(".")
        assert words[:2] != ["celadon", "hub"], "policy does not wait"
        assert words[:2] != ["celadon", "resolver"] or words[2] not in ("engines", "resolvers", "registry", "cli"), name
        if "/".join(path.parts[-2:]) not in AT_THE_RIM:
            assert words[0] not in IO, f"{name}: policy does no I/O"
            assert words[-1] not in ("reload", "interfaces"), f"{name}: policy is given what the system says"


def test_no_cycle():
    graph = {dotted(path): {one for one, _ in imports(path)} - {dotted(path)} | {*late(path)} for path in FILES}
    named = {one for path in FILES for one in late(path)}
    assert named <= set(graph), f"late imports of what is not there: {named - set(graph)}"
    assert len(named) > 10, "the tables of late imports are not read"
    done, path_now = set(), []

    def visit(name):
        assert name not in path_now, f"import cycle: {' -> '.join([*path_now, name])}"
        if name in done or name not in graph:
            return
        path_now.append(name)
        for other in sorted(graph[name]):
            visit(other)
        path_now.pop()
        done.add(name)

    for name in sorted(graph):
        visit(name)


def test_a_door_that_imports_late_tells_type_checkers_the_same():
    """What stands under TYPE_CHECKING, which the cycle test reads as imports, is what the table gives."""
    found = dict(doors())
    assert len(found) == 3
    for path, table in found.items():
        said = {}
        for node in TREES[path].body:
            if isinstance(node, ast.If) and ast.unparse(node.test) == "typing.TYPE_CHECKING":
                assert all(isinstance(one, ast.ImportFrom) and one.level == 1 for one in node.body)
                said = {one.module: " ".join(alias.name for alias in one.names) for one in node.body}
        assert said == table, inside(path)


def test_a_name_stands_once():
    """A module's name says where it is; the standard library's own names, and libraries' names, are theirs."""
    places = {}
    for path in FILES:
        if "compat" in path.relative_to(ROOT).parts[:-2]:
            continue  # its modules have the peers' names
        if path.stem not in EVERYWHERE | LIBRARIES and path.stem not in sys.stdlib_module_names:
            places.setdefault(path.stem, []).append(inside(path))
    assert not {name: where for name, where in places.items() if len(where) > 1}


def test_no_module_is_hidden_by_a_function():
    """``import celadon.x.y`` gives the module, because the package exports nothing else by the name y."""
    for path in FILES:
        if path.stem != "__init__":
            continue
        below = {one.stem for one in path.parent.glob("*.py")} | {one.name for one in path.parent.iterdir()}
        for node in TREES[path].body:
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                for alias in node.names:
                    assert (alias.asname or alias.name) not in below, f"{inside(path)} hides {alias.name}"


def test_a_package_is_a_door_or_empty():
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.Expr, ast.If)
    for path in FILES:
        # `celadon` brings the green part when it is asked for; the accelerators choose what there is; the rest imports
        # for type checkers what its table says, or by a variable of the environment.
        if path.stem == "__init__" and path.parent.name != "accel" and inside(path) != "__init__.py":
            assert all(isinstance(node, allowed) for node in TREES[path].body), f"{inside(path)} is no door"


TOP["resolver"] += 1  # distributed


@pytest.mark.parametrize("name", sorted(TOP))
def test_rooms(name):
    rooms = [one for one in (ROOT / name).iterdir() if one.suffix == ".py" or (one / "__init__.py").exists()]
    assert len(rooms) - 1 <= TOP[name], sorted(one.name for one in rooms)


@pytest.mark.parametrize("path", FILES, ids=inside)
def test_sizes(path):
    assert len(path.read_text().splitlines()) <= MOST_LINES
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1
            assert length <= LONGEST_FUNCTION or node.name in TABLES, f"{node.name} has {length} lines"
