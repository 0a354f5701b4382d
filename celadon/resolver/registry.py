"""Engines and resolvers by name. Only this module imports them, and only when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

from .. import late
from .errors import ResolverConfigError, ResolverUnavailable
from .events import OnEvent
from .model import USUAL, Config, Server
from .protocols import Engine, FullResolver, Runtime

difflib: Any = late.module("difflib")  # for an error's advice

# Name -> module; tests/test_layers.py reads these as imports. Engines answer DNS questions under the policy; resolvers
# bring a policy of their own (the system's libc).
ENGINES = {"ares": "engines.ares.ares_engine", "python": "engines.python.python_engine"}
TUNED = frozenset(("python",))
AUTOMATIC = "ares"  # the engine of ``auto``
# The options of a query that has none. With options it goes to our own exchange: c-ares tells neither EDNS nor which of
# several servers answered.
ASKS_WITH = {"ares": USUAL}
#: What validates answers (DNSSEC); it brings dnspython and cryptography.
VALIDATION = "resolvers.validation"
ITERATIVE = "engines.iterative"
RESOLVERS = {"thread": "resolvers.libc_threads", "block": "resolvers.libc"}


def _maker(modules: Mapping[str, str], name: str) -> Callable[..., Any]:
    try:
        found = import_module(f"{__package__}.{modules[name]}")
    except ImportError as error:
        raise ResolverUnavailable(f"the resolver {name!r} needs a library that is not installed: {error}") from None
    made: Callable[..., Any] = found.make
    return made


def ready(name: str) -> None:
    """Import an engine now, so that the first lookup does not: pycares takes about 30 ms, in which the hub stands."""
    _maker(ENGINES, name)


def names() -> tuple[str, ...]:
    """The names that ``use`` knows."""
    return ("auto", *ENGINES, *RESOLVERS)


def unknown(name: str) -> ResolverConfigError:
    """The error for a name that is not a resolver's: one line that says which there are."""
    near = difflib.get_close_matches(name, names(), 1)
    advice = f"did you mean {near[0]}?" if near else f"choose {', '.join(names())} or pkg.mod:obj"
    return ResolverConfigError(f"unknown resolver {name!r}; {advice}")


def load(path: str) -> Any:
    """The object at ``pkg.mod:obj``. ResolverConfigError if there is none."""
    module, _, name = path.partition(":")
    try:
        found: Any = import_module(module)
        for one in name.split("."):
            found = getattr(found, one)
    except (ImportError, AttributeError, ValueError) as error:
        raise ResolverConfigError(f"resolver {path!r}: {error}") from None
    return found


def speaks(name: str, servers: Iterable[Server]) -> None:
    """Raise ResolverConfigError for a server with a protocol that only the python engine speaks.

    Another engine would send in clear what was meant to be encrypted.
    """
    for one in servers if name not in TUNED else ():
        if one.scheme != "udp":
            raise ResolverConfigError(f"{name} cannot speak {one.scheme}:// to {one}; the resolver python can")


def make_engine(
    name: str,
    config: Config,
    tuning: Any = None,
    on_event: OnEvent | None = None,
    runtime: Runtime | None = None,
) -> Engine:
    """A new engine for ``runtime``'s loop, None: for the calling thread's hub.

    ``tuning`` (``exchange.Tuning``) has an effect on the engines of TUNED only. ``on_event`` is called with an Event
    for each message sent. ResolverConfigError for an unknown name, ResolverUnavailable if the library is missing.
    """
    if name == "auto":
        name = AUTOMATIC  # libc asks no DNS questions
    if name not in ENGINES:
        raise unknown(name)
    speaks(name, config.servers)
    maker: Callable[..., Engine] = _maker(ENGINES, name)
    return maker(config, tuning, on_event, runtime)


def validation() -> Any:
    """The module that validates. ResolverUnavailable if cryptography, of the extra ``dnssec``, is not installed."""
    try:
        return import_module(f"{__package__}.{VALIDATION}")
    except ImportError as error:
        raise ResolverUnavailable(
            f"validation needs the extra `dnssec` (pip install 'celadon[dnssec]'): {error}"
        ) from None


def make_iterative(config: Config, tuning: Any) -> Engine:
    """A new engine for the calling thread's hub that starts at the root, whose servers ``config`` has."""
    maker: Any = import_module(f"{__package__}.{ITERATIVE}")
    made: Engine = maker.make(config, tuning)
    return made


def make_resolver(name: str, config: Config | None) -> FullResolver:
    """A new libc resolver; with ``config`` None it reads the system's own files."""
    if name not in RESOLVERS:
        raise unknown(name)
    speaks(name, config.servers if config is not None else ())
    resolver: FullResolver = _maker(RESOLVERS, name)(config)
    return resolver
