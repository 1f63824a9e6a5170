"""A wheel that carries the C library is for the system that the library is for; without it, for every one."""

import pathlib

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel

FOLDER = pathlib.Path(__file__).parent / "src" / "hart_native"
CARRIED = [file for pattern in ("*.so", "*.dll", "*.dylib") for file in FOLDER.glob(pattern)]


class Wheel(bdist_wheel):
    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = not CARRIED

    def get_tag(self):
        # Any Python 3, because ctypes loads the library.
        return ("py3", "none", super().get_tag()[2] if CARRIED else "any")


setup(cmdclass={"bdist_wheel": Wheel})
