"""The exchange as decisions: no socket, no hub, and a clock that is a number."""

from dns.edns import CookieOption, GenericOption
from dns.flags import TC
from dns.message import from_wire, make_response
from dns.rcode import Rcode
from dns.rrset import from_text

from celadon.resolver import Answer, Config, Kind, QueryOptions, Question, ResolveError, Server
from celadon.resolver.dns.exchange import AGAIN, Exchange, Query, Tuning
from celadon.resolver.dns.pace import Pace, Window
from celadon.resolver.dns.server_health import Health

ONE = Server("192.0.2.1")
TWO = Server("192.0.2.2")
A = Question("a.test", 1)


class Asking:
    """Plays the engine for one exchange: sends nowhere, and keeps what would have been sent."""

    def __init__(self, *servers, tuning=None, **config):
        self.now = 100.0
        self.exchange = Exchange(
            Config(servers=servers or (ONE,), **{"timeout": 2.0, "attempts": 2, **config}),
            tuning or Tuning(),
            self.now,
            lambda count: b"\x5a" * count,
        )

    def ask(self, question=A):
        query = Query(question, print, None)
        assert self.exchange.begin(query, self.now) == 0
        return self.send(query)

    def send(self, query):
        query.sent = self.now
        query.link = object()
        return query

    def sent(self, query):
        return from_wire(b"\0\1" + self.exchange.body(query, query.state, self.now))

    def server(self, query):
        return query.state.server

    def wait(self, query):
        """Let the try run out of time."""
        self.now += self.exchange.patience(query, self.now)
        verdict = self.exchange.expired(query, self.now)
        if verdict is AGAIN:
            self.send(query)
        return verdict

    def reply(self, query, rcode=0, *, tcp=False, flags=0, options=(), edns=True, change=lambda wire: wire, after=0.01):
        self.now += after
        asked = self.sent(query)
        made = make_response(asked)
        made.flags |= flags
        if not rcode:
            made.answer.append(from_text("a.test.", 300, "IN", "A", "192.0.2.7"))
        made.use_edns(0 if edns else -1, options=list(options))
        made.set_rcode(rcode)
        verdict = self.exchange.reply(query, change(made.to_wire()), self.now, tcp, query.state)
        if verdict is AGAIN:
            self.send(query)
        return verdict


# -- which server, how often, how long -----------------------------------------------------------------------


def test_servers_in_order_then_round_again_until_the_whole_time_is_over():
    asking = Asking(ONE, TWO)
    query = asking.ask()
    seen = [asking.server(query)]
    began = asking.now
    while (verdict := asking.wait(query)) is AGAIN:
        seen.append(asking.server(query))
    assert seen == [ONE, TWO, ONE, TWO]
    assert isinstance(verdict, ResolveError)
    assert verdict.kind is Kind.TIMEOUT
    assert len(verdict.tried) == 4
    assert asking.now - began == 8.0  # timeout x attempts x servers, exactly


def test_a_fast_server_is_asked_again_sooner_but_not_given_up_sooner():
    asking = Asking()
    for _ in range(20):
        assert isinstance(asking.reply(asking.ask()), Answer)
    query = asking.ask()
    began = asking.now
    assert asking.wait(query) is AGAIN
    assert asking.now - began < 0.5
    assert isinstance(asking.wait(query), ResolveError)
    assert asking.now - began == 4.0
    patient = Asking(tuning=Tuning(adaptive_timeout=False))
    patient.reply(patient.ask())
    assert patient.exchange.patience(patient.ask(), patient.now) == 2.0


def test_rotate_gives_each_its_turn():
    asking = Asking(ONE, TWO, rotate=True)
    assert [asking.server(asking.ask()) for _ in range(4)] == [TWO, ONE, TWO, ONE]


def test_a_dead_server_is_passed_over_and_probed_back():
    asking = Asking(ONE, TWO)
    for _ in range(3):
        query = asking.ask()
        assert asking.wait(query) is AGAIN
        assert isinstance(asking.reply(query), Answer)
    query = asking.ask()
    assert asking.server(query) is TWO
    assert asking.exchange.probe(query, asking.now) is None  # not yet
    asking.now += 5
    probed = asking.exchange.probe(query, asking.now)
    assert probed is not None
    assert probed.server is ONE
    assert asking.exchange.probe(query, asking.now) is None  # one copy is enough
    probed.heard(asking.now)
    assert asking.server(asking.ask()) is ONE


def test_one_lost_packet_of_a_server_that_speaks_is_no_silence():
    health = Health(0, ONE, 2.0)
    for n in range(10):
        health.heard_at = n + 0.5
        health.silent(n + 1.0, n)
    assert not health.down
    for n in range(3):
        health.silent(20.0 + n, 15.0)
    assert health.down


def test_nobody_listening_goes_on_at_once():
    asking = Asking(ONE, TWO)
    query = asking.ask()
    assert asking.exchange.failed(query, ConnectionRefusedError(111, "refused"), asking.now) is AGAIN
    assert asking.server(query) is TWO
    assert asking.server(asking.ask()) is TWO


