"""Environments that do not print what a client sent: gevent's classes, for ``WSGIServer.environ_class``."""

from __future__ import annotations

from collections.abc import Container
from typing import Any


class Environ(dict[str, Any]):
    """A dict that copies and pickles as one."""

    __slots__ = ()

    def copy(self) -> Environ:
        """Another of the same class."""
        return type(self)(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (dict, (), None, None, iter(self.items()))


class SecureEnviron(Environ):
    """Prints its keys and masks their values, so that no password or cookie gets into a log.

    ``secure_repr`` False: it prints as a dict. ``whitelist_keys``: the values of these are printed.
    ``print_masked_keys`` False: only these are. On the class each is called ``default_…``.
    """

    default_secure_repr = True
    default_whitelist_keys: Container[str] = ()
    default_print_masked_keys = True

    __slots__ = ("print_masked_keys", "secure_repr", "whitelist_keys")

    def __getattr__(self, name: str) -> Any:
        if name in SecureEnviron.__slots__:
            return getattr(type(self), f"default_{name}")
        raise AttributeError(name)

    def __repr__(self) -> str:
        if not self.secure_repr:
            return dict.__repr__(self)
        shown = self.whitelist_keys
        if not shown:
            return f"<{type(self).__name__} dict (keys: {len(self)}) at {id(self):#x}>"
        text = repr(
            {
                name: self[name] if name in shown else "<MASKED>"
                for name in self
                if name in shown or self.print_masked_keys
            }
        )
        hidden = 0 if self.print_masked_keys else sum(name not in shown for name in self)
        return f"{text[:-1]}, (hidden keys: {hidden})}}" if hidden else text

    __str__ = __repr__


class WSGISecureEnviron(SecureEnviron):
    """A SecureEnviron that shows where a request came from, and nothing else."""

    default_whitelist_keys: Container[str] = ("REMOTE_ADDR", "REMOTE_PORT", "HTTP_HOST")
    default_print_masked_keys = False
