"""The scenarios of ``worlds.py`` in each world that needs only Python: the hub alone, and joined to asyncio's loop.

Those of uvloop, trio and Twisted are in tests/integration.
"""

import pytest

from . import played


@pytest.mark.parametrize("world", ["hub", "asyncio"])
def test_scenarios(world):
    played.all_scenarios(world)


@pytest.mark.parametrize("end", played.ENDS)
@pytest.mark.parametrize("world", ["hub", "asyncio"])
def test_the_end_of_a_program(world, end):
    played.end(world, end)
