"""What many tests of the hub need: time that stands still, and a list of what was reported in place of stderr."""

import pytest

from celadon.hub import get_hub
from celadon.hub.testing import MockClock


@pytest.fixture
def clock():
    """The hub's time is a MockClock. A module all of whose tests want it: ``pytestmark = usefixtures("clock")``."""
    with MockClock() as made:
        yield made


@pytest.fixture
def reported(monkeypatch):
    """The exceptions that were reported, in order; nothing is printed."""
    found = []
    monkeypatch.setattr(get_hub(), "exception_handler", lambda who, error: found.append(error))
    return found
