"""One codec is enough here: what is tested begins behind it."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def codec():
    return "accelerator"
