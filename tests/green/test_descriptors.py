"""Functions of ``os`` under the patch."""

import os

from celadon import patch_all
from celadon.green import restore


def test_what_a_function_supports_is_asked_of_its_replacement():
    before = os.open
    patch_all()
    try:
        # `shutil.rmtree` is safe against a race only where it finds these.
        assert os.open is not before
        assert {os.open, os.stat, os.unlink, os.rmdir} <= os.supports_dir_fd
    finally:
        restore()
    assert os.open is before
    assert os.open in os.supports_dir_fd
