"""``eventlet.support``: the number of an error, and what marks a name as deprecated."""

from ._helpers import bytes_to_str, get_errno, wrap_deprecated

__all__ = ["bytes_to_str", "get_errno", "wrap_deprecated"]
