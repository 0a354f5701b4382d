"""The book of pieces: each done once, whatever order claims, losses and commits come in."""

import random

import pytest

from celadon.resolver.cli.bulk.pieces import TRIES, Pieces, WorkerLost


def test_a_piece_goes_from_to_do_to_out_to_done():
    book = Pieces("shard", [0, 1])
    assert book.waiting
    assert book.claim("a") == 0
    assert book.out == {0: "a"}
    assert book.claim("b") == 1
    assert book.claim("c") is None
    assert not book.waiting
    assert book.open
    assert book.of("b") == [1]
    assert book.commit(0)
    assert not book.commit(0), "a second time it counts for nothing"
    assert book.commit(1)
    assert not book.open


def test_what_is_lost_is_to_do_again():
    book = Pieces("shard", [0, 1])
    book.claim("a")
    book.lost(0, "it died")
    assert book.again == 1
    assert [book.claim("b"), book.claim("b")] == [1, 0]


def test_failures_are_counted_and_losses_are_not():
    book = Pieces("chunk", [7])
    for _ in range(20):
        book.claim()
        book.lost(7)
    for _ in range(TRIES - 1):
        book.claim()
        book.lost(7, "a fault")
    book.claim()
    with pytest.raises(WorkerLost, match="chunk 7 failed 4 times, at last by the last fault"):
        book.lost(7, "the last fault")


def test_a_piece_that_was_done_has_no_failures_any_more():
    book = Pieces("shard", [0])
    for _ in range(TRIES + 2):
        book.claim()
        book.lost(0, "a fault")
        book.claim()
        book.commit(0)
        book.again_with(0)


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_deaths_and_twins_does_each_once(seed):
    """A model: workers claim, die, come back late and commit again; what is done is counted beside."""
    chance = random.Random(seed)
    book, added, done, late = Pieces("chunk"), 0, [], []
    while len(done) < 60:
        step = chance.random()
        if added < 60 and (step < 0.3 or not book.open):
            book.add(added)
            added += 1
        elif step < 0.6:
            book.claim(chance.choice("abc"))
        elif book.out:
            who = chance.choice("abc")
            for number in book.of(who):
                late.append(number)
                if chance.random() < 0.5:
                    book.lost(number)
                elif book.commit(number):
                    done.append(number)
        if late and chance.random() < 0.2:
            number = late.pop()
            if book.commit(number):  # an attempt that was thought dead
                done.append(number)
    assert sorted(done) == [*range(60)]
    assert not book.open
