# SPDX-License-Identifier: MIT
"""How is the native kernel built? Where a C++ compiler is; where none is, the package goes without.

Everything else about the package stands in pyproject.toml.
"""

from __future__ import annotations

import os
import platform

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

X86 = platform.machine().lower() in {"x86_64", "amd64"}
KERNEL = "native/ani_kernel.cpp"
LIBRARY = "native/ani_library.cpp"
FLAGS = ["-std=c++17", "-O3", "-g0", "-fvisibility=hidden", "-Wno-psabi"]

# The kernel is compiled once for each instruction set and chooses at run time. No -march=native: a
# wheel or a shared file system may serve another machine. No -ffast-math: a NaN must stay a NaN.
INSTRUCTION_SETS: dict[str, list[str]] = {"baseline": ["-DMLMM_LANES=4"]}
if X86:
    INSTRUCTION_SETS["avx2"] = ["-DMLMM_LANES=8", "-mavx2", "-mfma"]
    INSTRUCTION_SETS["avx512"] = [
        "-DMLMM_LANES=16",
        *("-mavx2", "-mfma", "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl"),
    ]


class BuildKernel(build_ext):
    """Compile one source several times, which an Extension alone cannot say."""

    def build_extension(self, ext: Extension) -> None:
        """Compile the kernel for every instruction set, then link all of it into one library."""
        if self.compiler.compiler_type != "unix":
            raise_unsupported(self.compiler.compiler_type)
        objects = []
        for isa, flags in INSTRUCTION_SETS.items():
            objects += self.compiler.compile(
                [KERNEL],
                output_dir=os.path.join(self.build_temp, isa),
                extra_postargs=[*FLAGS, f"-DMLMM_ISA={isa}", *flags],
                depends=ext.depends,
            )
        objects += self.compiler.compile(
            [LIBRARY],
            output_dir=self.build_temp,
            extra_postargs=[*FLAGS, *(["-DMLMM_X86"] if X86 else [])],
            depends=ext.depends,
        )
        target = self.get_ext_fullpath(ext.name)
        self.compiler.link_shared_object(objects, target, target_lang="c++")


def raise_unsupported(compiler: str) -> None:
    """Tell setuptools that this (optional) extension cannot be built here."""
    from distutils.errors import CompileError  # noqa: PLC0415  (setuptools' own, any Python)

    raise CompileError(f"the native kernel is written for GCC and Clang, not for {compiler!r}")


setup(
    cmdclass={"build_ext": BuildKernel},
    ext_modules=[
        Extension(
            "mlmm.potentials._ani_kernel",
            sources=[KERNEL, LIBRARY],
            depends=["native/ani_model.hpp"],
            language="c++",
            optional=True,
            py_limited_api=True,  # it does not touch Python at all: one wheel for every version
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
