"""``eventlet.green.http``."""

from http import HTTPStatus

from . import client

__all__ = ["HTTPStatus", "client"]
