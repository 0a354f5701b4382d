"""The standard library's ``selectors``, cooperatively, whether or not anything is patched."""

from celadon.compat.shaped import fill
from celadon.green import import_patched

fill(globals(), "selectors", import_patched("selectors"))

#: gevent's name.
GeventSelector = globals()["DefaultSelector"]
globals()["__all__"].append("GeventSelector")
