"""Events, their interfaces, and the plug-ins of installed packages."""

from importlib.metadata import EntryPoint, EntryPoints
from types import SimpleNamespace

import pytest

from celadon.compat.gevent import events


def test_plugins_hear_of_their_events(monkeypatch):
    heard = []
    plugin = EntryPoint("planted", f"{__name__}:test_plugins_hear_of_their_events", "group")
    monkeypatch.setattr(EntryPoint, "load", lambda self: heard.append)
    monkeypatch.setattr(events, "_installed", lambda: EntryPoints([plugin]))
    monkeypatch.setattr(events, "subscribers", [])
    for group, expected in (("group", True), ("another", False)):
        assert events.heard(SimpleNamespace(ENTRY_POINT_NAME=group)) is expected
        events.notify_and_call_entry_points(SimpleNamespace(ENTRY_POINT_NAME=group))
    assert len(heard) == 1
    events._plugins.cache_clear()


def test_interfaces():
    for interface, event in (
        (events.IGeventPatchEvent, events.GeventWillPatchModuleEvent("os", None, None, [])),
        (events.IMemoryUsageThresholdExceeded, events.MemoryUsageThresholdExceeded(2, 1, None)),
    ):
        assert interface.providedBy(event)
        assert interface.implementedBy(type(event))
        assert not interface.providedBy(events.EventLoopBlocked(None, 1, []))


def test_interfaces_are_zopes_if_there_is_zope():
    verify = pytest.importorskip("zope.interface.verify")
    verify.verifyObject(events.IEventLoopBlocked, events.EventLoopBlocked(None, 1, []))
    verify.verifyObject(events.IGeventWillPatchAllEvent, events.GeventWillPatchAllEvent({}, {}))
