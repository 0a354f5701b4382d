"""``USUAL``: what ``query`` asks with under ``ares``, at the price of a question without options."""

import copy
import pickle

import pytest

from celadon import resolver
from celadon.resolver.dns.wire import encode_question
from celadon.resolver.model import USUAL, QueryOptions, Question
from celadon.resolver.testing import Formerr

RECORDS = [("one.test", "A", "192.0.2.1")]


def test_it_is_one_object():
    assert pickle.loads(pickle.dumps(USUAL)) is USUAL
    assert copy.deepcopy(USUAL) is USUAL
    assert repr(USUAL) == "USUAL"
    assert QueryOptions() != USUAL, "options that a program gave are not changed by a server that does not take them"
    assert Question("a", 1, 1, USUAL) != Question("a", 1, 1)


def test_the_message_is_the_usual_one():
    assert encode_question(Question("a.test", 1, 1, USUAL)) == encode_question(Question("a.test", 1))


@pytest.mark.parametrize("engine", ["python", "ares"])
def test_a_server_without_edns_is_asked_in_a_plainer_form(server, engine):
    server.script("one.test", Formerr(1))
    with resolver.scope(engine, servers=server.servers, timeout=1):
        assert resolver.query("one.test").data == ("192.0.2.1",)
