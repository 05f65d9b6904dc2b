# SPDX-License-Identifier: MIT
"""Do all forms of the weights give the same numbers?"""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path

import numpy as np
import pytest

from merrow.errors import InputError, MerrowError
from merrow.potentials.ani.files import read_ani, write_state_dict
from merrow.potentials.ani.models import ANI_MODELS
from merrow.potentials.ani.parameters import AniParameters
from merrow.potentials.elements import symbol


@pytest.mark.parametrize("name", ANI_MODELS)
def test_a_written_state_dict_reads_back_as_the_same_model(parameters_of, tmp_path, name):
    path = tmp_path / "copy.pt"
    write_state_dict(path, parameters_of(name))
    again = read_ani(path, ANI_MODELS[name])
    assert again.digest() == parameters_of(name).digest()
    for field in dataclasses.fields(AniParameters):
        if field.name != "networks":
            np.testing.assert_array_equal(
                getattr(again, field.name), getattr(parameters_of(name), field.name)
            )


def test_a_failed_write_leaves_neither_file_nor_trace(parameters_of, tmp_path, monkeypatch):
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(MerrowError, match="the disk is full"):
        write_state_dict(tmp_path / "copy.pt", parameters_of("ani1x"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["ani1x", "ani1ccx"])
def test_neurochem_files_give_the_digest_of_the_state_dict(parameters_of, tmp_path, name):
    # Text files of constants and self energies as in the wheel of torchani 2.0, and the networks in
    # NeuroChem's raw layout.
    path = tmp_path / "some.whl"
    write_neurochem(path, parameters_of(name))
    assert read_ani(path, ANI_MODELS[name]).digest() == parameters_of(name).digest()


def constants_text(parameters: AniParameters) -> str:
    """Return the symmetry functions as the published files tell them, with eight digits."""

    def many(values) -> str:
        return "[" + ",".join(f"{value:.7e}" for value in np.atleast_1d(values)) + "]"

    return "\n".join([
        "TM = 1", f"Rcr = {parameters.radial_cutoff:.4e}", f"Rca = {parameters.angular_cutoff:.4e}",
        f"EtaR = {many(parameters.radial_eta)}", f"ShfR = {many(parameters.radial_shifts)}",
        f"Zeta = {many(parameters.zeta)}", f"ShfZ = {many(parameters.sections)}",
        f"EtaA = {many(parameters.angular_eta)}", f"ShfA = {many(parameters.angular_shifts)}",
        f"Atyp = [{','.join(map(symbol, parameters.elements))}]", "",
    ])  # fmt: skip


def write_neurochem(path: Path, parameters: AniParameters) -> None:
    energies = "\n".join(
        f"{symbol(number)},{k}={energy:.12f}"
        for k, (number, energy) in enumerate(
            zip(parameters.elements, parameters.self_energies, strict=True)
        )
    )
    folder = ANI_MODELS[parameters.name].wheel_folder
    root = f"torchani/resources/{folder}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{root}.info", f"{folder}/c.params\n{folder}/s.dat\n{folder}/train\n8\n")
        archive.writestr(f"{root}/c.params", constants_text(parameters))
        archive.writestr(f"{root}/s.dat", energies)
        for number, layers in zip(parameters.elements, parameters.networks, strict=True):
            for depth, layer in enumerate(layers):
                for member in range(8):
                    stem = f"{root}/train{member}/networks/ANN-{symbol(number)}.nnf-l{depth + 1}"
                    weight = np.ascontiguousarray(layer.weight[member].T)
                    archive.writestr(f"{stem}.wparam", weight.tobytes())
                    archive.writestr(f"{stem}.bparam", layer.bias[member].tobytes())


def test_ani2x_is_not_looked_for_in_the_wheel(tmp_path):
    with zipfile.ZipFile(tmp_path / "some.whl", "w"):
        pass
    with pytest.raises(InputError, match="does not hold this model"):
        read_ani(tmp_path / "some.whl", ANI_MODELS["ani2x"])
