# SPDX-License-Identifier: MIT
"""Does what a refusal of a potential or of its file recommends help?

Each row: what is refused, what the message recommends, and the same done.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from helped import helped
from merrow.cli.models import check_models
from merrow.potentials import Molecule, load_potential
from merrow.potentials.aimnet2.files import _same, member_files
from merrow.potentials.ani.models import ANI_MODELS
from merrow.potentials.ani.native_engine import _check
from merrow.potentials.ani.weights import weights_of
from merrow.potentials.device import device_name
from merrow.potentials.mace.files import _refuse_other_kinds, read_mace
from merrow.potentials.mace.network import _head
from merrow.potentials.mace.weights import MACE_WEIGHTS, file_of
from merrow.potentials.registry import capabilities, check_molecule
from merrow.potentials.weights import cache_folder
from stand_ins import random_ani

TINY_MACE = Path(__file__).resolve().parents[2] / "data" / "tiny_mace.model"
WATER = Molecule((8, 1, 1))
GEOMETRY = np.array([[[0.0, 0.0, 0.12], [0.0, 0.76, -0.48], [0.0, -0.77, -0.45]]])
HYDROXIDE = Molecule((8, 1), charge=-1)
TINY = "tiny-ani"
HERE: dict[str, Path] = {}
"""The folder of weights, while a test runs."""
CALCULATOR = """
from ase.calculators.lj import LennardJones

{elements}
CHARGED = True

class Uphill(LennardJones):
    def get_forces(self, atoms):
        return -super().get_forces(atoms)

def {maker}(numbers, charge, multiplicity):
    {body}
"""


def of(name):
    """Return a way to name a file of weights."""
    return lambda: HERE["weights"] / name


GOOD, OTHER = of("ani1ccx_state_dict.pt"), of("ani1x_state_dict.pt")


class Springs(torch.nn.Module):
    """Takes positions and numbers."""

    def forward(self, positions: Tensor, numbers: Tensor) -> Tensor:
        """Return an energy."""
        return (positions**2).sum()


class Uphill(torch.nn.Module):
    """Also returns the slope, where forces are asked for."""

    def forward(self, positions: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Return an energy and wrong forces."""
        return (positions**2).sum(), 2 * positions


