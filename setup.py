"""Only for the optional accelerator: without a C compiler the package installs and works without it."""

from setuptools import Extension, setup

setup(ext_modules=[Extension("celadon.hub.accel._arena", ["celadon/hub/accel/_arena.c"], optional=True)])
