"""The standard library's ``select``, cooperatively, whether or not anything is patched."""

from celadon.compat.shaped import fill
from celadon.green import import_patched

fill(globals(), "select", import_patched("select"))
