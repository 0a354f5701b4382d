"""Crossing on uvloop: what tests/hub/aio/test_asyncio.py shows on asyncio's own loop, run on uvloop."""

import asyncio
import sys
from pathlib import Path

import pytest
import uvloop

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
uvloop.run(asyncio.sleep(0))  # libuv keeps two descriptors from its first run on
tests = Path(__file__).parents[2] / "hub" / "aio"
# asyncio's own attributes are set on the loop in that one test.
code = pytest.main(["-q", "-p", "no:cacheprovider", "-k", "not cost_the_loop_no_timer", str(tests / "test_asyncio.py")])
assert code == 0, code
print("right")
sys.exit(code)