def test_servfail_asks_the_next_and_is_the_answer_if_all_say_so():
    asking = Asking(ONE, TWO, attempts=1)
    query = asking.ask()
    assert asking.reply(query, Rcode.SERVFAIL) is AGAIN
    assert isinstance(asking.reply(query), Answer)
    query = asking.ask()
    assert asking.reply(query, Rcode.REFUSED) is AGAIN
    verdict = asking.reply(query, Rcode.SERVFAIL)
    assert isinstance(verdict, Answer)
    assert verdict.rcode == 2
    assert verdict.attempts == 2


def test_nxdomain_is_an_answer():
    verdict = Asking(ONE, TWO).exchange
    asking = Asking(ONE, TWO)
    verdict = asking.reply(asking.ask(), Rcode.NXDOMAIN)
    assert isinstance(verdict, Answer)
    assert verdict.rcode == 3


# -- EDNS, truncation, cookies, 0x20 -------------------------------------------------------------------------


def test_without_edns_where_it_is_not_known():
    for rcode in (Rcode.FORMERR, Rcode.NOTIMP, Rcode.BADVERS):
        asking = Asking(attempts=1)
        query = asking.ask()
        assert asking.sent(query).edns == 0
        assert asking.reply(query, rcode, edns=rcode == Rcode.BADVERS) is AGAIN
        assert asking.sent(query).edns == -1
        assert isinstance(asking.reply(query, edns=False), Answer)
        assert asking.sent(asking.ask()).edns == -1  # remembered
        asking.now += 1000
        assert asking.sent(asking.ask()).edns == 0  # for a quarter of an hour


def test_a_refusal_without_the_question_counts():
    asking = Asking(attempts=1)
    query = asking.ask()
    assert asking.reply(query, Rcode.FORMERR, edns=False, change=lambda w: w[:4] + b"\0\0" + w[6:12]) is AGAIN
    assert asking.sent(query).edns == -1


def test_silence_may_mean_that_edns_is_dropped():
    asking = Asking()
    for expected in (0, 0, -1):
        query = asking.ask()
        assert asking.sent(query).edns == expected
        if expected == 0:
            assert asking.wait(query) is AGAIN
            assert asking.sent(query).edns == -1
        assert isinstance(asking.reply(query, edns=False), Answer)


def test_truncated_then_tcp_at_the_same_server():
    asking = Asking(ONE, TWO)
    query = asking.ask()
    assert asking.reply(query, flags=TC) is AGAIN
    assert asking.server(query) is ONE
    assert asking.exchange.over_tcp(query, query.state)
    assert asking.exchange.patience(query, asking.now) == 2.0
    verdict = asking.reply(query, tcp=True)
    assert isinstance(verdict, Answer)
    assert verdict.tcp
    query = asking.ask()
    assert asking.reply(query, flags=TC) is AGAIN
    assert asking.exchange.failed(query, ConnectionRefusedError(111, "refused"), asking.now) is AGAIN
    assert asking.server(query) is TWO
    assert not asking.exchange.over_tcp(query, query.state)


def test_two_opt_records_are_a_refusal_not_noise():
    asking = Asking(attempts=1)
    query = asking.ask()

    def twice(wire):
        return wire[:11] + b"\2" + wire[12:] + b"\0\0\x29\4\xd0\0\0\0\0\0\0"

    assert asking.reply(query, change=twice) is AGAIN
    assert asking.sent(query).edns == -1


def test_cookies():
    asking = Asking(tuning=Tuning(cookies=True))
    query = asking.ask()
    [cookie] = asking.sent(query).options
    assert cookie.to_wire() == b"\x5a" * 8
    mine, theirs = b"\x5a" * 8, b"SERVERCO"
    assert asking.reply(query, options=[CookieOption(b"another!", theirs)]) is None  # not ours
    assert isinstance(asking.reply(query, options=[CookieOption(mine, theirs)]), Answer)
    query = asking.ask()
    assert asking.sent(query).options[0].to_wire() == mine + theirs
    assert asking.reply(query) is None  # it knows cookies: without one it is a forgery
    assert asking.reply(query, options=[GenericOption(10, b"abc")]) is None
    assert asking.reply(query, Rcode.BADCOOKIE, options=[CookieOption(mine, b"NEWSERVE")]) is AGAIN
    assert asking.sent(query).options[0].to_wire() == mine + b"NEWSERVE"
    assert asking.reply(query, Rcode.BADCOOKIE, options=[CookieOption(mine, b"NEWSERVE")]) is AGAIN
    assert asking.reply(query, Rcode.BADCOOKIE, options=[CookieOption(mine, b"NEWSERVE")]) is AGAIN
    assert asking.exchange.over_tcp(query, query.state)
    assert isinstance(asking.reply(query, tcp=True), Answer)
    asking.now += 121
    assert isinstance(asking.reply(asking.ask()), Answer)  # it has stopped sending them
    fresh = Asking(tuning=Tuning(cookies=True))
    assert isinstance(fresh.reply(fresh.ask(), options=[GenericOption(10, b"abc")]), Answer)


