"""Functions of ``os`` under the patch."""

import copy
import os
import pickle
import select
import time

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


def test_what_stands_for_a_function_in_c_is_pickled_by_its_name():
    patch_all()
    try:
        for one in (time.sleep, os.read, os.waitpid, select.select, open):
            assert pickle.loads(pickle.dumps(one)) is one
            assert copy.deepcopy(one) is one
            assert b"celadon" not in pickle.dumps(one)
        kept = pickle.dumps(time.sleep)
    finally:
        restore()
    assert pickle.loads(kept) is time.sleep
