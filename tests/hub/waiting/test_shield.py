"""What a shield holds back, and what it does not."""

import pytest

from celadon.hub import Event, Timeout, fail_after, get_hub, kill, move_on_after, shield, sleep, spawn

pytestmark = pytest.mark.usefixtures("clock")


def test_a_kill_waits_for_the_end_of_the_block(clock):
    log = []

    def body():
        try:
            with shield():
                sleep(5)
                log.append("clean")
            log.append("after")
            sleep(0)
            log.append("never")
        finally:
            log.append(clock.now())

    begin = clock.now()
    one = spawn(body)
    sleep(1)
    one.kill()
    assert log == ["clean", "after", begin + 5]
    assert not get_hub().pending.shields
    assert not get_hub().pending


def test_a_deadline_outside_is_held_back_and_one_inside_is_not(clock):
    begin = clock.now()
    with move_on_after(1) as outer:
        with shield():
            with move_on_after(2) as inner:
                sleep(100)
            assert inner.expired
            assert clock.now() == begin + 2
            with pytest.raises(TimeoutError), fail_after(1):
                sleep(100)
        sleep(100)
    assert outer.expired
    assert clock.now() == begin + 3


def test_nested_shields_hold_back_what_began_outside_of_each(clock):
    begin = clock.now()
    with shield():
        with move_on_after(1) as middle:
            with shield():
                sleep(3)
            sleep(100)
        assert clock.now() == begin + 3
    assert middle.expired
    assert not get_hub().pending.shields


def test_a_deadline_that_ended_meanwhile_is_not_raised_later():
    with Timeout(1), shield():
        sleep(2)
    sleep(1)
    assert not get_hub().pending


def test_what_was_pending_before_is_held_back_too():
    log = []

    def body():
        get_hub().cancel(me, ValueError("order"))
        with shield():
            sleep(1)
            log.append("clean")
        with pytest.raises(ValueError, match="order"):
            sleep(1)

    me = spawn(body)
    me.get()
    assert log == ["clean"]


def test_ctrl_c_passes():
    hub = get_hub()
    hub.call_later(1, hub.failed, None, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt), shield():
        sleep(100)
    assert not hub.pending.shields


def test_a_kill_of_somebody_who_is_not_parked_in_the_block():
    event, log = Event(), []

    def body():
        with shield():
            event.wait()
            log.append("woken")
        sleep(1)
        log.append("never")

    one = spawn(body)
    sleep(1)
    event.set()
    kill(one)
    assert log == ["woken"]
