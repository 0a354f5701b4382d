"""Every test of this folder runs over the Python codec and over the accelerator."""

import pytest

from celadon.resolver import accel
from celadon.resolver.dns import wire


@pytest.fixture(autouse=True, params=["python", "accelerator"], scope="module")
def codec(request):
    if request.param == "accelerator" and accel.codec is None:
        pytest.skip(f"the accelerator is {accel.state()}")
    wire.accelerate(accel.codec if request.param == "accelerator" else None)
    yield request.param
    wire.accelerate(accel.codec)
