# SPDX-License-Identifier: MIT
"""Reading and writing of ANI model files as tensors, without executing code.

Two sources have the same parameters: the state dicts that torchani >= 2.7 downloads, and the
NeuroChem files in the wheel of torchani 2.0, which is read as a zip archive.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import torch

from merrow.errors import InputError, first_line
from merrow.files import atomic_write
from merrow.potentials.ani.models import AniModel
from merrow.potentials.ani.parameters import AniParameters, Array, Array32, Layer
from merrow.potentials.elements import SYMBOLS, symbol

_AEV = "potentials.nnp.aev_computer"
_CONSTANTS = {
    "radial_eta": f"{_AEV}.radial.eta",
    "radial_shifts": f"{_AEV}.radial.shifts",
    "angular_eta": f"{_AEV}.angular.eta",
    "zeta": f"{_AEV}.angular.zeta",
    "angular_shifts": f"{_AEV}.angular.shifts",
    "sections": f"{_AEV}.angular.sections",
}
_SELF_ENERGIES = "energy_shifter.self_energies"


def read_ani(path: Path, model: AniModel) -> AniParameters:
    """Read the parameters from a state dict or the wheel of torchani 2.0.

    Args:
        path: A `.pt` state dict, or a `.whl`.
        model: The expected model.

    Raises:
        InputError: The file cannot be read as this model.
    """
    try:
        read = _read_wheel if path.suffix == ".whl" else _read_state_dict
        return read(path, model)
    except (pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise InputError(_unreadable(path, model, "it is damaged or of another kind")) from error
    except Exception as error:  # a damaged pickle may raise anything
        cause = f"{type(error).__name__}: {first_line(error)}"
        raise InputError(_unreadable(path, model, cause[:120])) from error


def _unreadable(path: Path, model: AniModel, cause: str) -> str:
    return (
        f"the weights file {path} cannot be read as {model.name} ({cause}); "
        "give another file, or, if this one is in your cache, remove it and run "
        f"`merrow models get {model.name}`."
    )


def write_state_dict(path: Path, parameters: AniParameters) -> None:
    """Write parameters as a state dict with torchani's keys, atomically."""
    state = {"atomic_numbers": torch.tensor(parameters.elements)}
    state[_SELF_ENERGIES] = torch.from_numpy(parameters.self_energies.astype(np.float32))
    for field, key in _CONSTANTS.items():
        value = np.atleast_1d(getattr(parameters, field)).astype(np.float32)
        state[key] = torch.from_numpy(value)
    for number, layers in zip(parameters.elements, parameters.networks, strict=True):
        for depth, layer in enumerate(layers):
            for member in range(parameters.n_members):
                key = _layer_key(member, symbol(number), depth, len(layers))
                weight = np.ascontiguousarray(layer.weight[member].T)
                state[f"{key}.weight"] = torch.from_numpy(weight)
                state[f"{key}.bias"] = torch.from_numpy(layer.bias[member].copy())
    buffer = io.BytesIO()
    torch.save(state, buffer)
    atomic_write(path, buffer.getvalue())


def _layer_key(member: int, element: str, depth: int, n_layers: int) -> str:
    layer = "final_layer" if depth == n_layers - 1 else f"layers.{depth}"
    return f"potentials.nnp.neural_networks.members.{member}.atomics.{element}.{layer}"


def _read_state_dict(path: Path, model: AniModel) -> AniParameters:
    state = torch.load(path, weights_only=True, map_location="cpu")
    if not isinstance(state, dict):
        raise ValueError("it contains no state dict")

    def array(key: str) -> Array32:
        return np.asarray(state[key].detach().numpy(), dtype=np.float32)

    def layers(element: str) -> tuple[Layer, ...]:
        names = [k for k in state if f".members.0.atomics.{element}." in k and k.endswith("weight")]
        out = []
        for depth in range(len(names)):
            keys = [_layer_key(m, element, depth, len(names)) for m in range(model.ensemble_size)]
            weight = np.stack([array(f"{key}.weight").T for key in keys])
            out.append(Layer(weight, np.stack([array(f"{key}.bias") for key in keys])))
        return tuple(out)

    elements = tuple(int(number) for number in state["atomic_numbers"])
    constants = {field: _wide(array(key)) for field, key in _CONSTANTS.items()}
    return AniParameters(
        name=model.name,
        elements=elements,
        radial_cutoff=model.radial_cutoff,
        angular_cutoff=model.angular_cutoff,
        radial_eta=float(constants["radial_eta"][0]),
        radial_shifts=constants["radial_shifts"],
        angular_eta=float(constants["angular_eta"][0]),
        zeta=float(constants["zeta"][0]),
        angular_shifts=constants["angular_shifts"],
        sections=constants["sections"],
        networks=tuple(layers(symbol(number)) for number in elements),
        self_energies=_wide(array(_SELF_ENERGIES)),
    )


def _read_wheel(path: Path, model: AniModel) -> AniParameters:
    if model.wheel_folder is None:
        raise ValueError("the wheel of torchani 2.0 does not hold this model")
    folder = f"torchani/resources/{model.wheel_folder}"
    with zipfile.ZipFile(path) as archive:
        info = archive.read(f"{folder}.info").decode().split()
        constants = _constants(archive.read(f"torchani/resources/{info[0]}").decode())
        energies = _constants(archive.read(f"torchani/resources/{info[1]}").decode())
        names = [name.strip() for name in constants["Atyp"].strip("[]").split(",")]

        def layers(element: str) -> tuple[Layer, ...]:
            out = []
            stem = "networks/ANN-{}.nnf-l{}"
            for depth in range(4):
                files = [f"{folder}/train{m}/{stem}" for m in range(model.ensemble_size)]
                pairs = [_layer(archive, f.format(element, depth + 1)) for f in files]
                weights, biases = zip(*pairs, strict=True)
                out.append(Layer(np.stack(weights), np.stack(biases)))
            return tuple(out)

        networks = tuple(layers(name) for name in names)
    return AniParameters(
        name=model.name,
        elements=tuple(SYMBOLS.index(name) for name in names),
        radial_cutoff=float(constants["Rcr"]),
        angular_cutoff=float(constants["Rca"]),
        radial_eta=float(_floats(constants["EtaR"])[0]),
        radial_shifts=_floats(constants["ShfR"]),
        angular_eta=float(_floats(constants["EtaA"])[0]),
        zeta=float(_floats(constants["Zeta"])[0]),
        angular_shifts=_floats(constants["ShfA"]),
        sections=_floats(constants["ShfZ"]),
        networks=networks,
        self_energies=np.concatenate(
            [_floats(energies[f"{name},{k}"]) for k, name in enumerate(names)]
        ),
    )


def _layer(archive: zipfile.ZipFile, stem: str) -> tuple[Array32, Array32]:
    """Return weight (n_in, n_out) and bias (n_out,) of a NeuroChem layer in raw float32 files."""
    bias = np.frombuffer(archive.read(f"{stem}.bparam"), dtype="<f4")
    weight = np.frombuffer(archive.read(f"{stem}.wparam"), dtype="<f4")
    return weight.reshape(len(bias), -1).T, bias


def _constants(text: str) -> dict[str, str]:
    pairs = [line.split("=") for line in text.splitlines() if "=" in line]
    return {key.strip(): value.strip() for key, value in pairs}


def _floats(text: str) -> Array:
    """Return a list of numbers, rounded to float32 as in the state dicts."""
    return _wide(np.array([float(word) for word in text.strip("[]").split(",")], dtype=np.float32))


def _wide(values: Array32) -> Array:
    return values.astype(np.float64)
