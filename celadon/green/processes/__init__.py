"""Work in other processes. See docs/processes.md."""

from .framing import Framing, Json, Lengths, Lines
from .process_executor import ProcessPoolExecutor, RemoteTraceback
from .process_pool import (
    ProcessPool,
    ProcessPoolClosed,
    ProcessPoolStats,
    TooManyRequests,
    WorkerDied,
    WorkerError,
    WorkerTimeout,
)

__all__ = [
    "Framing",
    "Json",
    "Lengths",
    "Lines",
    "ProcessPool",
    "ProcessPoolClosed",
    "ProcessPoolExecutor",
    "ProcessPoolStats",
    "RemoteTraceback",
    "TooManyRequests",
    "WorkerDied",
    "WorkerError",
    "WorkerTimeout",
]
