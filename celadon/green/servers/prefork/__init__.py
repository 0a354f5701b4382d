"""Several processes that serve the same addresses, looked after by a master."""

from .master import Prefork
from .supervisor import Rules
from .worker import Worker

__all__ = ["Prefork", "Rules", "Worker"]
