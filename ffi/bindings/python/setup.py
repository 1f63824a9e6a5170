"""Wheels carry the C library, so each is for one system; without the library there is none.

The library is the file that HART_NATIVE_LIBRARY names, else what `cargo build --release -p hart-ffi` has made in the source tree. An
editable installation takes the latter when it is imported.
"""

import os
import pathlib
import shutil

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent
NAMES = {"linux": "libhart_native.so", "win": "hart_native.dll", "macosx": "libhart_native.dylib"}


def library(platform):
    """The library's file for a platform of wheels, such as manylinux_2_28_x86_64."""
    name = next((name for system, name in NAMES.items() if platform.replace("many", "").startswith(system)), None)
    if name is None:
        raise SystemExit(f"setup.py: the platform is {platform}; expected one of linux, manylinux, win, macosx")
    named = os.environ.get("HART_NATIVE_LIBRARY")
    if named:
        found = pathlib.Path(named).resolve()
    else:
        target = os.environ.get("CARGO_TARGET_DIR")
        # Where the sources lie elsewhere, as those of a source distribution do, there is no such folder.
        found = (pathlib.Path(target) if target else HERE.parents[2] / "target") / "release" / name
    if found.name != name or not found.is_file():
        raise SystemExit(
            f"setup.py: a wheel for {platform} needs the C library {name}, and {found} is no such file; build it with "
            "cargo build --release -p hart-ffi, or set HART_NATIVE_LIBRARY to its path"
        )
    return found


class Binary(Distribution):
    def has_ext_modules(self):
        # The library lies where code for one system belongs.
        return True


class Wheel(bdist_wheel):
    def get_tag(self):
        # Any Python 3, because ctypes loads the library.
        return "py3", "none", super().get_tag()[2]

    def run(self):
        self.get_finalized_command("build_py").carried = library(self.get_tag()[2])
        super().run()


class Package(build_py):
    carried = None

    def run(self):
        super().run()
        if self.carried is None or self.editable_mode:
            return
        folder = pathlib.Path(self.build_lib) / "hart_native"
        # What an earlier build for another system has left behind.
        for name in NAMES.values():
            (folder / name).unlink(missing_ok=True)
        shutil.copy(self.carried, folder)


# The licences stand at the root of the project; a source distribution has them here already.
for licence in HERE.parents[2].glob("LICENSE-*") if len(HERE.parents) > 2 else ():
    shutil.copy(licence, HERE)

setup(distclass=Binary, cmdclass={"bdist_wheel": Wheel, "build_py": Package})
