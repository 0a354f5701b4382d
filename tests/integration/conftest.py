"""What is tested here runs in processes of its own."""

import pytest


@pytest.fixture(autouse=True)
def leaves_nothing():
    """Nothing to look for in this process, in which servers for a whole module are started in the midst of a test."""