class Downhill(torch.nn.Module):
    """Also returns the forces."""

    def forward(self, positions: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Return an energy and its forces."""
        return (positions**2).sum(), -2 * positions


class Silent(torch.nn.Module):
    """Exports another function than forward."""

    @torch.jit.export
    def other(self, positions: Tensor) -> Tensor:
        """Return something."""
        return positions


class Strange(torch.nn.Module):
    """Takes something else."""

    def forward(self, x: Tensor, steps: int) -> Tensor:
        """Return something."""
        return x * steps


def loaded(name, molecule=WATER, **asked):
    """Return a way to load a potential and to ask it."""

    def load():
        given = {key: value() if callable(value) else value for key, value in asked.items()}
        found = load_potential(name, molecule, **given)
        return found.evaluate(GEOMETRY[:, : len(molecule.numbers)])

    return load


def script(module, **asked):
    """Return a way to write a module as TorchScript and to load it."""

    def load():
        torch.jit.script(module).save("m.pt")
        return loaded("torchscript:m.pt", **asked)()

    return load


def pickled():
    """Load a module that was saved as a pickle."""
    torch.save(Springs(), "pickled.pt")
    return loaded("torchscript:pickled.pt")()


def calculator(
    elements="ELEMENTS = ('H', 8)", maker="make_calculator", body="return LennardJones()"
):
    """Return a way to write a file with a calculator and to load it."""

    def load():
        text = CALCULATOR.format(elements=elements, maker=maker, body=body)
        path = Path(f"c{abs(hash(text))}.py")
        path.write_text(text)
        return loaded(f"ase:{path}")()

    return load


def on_device(name):
    """Return a way to ask which device is meant."""

    def ask():
        os.environ.pop("MERROW_DEVICE", None)
        if name:
            os.environ["MERROW_DEVICE"] = name
        return device_name()

    return ask


def in_folder(folder):
    """Return a way to look for weights with MERROW_MODELS set to a folder, or without it."""

    def look():
        os.environ.pop("MERROW_MODELS", None)
        if folder:
            place = folder["weights"] if folder is HERE else folder
            os.environ["MERROW_MODELS"] = str(place)
        return weights_of(ANI_MODELS["ani1ccx"]).find()

    return look


def in_cache(folder):
    """Return a way to look for the cache of a user without a home folder."""

    def look():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "home", homeless)
            patch.delenv("XDG_CACHE_HOME")
            if folder:
                patch.setenv("XDG_CACHE_HOME", folder)
            return cache_folder()

    return look


def homeless():
    """Raise what Path.home raises."""
    raise RuntimeError("Could not determine home directory.")


class Foreign:
    """Stands for the record of a MACE of some kind, which asks for charge and spin."""

    def __init__(self, kind):
        self.kind, self.state = kind, {"_modules": {}}

    def __getitem__(self, path):
        return self

    def get(self, name):
        """Return what makes it ask for charge and spin."""
        return name


def another_kind(kind):
    """Return a way to read a MACE of another kind."""
    return lambda: _refuse_other_kinds(Path("m.model"), Foreign(kind))


def checked(folder):
    """Return a way to check all weights with MERROW_MODELS set to a folder, or without it."""

    def check():
        in_folder(folder)()
        return check_models()

    return check


def kernel(numbers=(8, 1, 1), **changes):
    """Return a way to ask whether the compiled kernel can hold a model."""
    return lambda: _check(replace(random_ani("ani1x"), **changes), numbers)


def without_kernel():
    """Compute without the kernel, MERROW_NATIVE=0."""
    os.environ["MERROW_NATIVE"] = "0"
    return loaded("ani1ccx", weights=GOOD)()


def folders(full):
    """Return a way to list the files of an ensemble in a folder that is full or empty."""

    def listed():
        Path("folder").mkdir(exist_ok=True)
        if full:
            torch.jit.script(Springs()).save("folder/m.pt")
        return member_files(Path("folder"))

    return listed


def torn():
    """Return a file of weights that was cut."""
    Path("torn.pt").write_bytes(GOOD().read_bytes()[:1000])
    return Path("torn.pt")


def elsewhere(given=None):
    """Load weights that cannot be fetched, from a file if one is given."""
    nowhere = replace(ANI_MODELS["ani1ccx"], urls=("http://127.0.0.1:9/x",))
    return weights_of(nowhere).load(None if given is None else given())


SOUND = loaded("ani1ccx", weights=GOOD)
ANI2X = loaded("ani2x", weights=of("ani2x_state_dict.pt"))
SPRINGS, PLAIN = script(Springs()), calculator()
MACE = loaded(f"mace:{TINY_MACE}")
ROWS = [
    (
        folders(full=False),
        "correct the path",
        folders(full=True),
    ),
    (
        lambda: _same("aev", 1, 2),
        "use `--potential ase:FILE.py` with",
        PLAIN,
    ),
    (loaded("ani1ccx", weights=torn), "); give another file, or, if this one is in", SOUND),
    (loaded("ani1ccx", weights=torn), "in your cache, remove it and run `merrow", SOUND),
    (loaded("ani1ccx", weights=OTHER), "give another file", SOUND),
    (
        lambda: MACE_WEIGHTS["mace-off23-small"].load(TINY_MACE),
        "use it under its own name with --potential mace:",
        MACE,
    ),
    (elsewhere, "set MERROW_MODELS to a folder with", in_folder(HERE)),
    (elsewhere, "or give the file with --weights", lambda: elsewhere(GOOD)),
    (in_folder("lost"), "which is not a folder; correct", in_folder(HERE)),
    (in_folder("lost"), "or unset it", in_folder(None)),
    (kernel(()), "name at least one", kernel()),
    (kernel(radial_shifts=np.zeros(7)), "set MERROW_NATIVE=0", without_kernel),
    (calculator("ELEMENTS = ('Hx',)"), "write 'C' or 6", calculator("ELEMENTS = ('O', 1)")),
    (calculator(maker="maker"), "calculator of ASE; add it", PLAIN),
    (calculator(body="return 1/"), "correct it", PLAIN),
    (calculator(body="return 1/0"), "write a file with a function", PLAIN),
    (loaded("ase:lost.py"), "correct the path", PLAIN),
    (loaded("ase:lost"), "write one of them", PLAIN),
    (
        on_device("mps"),
        "it has no float64, in which energies are summed; use cpu",
        on_device("cpu"),
    ),
    (on_device("gpu9"), "use cpu, cuda or cuda:N", on_device("cpu")),
    (on_device("gpu9"), "or unset it", on_device("")),
    (on_device("cuda:99"), "or unset the variable to use", on_device("")),
    (lambda: read_mace(Path("lost")), "give the path of a .model file", MACE),
    (lambda: read_mace(GOOD()), "give a .model file that mace-torch has saved", MACE),
    (
        another_kind("AtomicDipolesMACE"),
        "ScaleShiftMACE; choose another MACE model",
        MACE,
    ),
    (another_kind("MACE"), "hand over; choose another MACE model", MACE),
    (
        another_kind("MACE"),
        "or AIMNet2 for charged molecules",
        lambda: check_molecule(capabilities("aimnet2"), HYDROXIDE),
    ),
    (lambda: _head(["a", "b"]), "give a model with one head", lambda: _head(["a"])),
    (lambda: file_of("mace:"), "write mace:FILE with the path", MACE),
    (loaded(f"mace:{TINY_MACE}", weights=TINY_MACE), f"leave --weights {TINY_MACE} out", MACE),
    (loaded("openmmml:mace", weights=TINY_MACE), "write mace:FILE, which reads", MACE),
    (loaded("qm:hf/sto-3g", weights=GOOD), "leave out --weights", loaded("qm:hf/sto-3g")),
    (loaded("qm:hf"), "write for example qm:", loaded("qm:wb97x/sto-3g")),
    (loaded("qm:nix/sto-3g"), "write hf", loaded("qm:hf/sto-3g")),
    (loaded("qm:nix/sto-3g"), "or a functional such as wb97x", loaded("qm:wb97x/sto-3g")),
    (
        loaded("qm:wb97m-v/sto-3g"),
        "use a functional without it, such as wb97x",
        loaded("qm:wb97x/sto-3g"),
    ),
    (
        loaded("qm:wb97x-d/sto-3g"),
        "without its dispersion; use another functional",
        loaded("qm:wb97x/sto-3g"),
    ),
    (
        loaded("qm:wb97x-d3/sto-3g"),
        "cannot compute wb97x-d3; use another functional",
        loaded("qm:wb97x/sto-3g"),
    ),
    (checked(None), "or set MERROW_MODELS to a folder", checked(HERE)),
    (loaded("qm:hf/nix"), "choose another, such as 6-31g* or def2-svp", loaded("qm:hf/6-31g*")),
    (
        loaded("qm:lda/sto-3g"),
        "write both parts, such as lda,vwn, or another functional",
        loaded("qm:lda,vwn/sto-3g"),
    ),
    (
        loaded("qm:hf/6-31g(2df,p)"),
        "PySCF does not combine; choose another, such as def2-svp",
        loaded("qm:hf/def2-svp"),
    ),
    (loaded("ani3x"), "did you mean ani2x?", ANI2X),
    (loaded("mm"), "here, name a model of `merrow models list`", ANI2X),
    (loaded("zzz"), "choose one of ani1x", loaded("ani1x", weights=OTHER)),
    (
        loaded("ani1x", precision="half"),
        "precision 'half' is unknown; use float32",
        loaded("ani1x", weights=OTHER, precision="float32"),
    ),
    (loaded(TINY, HYDROXIDE), "use --potential aimnet2 or ", loaded("xtb:gfn2", HYDROXIDE)),
    (
        loaded("ani2x", Molecule((92, 92))),
        "no potential here does, so choose another molecule",
        ANI2X,
    ),
    (loaded("torchscript:lost.pt"), "correct the path", SPRINGS),
    (script(Silent()), "which is what is called; export it", SPRINGS),
    (script(Strange()), "wrap it in one of them", SPRINGS),
    (script(Uphill()), "correct them, or return an energy alone", SPRINGS),
    (script(Uphill()), "correct them, or return", script(Downhill())),
    (
        calculator(body="return Uphill()"),
        "correct it, or use another calculator",
        calculator(),
    ),
    (script(Springs(), weights=GOOD), "leave out --weights", SPRINGS),
    (pickled, "write it with torch.jit.save", SPRINGS),
    (loaded("xtb:gfn2", weights=GOOD), "leave out --weights", loaded("xtb:gfn2")),
    (in_cache(None), "set XDG_CACHE_HOME to a folder", in_cache("cache")),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_what_is_recommended_is_taken(row, ani_weights, tmp_path, monkeypatch):
    for variable in ("MERROW_MODELS", "MERROW_DEVICE", "MERROW_NATIVE"):
        monkeypatch.setenv(variable, "1")  # so that it is as it was after the test
        monkeypatch.delenv(variable)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(HERE, "weights", ani_weights)
    helped(*row)
