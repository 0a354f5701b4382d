"""Only for the optional accelerators: without a C compiler the package installs and works without them."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(f"celadon.{name.replace('/', '.')}", [f"celadon/{name}.c"], optional=True)
        for name in ("hub/accel/_arena", "resolver/accel/_codec")
    ]
)
