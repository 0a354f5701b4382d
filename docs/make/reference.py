"""The reference pages, from signatures and docstrings: one for each door, all of its public names. Not kept in git."""

import importlib
import inspect
import pathlib
import re

#: Door -> what its page says first.
DOORS = {
    "celadon": "What most programs need; the rest is in the parts.",
    "celadon.hub": "Greenlets, deadlines, queues, pools, waiting for descriptors and threads.",
    "celadon.hub.lowlevel": "For libraries: park and unpark, registrations of descriptors.",
    "celadon.hub.debug": "Reports, trees of greenlets, instruments.",
    "celadon.hub.testing": "A clock for tests.",
    "celadon.resolver": "Names to addresses and records.",
    "celadon.resolver.testing": "A scriptable name server; suites for engines and resolvers.",
    "celadon.green": "The patch, green files, connections.",
    "celadon.green.servers": "Servers for streams and datagrams.",
    "celadon.green.servers.wsgi": "The HTTP server for WSGI applications.",
    "celadon.green.servers.websocket": "WebSockets inside of the HTTP server.",
    "celadon.green.servers.prefork": "Several processes that serve.",
    "celadon.green.dbpool": "Pools of database connections.",
    "celadon.green.processes": "Worker processes.",
}
#: Methods that everybody knows, and what the interpreter adds.
_SHOWN = {"__call__", "__enter__", "__iter__", "__len__", "__getitem__", "__contains__"}


def names():
    """The pages, by their names without suffix."""
    return [f"reference/{door}" for door in DOORS]


def public(door):
    """The public names of a door, sorted."""
    return sorted(importlib.import_module(door).__all__, key=str.lower)


def text_of(thing):
    """A docstring as Markdown: code in single backticks, nothing that Markdown would take for its own."""
    text = inspect.getdoc(thing) or ""
    text = re.sub(r"``(.+?)``", r"`\1`", text, flags=re.DOTALL)
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(one if one.startswith("`") else re.sub(r"([<>*_\[\]{}])", r"\\\1", one) for one in parts)


def signature(thing):
    """The arguments; nothing if Python does not know them."""
    try:
        found = str(inspect.signature(thing))
    except (TypeError, ValueError):
        return ""
    found = re.sub(r"<[^<>]* at 0x[0-9a-f]+>|<object object>", "...", found)
    found = re.sub(r"(: |-> )'([^']*)'", r"\1\2", found)  # annotations are strings
    return re.sub(r"^\(self(, )?", "(", found).removesuffix(" -> None")


def _code(name, thing):
    """The signature as a block; short ones stay on one line."""
    shown = f"{name}{signature(thing)}"
    if len(shown) > 100:
        head, _, rest = shown.partition("(")
        depth, cut = 0, [head + "(\n    "]
        for char in rest:
            depth += char in "([{"
            depth -= char in ")]}"
            if depth < 0:
                cut.append("\n")
                depth = 10**6
            cut.append("\n    " if char == " " and cut[-1] == "," and depth == 0 else char)
        shown = "".join(cut)
    return f"```python\n{shown}\n```\n"


def _members(cls):
    """Of the class, and of its bases that are not public."""
    private = [one for one in reversed(cls.__mro__) if one.__name__.startswith("_") and one.__module__[:7] == "celadon"]
    found = {name: thing for one in (*private, cls) for name, thing in vars(one).items()}
    for name, thing in sorted(found.items()):
        if name.startswith("_") and name not in _SHOWN:
            continue
        plain = thing.__func__ if isinstance(thing, classmethod | staticmethod) else thing
        if isinstance(thing, property):
            yield f"`{name}`", "", text_of(thing)
        elif inspect.isroutine(plain) and inspect.getdoc(plain):
            yield f"`{name}`", _code(name, plain), text_of(plain)


def _entry(door, name):
    thing = getattr(importlib.import_module(door), name)
    yield f"\n## `{name}`\n"
    if inspect.isclass(thing):
        hidden = ("object", "Generic", "Protocol", "NamedTuple")
        bases = ", ".join(
            one.__name__ for one in thing.__bases__ if not one.__name__.startswith("_") and one.__name__ not in hidden
        )
        yield f"*class*{f' ({bases})' if bases else ''}\n"
        if not issubclass(thing, BaseException):
            yield _code(name, thing)
        yield text_of(thing) + "\n"
        for head, code, text in _members(thing):
            yield f"\n### {head}\n"
            yield code + "\n" + text + "\n"
    elif callable(thing):
        yield _code(name, thing)
        yield text_of(thing) + "\n"
    else:
        kind = type(thing).__name__
        said = text_of(thing) if inspect.ismodule(thing) else ""
        yield f"*{kind}*\n\n{said}\n"


def page(door):
    """One page in Markdown."""
    lines = [f"# {door}\n", f"{DOORS[door]}\n"]
    for name in public(door):
        lines += _entry(door, name)
    return "\n".join(lines)


def write(folder):
    """All pages, into ``folder``/reference; what is as it was is not touched."""
    (pathlib.Path(folder) / "reference").mkdir(exist_ok=True)
    for door in DOORS:
        path, text = pathlib.Path(folder) / "reference" / f"{door}.md", page(door)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
