"""Which engines and resolvers there are, by name: the one place that imports them, and only when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

from .errors import ResolverConfigError, ResolverUnavailable
from .events import OnEvent
from .model import Config, QueryOptions, Server
from .protocols import Engine, FullResolver

# Name -> module; tests/test_layers.py reads these as imports. Engines answer DNS questions under the policy; resolvers
# bring a policy of their own (the system's libc).
ENGINES = {"ares": "engines.ares.ares_engine", "python": "engines.python.python_engine"}
TUNED = frozenset(("python",))
AUTOMATIC = "ares"  # the engine of ``auto``
# What a query with nothing special is asked with: c-ares tells neither EDNS nor which of several servers answered, our
# own exchange does.
ASKS_WITH = {"ares": QueryOptions()}
RESOLVERS = {"thread": "resolvers.libc_threads", "block": "resolvers.libc"}


def _maker(modules: Mapping[str, str], name: str) -> Callable[..., Any]:
    try:
        found = import_module(f"{__package__}.{modules[name]}")
    except ImportError as error:
        raise ResolverUnavailable(f"the resolver {name!r} needs a library that is not installed: {error}") from None
    made: Callable[..., Any] = found.make
    return made


def ready(name: str) -> None:
    """Import an engine now: with c-ares that would keep the hub from its work for some 50 ms at the first lookup."""
    _maker(ENGINES, name)


def names() -> tuple[str, ...]:
    """The names that ``use`` understands."""
    return ("auto", *ENGINES, *RESOLVERS)


def load(path: str) -> Any:
    """The object that ``pkg.mod:obj`` means. ResolverConfigError where there is none."""
    module, _, name = path.partition(":")
    try:
        found: Any = import_module(module)
        for one in name.split("."):
            found = getattr(found, one)
    except (ImportError, AttributeError, ValueError) as error:
        raise ResolverConfigError(f"resolver {path!r}: {error}") from None
    return found


def speaks(name: str, servers: Iterable[Server]) -> None:
    """ResolverConfigError where a server is to be spoken to in a way that only the python engine can.

    Anything else would send in clear what was meant to be sent encrypted.
    """
    for one in servers if name not in TUNED else ():
        if one.scheme != "udp":
            raise ResolverConfigError(f"{name} cannot speak {one.scheme}:// to {one}; the resolver python can")


def make_engine(name: str, config: Config, tuning: Any = None, on_event: OnEvent | None = None) -> Engine:
    """A new engine for the calling thread's hub. Raises ResolverConfigError for a name that is none, and
    ResolverUnavailable for one whose library is missing.

    ``tuning`` (``exchange.Tuning``) is for those that are tuned; the others go their own way. ``on_event`` is told what
    is sent.
    """
    if name == "auto":
        name = AUTOMATIC  # for a question of DNS there is nothing else to decide
    if name not in ENGINES:
        raise ResolverConfigError(f"unknown resolver {name!r}; there are {', '.join(names())}")
    speaks(name, config.servers)
    maker: Callable[..., Engine] = _maker(ENGINES, name)
    return maker(config, tuning, on_event)


def make_resolver(name: str, config: Config | None) -> FullResolver:
    """A new libc resolver; ``config`` None leaves it with the system's own files."""
    if name not in RESOLVERS:
        raise ResolverConfigError(f"unknown resolver {name!r}; there are {', '.join(names())}")
    speaks(name, config.servers if config is not None else ())
    resolver: FullResolver = _maker(RESOLVERS, name)(config)
    return resolver


def preload() -> None:
    """Import the libraries that must see the unpatched standard library."""
    import_module(f"{__package__}.{ENGINES['ares']}").preload()
