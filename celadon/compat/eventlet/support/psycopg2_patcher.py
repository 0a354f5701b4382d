"""``eventlet.support.psycopg2_patcher``: psycopg2's connections wait on the hub."""

from __future__ import annotations

from celadon.green import patch_all


def make_psycopg_green() -> None:
    """Have psycopg2, and psycopg, wait on the hub; nothing happens if neither is installed."""
    patch_all(psycopg=True)


__all__ = ["make_psycopg_green"]
