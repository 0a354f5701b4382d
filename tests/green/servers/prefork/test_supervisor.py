"""What the supervisor decides, event by event, with times as numbers."""

import signal

import pytest

from celadon.green.servers.prefork.supervisor import Fork, Leave, Rules, Send, Supervisor

TERM, INT, KILL, ABRT = signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGABRT
RULES = Rules(
    graceful_timeout=30, start_timeout=60, silence_timeout=20, first_pause=1, longest_pause=8, healthy_after=10,
    last_words=2,
)  # fmt: skip


class World:
    """A supervisor with its processes: pids count from 100 in the order of the starts."""

    def __init__(self, workers=2, rules=RULES):
        self.supervisor = Supervisor(workers, rules)
        self.now = 0.0
        self.next_pid = 100

    def act(self, at=None):
        """Do what is due; returns it as text: F0 for a start in slot 0, (pid, signal) for a signal."""
        self.now = self.now if at is None else at
        done = []
        for action in self.supervisor.due(self.now):
            if isinstance(action, Fork):
                self.supervisor.forked(action.slot, self.next_pid, self.now)
                done.append(f"F{action.slot}")
                self.next_pid += 1
            elif isinstance(action, Send):
                done.append((action.pid, action.number))
            else:
                assert isinstance(action, Leave)
                done.append(f"leave {action.code}")
        assert at is not None or done or self.supervisor.due(self.now) == []
        return done

    def ready(self, *pids):
        for pid in pids:
            self.supervisor.ready(pid, self.now)

    def died(self, pid):
        return self.supervisor.died(pid, self.now)


@pytest.fixture
def world():
    """Two workers, 100 and 101, that are ready."""
    made = World()
    assert made.act() == ["F0", "F1"]
    assert not made.supervisor.complete
    made.ready(100, 101)
    assert made.supervisor.complete
    assert made.act() == []
    return made


def test_there_is_at_least_one():
    with pytest.raises(ValueError, match="at least one worker, not 0"):
        Supervisor(0)


def test_one_that_dies_is_replaced_at_once_if_it_was_healthy(world):
    world.now = 15
    assert world.died(100)
    assert world.act() == ["F0"]
    world.ready(102)
    assert world.act() == []


def test_one_that_dies_young_is_replaced_after_longer_and_longer_pauses():
    world = World(1)
    world.act()
    pid, pauses = 100, []
    for _ in range(6):
        begin = world.now
        world.died(pid)
        assert world.act() == []
        world.now = world.supervisor.deadline(world.now)
        pauses.append(world.now - begin)
        pid = world.next_pid
        assert world.act() == ["F0"]
    assert pauses == [1, 2, 4, 8, 8, 8]
    world.ready(pid)
    world.now += 11
    world.died(pid)
    assert world.act() == ["F0"]


def test_one_that_was_never_ready_was_not_healthy():
    world = World(1)
    world.act()
    world.now = 50
    world.died(100)
    assert world.act() == []
    assert world.act(51) == ["F0"]


def test_a_fork_that_fails_is_tried_again_after_a_pause():
    supervisor = Supervisor(1, RULES)
    assert supervisor.due(0) == [Fork(0)]
    supervisor.not_forked(0, 0)
    assert supervisor.due(0.5) == []
    assert supervisor.deadline(0.5) == 1
    assert supervisor.due(1) == [Fork(0)]


def test_reload_ends_each_when_its_successor_is_ready(world):
    world.supervisor.reload(world.now)
    assert world.act() == ["F0", "F1"]
    assert world.act() == []
    world.ready(103)
    assert world.act() == [(101, TERM)]
    world.ready(102)
    assert world.act() == [(100, TERM)]
    assert not world.died(100)
    assert not world.died(101)
    assert world.act() == []
    assert sorted(world.supervisor.pids()) == [102, 103]


def test_a_reload_whose_workers_fail_leaves_the_old_ones(world):
    world.supervisor.reload(world.now)
    world.act()
    for at, pids in ((1, (102, 103)), (3, (104, 105))):
        for pid in pids:
            assert world.died(pid)
        assert world.act() == []
        assert world.act(at) == ["F0", "F1"]
    assert {100, 101} < set(world.supervisor.pids())


