"""THREAT_MODEL.md names tests that exist, at least one in each row of its tables."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "THREAT_MODEL.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?`", TEXT)) - {("tests/test_threat_model.py", "")})


@pytest.mark.parametrize(("path", "name"), NAMED, ids=lambda one: one.rpartition("/")[2] or "all")
def test_it_exists(path, name):
    tree = ast.parse((ROOT / path).read_text())
    tests = {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")}
    assert name in tests if name else tests


def test_every_threat_has_one():
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and line.count("|") == 4]
    threats = [line for line in rows if not line.startswith("| threat |")]
    assert len(threats) > 15
    assert not [line for line in threats if "`tests/" not in line]
