"""The collector's settings are the process' own: they come back as they were, whichever run ends last."""

import gc

import pytest

from celadon.resolver.cli.bulk.seldom_collected import seldom_collected


@pytest.fixture(autouse=True)
def settings():
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_it_is_spared_and_restored():
    gc.set_threshold(600, 7, 8)
    with seldom_collected():
        assert gc.get_threshold()[0] > 600
        assert gc.get_freeze_count()
    assert gc.get_threshold()[:2] == (600, 7)
    assert not gc.get_freeze_count()


def test_the_last_of_several_runs_restores():
    before = gc.get_threshold()
    first, second = seldom_collected(), seldom_collected()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold() != before
    second.__exit__(None, None, None)
    assert gc.get_threshold() == before


def test_what_a_program_froze_stays_frozen():
    gc.freeze()
    with seldom_collected():
        pass
    assert gc.get_freeze_count()


def test_a_run_that_fails_restores():
    before = gc.get_threshold()
    with pytest.raises(KeyError), seldom_collected():
        raise KeyError
    assert gc.get_threshold() == before