def test_a_second_reload_gives_up_those_that_start(world):
    world.supervisor.reload(world.now)
    world.act()
    world.supervisor.reload(world.now)
    assert world.act() == [(102, TERM), (103, TERM), "F0", "F1"]
    world.ready(102)  # too late
    assert world.act() == []
    world.ready(104, 105)
    assert world.act() == [(100, TERM), (101, TERM)]


def test_one_that_retires_is_replaced_first(world):
    world.supervisor.retires(101)
    assert world.act() == ["F1"]
    world.supervisor.retires(101)
    assert world.act() == []
    world.ready(102)
    assert world.act() == [(101, TERM)]


def test_one_that_asks_again_to_be_replaced_ends_the_pause(world):
    world.supervisor.retires(101)
    world.act()
    world.died(102)
    assert world.act() == []
    world.supervisor.retires(101)
    assert world.act() == ["F1"]


def test_one_that_does_not_end_in_time_is_killed(world):
    world.supervisor.reload(0)
    world.act()
    world.ready(102, 103)
    world.act()
    for pid in (102, 103):
        world.supervisor.heard(pid, 31)
    assert world.supervisor.deadline(0) == 32
    assert world.act(31.9) == []
    assert world.act(32) == [(100, KILL), (101, KILL)]
    assert world.act(33) == []
    assert not world.died(100)


def test_one_that_is_silent_is_ended_and_replaced(world):
    world.supervisor.heard(101, 19)
    assert world.supervisor.deadline(0) == 20
    assert world.act(20) == [(100, ABRT)]
    assert world.act(21) == []
    assert world.act(22) == [(100, KILL)]
    assert world.act(23) == []
    assert world.died(100)
    assert world.act() == ["F0"]


def test_one_that_is_not_ready_in_time_is_ended():
    world = World(1)
    world.act()
    assert world.act(59) == []
    assert world.act(60) == [(100, ABRT)]
    assert world.died(100)
    assert world.act(61) == ["F0"]


def test_stop_lets_them_end(world):
    world.supervisor.stop(quick=False)
    assert world.act() == [(100, TERM), (101, TERM)]
    world.died(100)
    assert world.act() == []
    assert world.act(32) == [(101, KILL)]
    world.died(101)
    assert world.act() == ["leave 0"]


def test_stop_quickly(world):
    world.supervisor.stop(quick=True, code=3)
    assert world.act() == [(100, INT), (101, INT)]
    assert world.act(4) == [(100, KILL), (101, KILL)]
    world.died(100)
    world.died(101)
    assert world.act() == ["leave 3"]


def test_stop_quickly_after_all(world):
    world.supervisor.stop(quick=False)
    world.act()
    world.supervisor.stop(quick=True)
    assert world.act() == [(100, INT), (101, INT)]
    world.supervisor.stop(quick=False)
    assert world.act() == []


def test_stop_while_some_start_and_some_leave():
    world = World(1)
    world.act()
    world.ready(100)
    world.supervisor.reload(0)
    world.act()
    world.ready(101)
    world.act()
    world.supervisor.reload(0)
    world.act()
    world.supervisor.stop(quick=False)
    assert world.act() == [(102, TERM), (101, TERM)]
    for pid in (100, 101, 102):
        world.died(pid)
    assert world.act() == ["leave 0"]


def test_more_and_fewer(world):
    world.supervisor.resize(1)
    assert world.act() == ["F2"]
    world.ready(102)
    world.supervisor.resize(-1)
    assert world.act() == [(102, TERM)]
    world.supervisor.resize(-1)
    assert world.act() == [(101, TERM)]
    world.supervisor.resize(-1)
    assert world.act() == []
    world.supervisor.resize(1)
    assert world.act() == ["F1"]
    assert not world.died(101)  # the one that left, not the one that is there
    assert not world.died(102)
    assert world.act() == []


def test_what_is_not_known_is_left_alone(world):
    world.ready(999)
    world.supervisor.heard(999, 0)
    world.supervisor.retires(999)
    assert not world.died(999)
    assert world.act() == []


def test_nothing_to_wait_for():
    supervisor = Supervisor(1, RULES)
    supervisor.stop(quick=True)
    assert supervisor.due(0) == [Leave(0)]
    assert supervisor.deadline(0) is None
