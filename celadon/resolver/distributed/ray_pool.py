"""Shards on a Ray cluster, in thirty lines: ``run(ray, plan)`` after ``ray.init(…)``. Only ``pools`` imports it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import ray

from .driver import Lost
from .layout import Spec
from .shard_work import shard


class RayPool:
    """``Pool`` of a Ray cluster's CPUs, each for one shard. Ray itself tries nothing again."""

    def __init__(self) -> None:
        self._remote = ray.remote(num_cpus=1, max_retries=0)(shard)
        self._specs: dict[Any, Spec] = {}

    def slots(self) -> int:
        """See ``Pool.slots``."""
        return int(ray.cluster_resources().get("CPU", 0))

    def submit(self, spec: Spec) -> None:
        """See ``Pool.submit``."""
        self._specs[self._remote.remote(spec)] = spec

    def finished(self, wait: float) -> Iterable[tuple[int, dict[str, Any] | BaseException]]:
        """See ``Pool.finished``."""
        done, _ = ray.wait([*self._specs], timeout=wait) if self._specs else ([], [])
        for one in done:
            spec = self._specs.pop(one)
            try:
                yield spec.shard.number, ray.get(one)
            except ray.exceptions.RayTaskError as error:
                yield spec.shard.number, error.cause or error
            except ray.exceptions.RayError as error:
                yield spec.shard.number, Lost(str(error))

    def close(self) -> None:
        """See ``Pool.close``."""
        for one in self._specs:
            with suppress(ray.exceptions.RayError):
                ray.cancel(one)
        self._specs.clear()
