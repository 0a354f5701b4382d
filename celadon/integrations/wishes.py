"""What the environment wishes of ``patch_all``, for programs whose command line is another's."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import Any

import celadon

from ..patch_options import UsageError, patch_option, split

#: The options of the command ``celadon`` that choose a resolver and what is patched, as one would type them.
VARIABLE = "CELADON_OPTIONS"


def wishes(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The keywords for ``patch_all`` in ``CELADON_OPTIONS``. UsageError, one line, for what cannot be."""
    text = (os.environ if environ is None else environ).get(VARIABLE, "")
    try:
        args = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{VARIABLE}={text}: {error}") from None
    found: dict[str, Any] = {}
    while args:
        option, value = split(args.pop(0))
        one = patch_option(option, value, args)
        if one is None:
            raise UsageError(f"{VARIABLE}={text}: unknown option {option}; celadon --help lists them")
        found[one[0]] = one[1]
    return found


def patch(**own: Any) -> None:
    """``patch_all`` as the program's own settings say, where they say nothing as CELADON_OPTIONS does.

    ``CELADON_RESOLVER`` names the resolver if neither does. UsageError, one line, for what cannot be.
    """
    try:
        celadon.patch_all(**{**wishes(), **own})
    except (ValueError, TypeError, LookupError, RuntimeError) as error:
        raise UsageError(str(error)) from None


__all__ = ["VARIABLE", "UsageError", "patch", "wishes"]
