"""What the tests of the standard library's modules share."""

import contextlib

import pytest

from .worlds import WORLDS


@pytest.fixture
def world():
    """Sockets of greenlets, as the contracts' tables use them."""
    with contextlib.closing(WORLDS["greenlets"]()) as made:
        yield made
