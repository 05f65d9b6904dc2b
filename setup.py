# SPDX-License-Identifier: MIT
"""Builds the native parts where a compiler is; where none is, the package goes without.

With MERROW_REQUIRE_NATIVE=1, as for every wheel that is handed on, a part that does not compile
ends the build. Everything else about the package stands in pyproject.toml.
"""

from __future__ import annotations

import os
import platform
import subprocess
from glob import glob

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

X86 = platform.machine().lower() in {"x86_64", "amd64"}
KERNELS = {
    "merrow.potentials.ani._ani_kernel": "ani",
    "merrow.nonbonded._nb_kernel": "nb",
    "merrow.nonbonded._loop_kernel": "loop",
}
# Each is native/NAME_kernel.cpp, compiled once for each instruction set, and NAME_library.cpp.
FLAGS = ["-std=c++17", "-O3", "-g0", "-fvisibility=hidden", "-Wno-psabi"]
CLIENT = "native/sander_client.c"
CLIENT_PROGRAM = "merrow/sander/sander-client"
REQUIRED = os.environ.get("MERROW_REQUIRE_NATIVE") == "1"

# The kernel is compiled once for each instruction set and chooses at run time. No -march=native: a
# wheel or a shared file system may serve another machine. No -ffast-math: a NaN must stay a NaN.
INSTRUCTION_SETS: dict[str, list[str]] = {"baseline": ["-DMERROW_LANES=4"]}
if X86:
    INSTRUCTION_SETS["avx2"] = ["-DMERROW_LANES=8", "-mavx2", "-mfma"]
    INSTRUCTION_SETS["avx512"] = [
        "-DMERROW_LANES=16",
        *("-mavx2", "-mfma", "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl"),
    ]


# GCC's usual order of instructions costs the nonbonded kernel 8 % with AVX-512; Clang knows no such
# flags.
SCHEDULED = ["-mtune=icelake-server", "-fschedule-insns", "-fsched-pressure"]


class BuildNative(build_ext):
    """Compile one source several times, and a program, which an Extension alone cannot say."""

    def run(self) -> None:
        """Compile the kernels, then the program that sander calls."""
        super().run()
        try:
            self.build_client()
        except Exception as error:  # distutils' own classes have moved between versions
            if REQUIRED:
                raise
            self.warn(f"the client for sander was not compiled: {error}")

    def build_extension(self, ext: Extension) -> None:
        """Compile one kernel."""
        if self.compiler.compiler_type != "unix":
            raise_unsupported(self.compiler.compiler_type)
        self.build_kernel(ext)

    def build_kernel(self, ext: Extension) -> None:
        """Compile the kernel for every instruction set, then link all of it into one library."""
        kernel, library = ext.sources
        objects = []
        for isa, flags in INSTRUCTION_SETS.items():
            scheduled = isa == "avx512" and KERNELS[ext.name] == "nb" and self.is_gcc()
            objects += self.compiler.compile(
                [kernel],
                output_dir=os.path.join(self.build_temp, isa),
                extra_postargs=[
                    *FLAGS,
                    f"-DMERROW_ISA={isa}",
                    *flags,
                    *(SCHEDULED if scheduled else []),
                ],
                depends=ext.depends,
            )
        objects += self.compiler.compile(
            [library],
            output_dir=self.build_temp,
            extra_postargs=[*FLAGS, *(["-DMERROW_X86"] if X86 else [])],
            depends=ext.depends,
        )
        target = self.get_ext_fullpath(ext.name)
        self.compiler.link_shared_object(objects, target, target_lang="c++")

    def is_gcc(self) -> bool:
        """Tell whether the compiler is GCC: Clang defines more than its macros."""
        command = [self.compiler.compiler_so[0], "-dM", "-E", "-x", "c", os.devnull]
        try:
            macros = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            return False
        return "__GNUC__" in macros and "__clang__" not in macros

    def build_client(self) -> None:
        """Compile the program that sander calls; static, if libc is here so, since it starts often.

        It is data of the package: Python never loads it.
        """
        objects = self.compiler.compile(
            [CLIENT], output_dir=self.build_temp, extra_postargs=["-O2", "-g0"]
        )
        target = self.client_path()
        self.mkpath(os.path.dirname(target))
        try:
            self.link_program(objects, target, ["-static", "-s"])
        except Exception:  # distutils' own class has moved between versions
            self.link_program(objects, target, ["-s"])

    def client_path(self) -> str:
        """Return where the program goes: to the sources if the installation is editable."""
        in_place = self.inplace or getattr(self, "editable_mode", False)
        return os.path.join("src" if in_place else self.build_lib, CLIENT_PROGRAM)

    def get_outputs(self) -> list[str]:
        """Return what was built."""
        built = [*super().get_outputs(), self.client_path()]
        return [path for path in built if os.path.exists(path)]

    def get_source_files(self) -> list[str]:
        """Return what belongs into the archive of sources."""
        return [*super().get_source_files(), CLIENT, *glob("native/*.hpp")]

    def link_program(self, objects: list[str], target: str, flags: list[str]) -> None:
        """Link a program; `link_executable` would add flags of shared libraries of Python."""
        self.spawn([*self.compiler.compiler[:1], *objects, "-o", target, *flags])


def raise_unsupported(compiler: str) -> None:
    """Tell setuptools that this (optional) extension cannot be built here."""
    from distutils.errors import CompileError  # noqa: PLC0415  (setuptools' own, any Python)

    raise CompileError(f"the native parts are written for GCC and Clang, not for {compiler!r}")


setup(
    cmdclass={"build_ext": BuildNative},
    ext_modules=[
        Extension(
            name,
            sources=[f"native/{stem}_kernel.cpp", f"native/{stem}_library.cpp"],
            depends=["native/library.hpp", *sorted(glob(f"native/{stem}_*.hpp"))],
            language="c++",
            optional=not REQUIRED,
            py_limited_api=True,  # it does not touch Python at all: one wheel for every version
        )
        for name, stem in KERNELS.items()
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
