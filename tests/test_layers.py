"""The law of the house, held by reading the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "celadon"
ADAPTERS = ROOT / "resolver" / "adapters"
FILES = sorted(ROOT.rglob("*.py"))
RANK = {"hub": 0, "resolver": 1, "green": 2}
DOORS = {"celadon.hub", "celadon.hub.testing", "celadon.hub.debug", "celadon.resolver", "celadon.resolver.testing"}
POLICY = {"cache", "config", "flight", "hosts", "names", "sort", "validate", "stub", "wire", "model", "errors"}
POLICY |= {"idna", "nss", "plans", "records", "auto", "explain", "events"}
POLICY |= {"crawlmodel", "guard", "limit"}
POLICY |= {"exchange", "health", "pace", "rdata"}


def imports(path):
    """Absolute dotted names that a file imports, with whether it does so inside a function."""
    package = ("celadon", *path.relative_to(ROOT).parent.parts)
    tree = ast.parse(path.read_text())
    inner = {
        id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef) for n in ast.walk(f)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in inner
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            if node.module is None:
                for alias in node.names:
                    yield f"{module}.{alias.name}", id(node) in inner
            else:
                yield module, id(node) in inner


def part(path):
    parts = path.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else None


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file(path):
    mine = part(path)
    assert ast.get_docstring(ast.parse(path.read_text())), "a file opens with why it exists"
    for name, inner in imports(path):
        assert not inner, f"{name} is imported inside a function"
        root = name.split(".")[0]
        if root == "celadon" and mine is not None:
            other = name.split(".")[1]
            if other in RANK and other != mine:
                assert RANK[other] < RANK[mine], f"{mine} must not know {other}"
                assert name in DOORS, f"{name} is not a public door"
        if root == "celadon" and path.parent != ADAPTERS:
            assert not name.startswith("celadon.resolver.adapters"), "only its user imports an adapter"
        if path.parent == ADAPTERS:
            # They serve threads and loops of other libraries, whose futures and sockets are the standard library's.
            assert root not in ("threading", "queue"), f"{name} may be patched under us"
        elif mine in ("hub", "resolver"):
            assert root not in ("threading", "queue", "concurrent", "socket", "asyncio"), (
                f"{name} may be patched under us"
            )
        if root == "pycares":
            assert path.parts[-2:] == ("ares", "library.py")
        if mine == "resolver" and path.parent == ROOT / "resolver" and path.stem in POLICY:
            assert not name.startswith("celadon.hub"), "policy does no I/O"
            assert root not in ("select", "os"), "policy does no I/O"


def test_no_cycle():
    graph = {}
    for path in FILES:
        name = ".".join(("celadon", *path.relative_to(ROOT).with_suffix("").parts))
        graph[name.removesuffix(".__init__")] = {one for one, _ in imports(path) if one.startswith("celadon")}
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
