"""aiodns 4's names for the resolver on asyncio: ``from celadon.resolver.aio import aiodns`` in place of its import.

What differs from aiodns: docs/asyncio.md.
"""

from . import error
from .dns_resolver import DNSResolver

__all__ = ("DNSResolver", "error")
