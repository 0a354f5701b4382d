"""``eventlet.dagpool``: Celadon's DAGPool."""

from __future__ import annotations

from celadon.hub import Collision, DAGPool, PropagateError

__all__ = ["Collision", "DAGPool", "PropagateError"]
