"""The debug page in a real browser, under load."""

import importlib.util
import time

import pytest

from .browser import browser, chromium, program

needs_chromium = pytest.mark.skipif(chromium() is None, reason="Chromium is not installed")
needs_websockets = pytest.mark.skipif(
    any(importlib.util.find_spec(one) is None for one in ("websockets", "httptools")),
    reason="websockets or httptools is not installed; make test-integration has them",
)


@pytest.fixture(autouse=True)
def leaves_nothing():
    """Not looked for in this process."""


@needs_chromium
@needs_websockets
@pytest.mark.timeout(150)
def test_the_debug_page_shows_a_planted_blocking_call_within_two_seconds():
    blocks_after = 12
    with program(blocks_after) as url:
        began = time.monotonic()
        with browser(url) as tab:
            tab.until("document.getElementById('state').textContent === 'live'")
            assert tab.evaluate("document.querySelectorAll('#plots svg polyline').length") >= 5
            for section in ("hubs", "greenlets", "timers", "fds", "resolver", "name_servers", "servers", "pools"):
                assert tab.evaluate(f"document.querySelectorAll('#{section} td').length"), section
            assert "orders" in tab.evaluate("document.getElementById('pools').textContent")
            tab.evaluate("document.getElementById('name').value = 'host1.test'")
            tab.evaluate("document.getElementById('ask').requestSubmit()")
            tab.until("document.getElementById('told').textContent.includes('by python')")
            tab.until("document.getElementById('blocks').textContent.includes('a_planted_blocking_call')", 60)
            # The page says itself how long ago the block ended; the list may be as old as one update.
            ago = tab.evaluate("Number(document.querySelector('#blocks tr:nth-child(2) td').textContent)")
            assert ago < 2, f"shown {ago} s after it ended"
            assert time.monotonic() - began > 2
            # Nothing of the page was refused by its own policy, and no markup of a name was taken for the page's.
            assert tab.evaluate("document.querySelectorAll('#sections script, #sections img').length") == 0
