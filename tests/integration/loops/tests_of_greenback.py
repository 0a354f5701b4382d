"""greenback's own tests, as it installs them, under ``patch_all``."""

import tempfile

import pytest

import celadon

celadon.patch_all()
with tempfile.TemporaryDirectory() as empty:
    # Of trio's deprecations of itself, which greenback's tests do not know yet, nothing.
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "ignore::DeprecationWarning",
        f"--rootdir={empty}",
        "-c",
        "/dev/null",
    ]
    code = pytest.main(["--pyargs", "greenback", *options])
assert code == 0, code
print("right")
