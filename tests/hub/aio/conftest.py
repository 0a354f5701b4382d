"""A loop of asyncio's to run coroutines on, after which neither a task nor a join is left."""

import asyncio

import pytest

from celadon.hub import get_hub
from celadon.hub.loop.hub import Hub
from celadon.hub.loop.joined import joined_of


@pytest.fixture
def on_loop():
    """Runs a coroutine function; afterwards no task is left, and nothing has failed in a callback of the loop."""

    def run(main, debug=False):
        async def watched():
            failed = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
            result = await asyncio.wait_for(asyncio.create_task(main()), 20)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, left
            assert not failed, failed
            return result

        return asyncio.run(watched(), debug=debug)

    yield run
    hub = get_hub()
    found = joined_of(hub)
    if found is not None:
        assert found.outer.over()
        found.end()
    assert type(hub) is Hub
