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
    assert again.digest() == ANI_MODELS[name].digest
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
def test_neurochem_files_give_the_digest_of_the_state_dict(
    parameters_of, models_folder, tmp_path, name
):
    # The published text files of constants and self energies (float64, as in the wheel of
    # torchani 2.0), and the networks in NeuroChem's raw layout.
    path = tmp_path / "some.whl"
    write_neurochem(path, parameters_of(name), models_folder)
    assert read_ani(path, ANI_MODELS[name]).digest() == ANI_MODELS[name].digest


def write_neurochem(path: Path, parameters: AniParameters, models_folder: Path) -> None:
    folder = ANI_MODELS[parameters.name].wheel_folder
    root = f"torchani/resources/{folder}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{root}.info", f"{folder}/c.params\n{folder}/s.dat\n{folder}/train\n8\n")
        archive.write(models_folder / f"aev_{parameters.name}.params", f"{root}/c.params")
        archive.write(models_folder / f"sae_{parameters.name}.dat", f"{root}/s.dat")
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
