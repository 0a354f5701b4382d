"""Reports for people: the stacks of all threads, and the tree of spawned greenlets with what each has and does."""

from __future__ import annotations

import gc
import pprint
import sys
import threading
import traceback
from typing import Any

from greenlet import getcurrent, greenlet

from celadon.green import original, original_module

from .local import all_local_dicts_for_greenlet

_LINE = "*" * 80
#: What ``details=True`` shows. A limit is of ``traceback.format_stack``.
_ALL = {"running_stacks": True, "running_stack_limit": None, "spawning_stacks": True, "locals": True}


def _spawner(one: Any) -> Any:
    asked = getattr(one, "spawning_greenlet", None)
    return None if asked is None else asked()


def _root(one: Any) -> Any:
    while one.parent is not None and not getattr(one, "greenlet_tree_is_root", False):
        one = one.parent
    return one


class GreenletTree:
    """A greenlet, and in ``child_trees`` the living ones that it has spawned. ``str()`` of it is for people.

    Anything that it lacks is the greenlet's. For one look: it does not follow what comes and goes later.
    """

    is_current_tree = False

    def __init__(self, greenlet: Any) -> None:
        self.greenlet = greenlet
        self.child_trees: list[GreenletTree] = []

    @property
    def root(self) -> bool:
        """Whether it is the first greenlet of its thread."""
        return self.greenlet.parent is None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.greenlet, name)

    def add_child(self, tree: GreenletTree) -> None:
        """Put a tree below this one."""
        if tree is not self:
            self.child_trees.append(tree)

    # -- making

    @classmethod
    def forest(cls) -> list[GreenletTree]:
        """One tree for each thread that has greenlets. Looks through all objects there are."""
        return cls._forest(_root(getcurrent()))

    @classmethod
    def current_tree(cls) -> GreenletTree:
        """The tree of this thread."""
        return cls.forest()[0]

    @classmethod
    def _forest(cls, mine: Any) -> list[GreenletTree]:
        # By their types: isinstance asks a proxy for what it stands for, and that may not be there any more.
        living = [one for one in gc.get_objects() if issubclass(type(one), greenlet) and not one.dead]
        trees = {id(one): cls(one) for one in (mine, *living)}
        roots = {id(mine): trees[id(mine)]}
        roots[id(mine)].is_current_tree = True
        for tree in list(trees.values()):
            above = _spawner(tree.greenlet)
            if above is None or id(above) not in trees:
                above = _root(tree.greenlet)
            if id(above) not in trees:
                trees[id(above)] = cls(above)
            if _root(above) is above:
                roots[id(above)] = trees[id(above)]
            trees[id(above)].add_child(tree)
        return list(roots.values())

    # -- telling

    def format_lines(self, details: Any = True) -> list[str]:
        """The tree as lines. ``details``: whether with all that is known; or a dict, of what: see gevent."""
        shown = {**_ALL, **details} if isinstance(details, dict) else dict(_ALL) if details else {}
        return [text for _, text in self._render(shown, 0)]

    def format(self, details: Any = True) -> str:
        """The tree as text."""
        return "\n".join(self.format_lines(details))

    def __str__(self) -> str:
        return self.format(False)

    def _label(self) -> str:
        one = self.greenlet
        if one:
            return repr(one)
        if not getattr(one, "ready", bool)():
            return f"{one!r}; not running"
        if one.value is not None:
            return f"{one!r}; finished with value {one.value!r:.30}"
        return f"{one!r}; finished" + (f" with exception {one.exception!r}" if one.exception is not None else "")

    def _data(self, shown: dict[str, Any]) -> list[str]:
        """What is said of the greenlet itself."""
        one = self.greenlet
        lines = [f"Parent: {one.parent!r}"]
        if shown["running_stacks"] and one and one.gr_frame is not None:
            lines += ["Running:", *_stack(one.gr_frame, shown["running_stack_limit"])]
        stack = getattr(one, "spawning_stack", None)
        if shown["spawning_stacks"] and stack:
            lines += ["Spawned at:", *"".join(traceback.format_list(stack)).splitlines()]
        shared = getattr(one, "spawn_tree_locals", None)
        if shared and shared is not getattr(_spawner(one), "spawn_tree_locals", None):
            lines += ["Spawn Tree Locals", *pprint.pformat(shared).splitlines()]
        own = [(kind, at, values) for (kind, at), values in all_local_dicts_for_greenlet(one) if values]
        if shown["locals"] and own:
            lines.append("Greenlet Locals:")
            for kind, at, values in own:
                lines += [f"  Local {kind} at {at:#x}", *f"    {pprint.pformat(values)}".splitlines()]
        return lines

    def _render(self, shown: dict[str, Any], depth: int) -> list[tuple[bool, str]]:
        """Its lines, and whether each begins a greenlet."""
        mark = " " if depth else ":"
        lines = [(True, self._label())]
        lines += [(False, f" {mark}    {line}") for line in (self._data(shown) if shown else ())]
        order = sorted(self.child_trees, key=lambda one: (getattr(one, "minimal_ident", -1), id(one.greenlet)))
        for child in order:
            last = child is order[-1]
            (_, head), *rest = child._render(shown, depth + 1)
            lines.append((True, f" +--- {head}"))
            for begins, line in rest:
                bar = ("|" if begins else mark) if not last else " "
                lines.append((begins, f" {bar}   {line}" if begins else f" {bar}    {line}"))
        return lines


def _stack(frame: Any, limit: int | None) -> list[str]:
    return "".join(traceback.format_stack(frame, limit)).splitlines()


def format_run_info(
    thread_stacks: bool = True,
    greenlet_stacks: bool = True,
    limit: int | None = None,
    current_thread_ident: int | None = None,
) -> list[str]:
    """The stacks of threads and the trees of greenlets, as lines. ``limit``: of the frames of each stack.

    The stacks of greenlets of other threads are left out.
    """
    current = original("_thread", "get_ident")() if current_thread_ident is None else current_thread_ident
    threads = [*original_module("threading").enumerate(), *threading.enumerate()]
    names = {one.ident: one.name for one in threads}
    lines = [_LINE, "* Threads"]
    for ident, frame in sys._current_frames().items():
        this = ") (CURRENT" if ident == current else ""
        lines += [_LINE, f"Thread {ident:#x} ({names.get(ident)}{this})"]
        lines += _stack(frame, limit) if thread_stacks else ["\t...stack elided..."]
    lines += [_LINE, "* Greenlets", _LINE]
    for tree in GreenletTree.forest():
        stacks = greenlet_stacks and tree.is_current_tree
        lines += [
            "---- Thread boundary",
            *tree.format_lines({"running_stacks": stacks, "running_stack_limit": limit}),
        ]
    return lines


__all__ = ["GreenletTree", "format_run_info"]
