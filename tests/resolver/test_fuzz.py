"""A second of the fuzz of replies for each engine; `make fuzz` runs it for a minute, with a seed that it prints."""

import random

import pytest

from .fuzz_replies import run


@pytest.mark.parametrize("engine", ["ares", "python"])
def test_a_second_of_fuzz(engine):
    seed = random.randrange(1 << 32)
    try:
        found = run(engine, 1.0, seed)
    except AssertionError as error:
        error.add_note(f"python -m tests.resolver.fuzz_replies --engines {engine} --seed {seed}")
        raise
    assert found["questions"] > 0