def test_mixed_case():
    asking = Asking(tuning=Tuning(mixed_case=True))
    query = asking.ask()
    name = asking.sent(query).question[0].name.to_text()
    assert name != "a.test."
    assert name.lower() == "a.test."
    verdict = asking.reply(query, change=lambda w: w[:12] + w[12:20].lower() + w[20:])
    assert verdict is AGAIN  # over TCP then, where case proves nothing
    assert asking.exchange.over_tcp(query, query.state)
    answer = asking.reply(query, tcp=True, change=lambda w: w[:12] + w[12:20].lower() + w[20:])
    assert isinstance(answer, Answer)
    assert answer.question == A
    plain = Asking()
    assert isinstance(plain.reply(plain.ask(), change=lambda w: w[:12] + w[12:20].upper() + w[20:]), Answer)


# -- what is not believed ------------------------------------------------------------------------------------


def test_what_is_ignored():
    asking = Asking()
    query = asking.ask()
    changes = [
        lambda w: b"",
        lambda w: w[:4],
        lambda w: w[:2] + b"\1" + w[3:],  # no reply at all
        lambda w: w[:2] + bytes((w[2] | 0x28,)) + w[3:],  # another opcode
        lambda w: w[:13] + b"b" + w[14:],  # another name
        lambda w: w[:21] + b"\x1c" + w[22:],  # another type
        lambda w: w[:23] + b"\3" + w[24:],  # another class
        lambda w: w[:4] + b"\0\0" + w[6:12] + w[24:],  # no question
        lambda w: w[:5] + b"\2" + w[6:24] + w[12:],  # two
        lambda w: w[:-20],
        lambda w: w[:24] + b"\xff" * 60,
        lambda w: b"\xff" * 60,
    ]
    for change in changes:
        assert asking.reply(query, change=change) is None
    assert asking.exchange.ignored == len(changes)
    assert isinstance(asking.reply(query), Answer)


def test_many_near_misses_send_the_question_over_tcp():
    asking = Asking()
    query = asking.ask()
    verdicts = [asking.reply(query, change=lambda w: w[:13] + b"b" + w[14:]) for _ in range(25)]
    assert verdicts.count(AGAIN) == 1
    assert asking.exchange.over_tcp(query, query.state)
    assert isinstance(asking.reply(query, tcp=True), Answer)


def test_final_takes_the_first_word():
    asking = Asking(ONE, TWO)
    query = asking.ask(Question("a.test", 1, options=QueryOptions(final=True)))
    verdict = asking.reply(query, Rcode.SERVFAIL)
    assert isinstance(verdict, Answer)
    assert verdict.rcode == 2


# -- pace ----------------------------------------------------------------------------------------------------


def test_pace_is_a_rate():
    pace = Pace(100.0, 0.0)
    now, taken = 0.0, 0
    while now < 10:
        wait = pace.wait(now)
        if wait:
            now += wait
        else:
            pace.take()
            taken += 1
    assert 995 <= taken <= 1006


def test_rates_and_bounds_make_questions_wait():
    asking = Asking(ONE, TWO, tuning=Tuning(rate=10.0))
    first, second = Query(A, print, None), Query(A, print, None)
    assert asking.exchange.begin(first, asking.now) == 0
    wait = asking.exchange.begin(second, asking.now)
    assert 0.05 < wait <= 0.1
    assert asking.exchange.begin(second, asking.now + wait) == 0
    asking = Asking(ONE, TWO, tuning=Tuning(in_flight_per_server=1))
    for server in (ONE, TWO):
        query = asking.ask()
        assert asking.server(query) is server
        query.state.in_flight += 1
    assert asking.exchange.begin(Query(A, print, None), asking.now) == float("inf")
    asking = Asking(ONE, TWO, tuning=Tuning(rate_per_server=10.0))
    assert [asking.server(asking.ask()) for _ in range(2)] == [ONE, TWO]
    assert 0 < asking.exchange.begin(Query(A, print, None), asking.now) <= 0.1


def test_the_window_gives_way_and_never_latches():
    window = Window(1000, True)
    now = 50.0
    for _ in range(100):
        window.lost(now, 0, 1000)
        now += 0.001
    assert window.size == 700  # one cut a second
    for _ in range(30):
        now += 1.0
        for _ in range(50):
            window.lost(now, 0, 1000)
    assert window.size == 64
    assert window.room(now + 0.2) == 64
    assert window.room(now + 10) == 1000  # by time alone: nothing was answered meanwhile
    steady = Window(1000, False)
    for _ in range(100):
        steady.lost(now, 0, 1000)
    assert steady.room(now) == 1000


def test_loss_that_has_nothing_to_do_with_the_pace_costs_little():
    window = Window(1000, True)
    now, answers = 0.0, 0
    sizes = []
    for _ in range(300):  # a minute of one question in five lost
        now += 0.2
        answers += 160
        for _ in range(40):
            window.lost(now, answers, window.room(now))
        sizes.append(window.room(now))
    assert sum(sizes) / len(sizes) > 500
