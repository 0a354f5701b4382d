"""The quick ones of CPython's test modules pass under the patch as they do without; `make test-stdlib` runs all."""

import pytest

from .modules import FAST
from .run import main


@pytest.mark.cpython_tests
@pytest.mark.timeout(120)
@pytest.mark.parametrize("module", FAST)
def test_module(module, capsys):
    assert main([module, "--per-test", "30", "--budget", "100"]) == 0, capsys.readouterr().out
