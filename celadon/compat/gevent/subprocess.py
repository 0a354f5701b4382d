"""The standard library's ``subprocess``, cooperatively, whether or not anything is patched."""

from __future__ import annotations

from celadon.compat.shaped import fill
from celadon.green import import_patched
from celadon.green.patching.hook import Extra
from celadon.green.subprocess import popen

_green = import_patched("subprocess")
for _name, _value in popen(_green).items():
    setattr(_green.Popen, _name, _value.value if isinstance(_value, Extra) else _value)
fill(globals(), "subprocess", _green)
