# SPDX-License-Identifier: MIT
"""Preparation of the solvated system of a run from a molecule or AMBER files.

`check_source` makes all checks of the input before the run folder exists.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from merrow.amber.coordinates import Coordinates
from merrow.amber.sections import readable
from merrow.amber.topology import AmberTopology, read_topology
from merrow.ambertools.molecule import InputMolecule, read_molecule
from merrow.ambertools.prepare import Charges, check_choice, parametrize
from merrow.ambertools.programs import find_program
from merrow.ambertools.solvent import n_waters_for, solvate
from merrow.engine.platforms import AUTO, chosen_platform
from merrow.engine.simulation import check_reference
from merrow.errors import InputError
from merrow.files import digest, is_file
from merrow.geometry import Quadruple
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import Protocol
from merrow.hydration.result import MoleculeInfo
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.state import PreparedInfo
from merrow.potentials.elements import symbol
from merrow.potentials.interface import Array, Molecule
from merrow.potentials.registry import located
from merrow.progress import Listener, Progress, silent
from merrow.system.box import box_vectors
from merrow.system.configuration import read_configuration
from merrow.system.internal import largest_distance
from merrow.system.lengths import check_lengths
from merrow.system.masses import region_masses
from merrow.system.pme import check_box
from merrow.system.region import Bonds, MLRegion, bonds_within, region_of, select_region
from merrow.system.torsions import has_saturated_ring, rotatable_torsions
from merrow.units import NM_PER_ANGSTROM


@dataclass(frozen=True)
class Prepared:
    """The system of a run.

    Attributes:
        topology: The solvated prmtop.
        region: The solute.
        positions: Positions of all atoms [Å], shape (N, 3).
        box: Box vectors [Å], shape (3, 3).
        masses: Masses of the solute's atoms [dalton], shape (n,).
        torsions: Rotatable torsions of the solute, by the indices of their atoms in it.
        puckers: Whether the solute has a saturated ring.
        info: Summary of the system.
    """

    topology: AmberTopology
    region: MLRegion
    positions: Array
    box: Array
    masses: Array
    torsions: tuple[Quadruple, ...]
    puckers: bool
    info: PreparedInfo

    @property
    def solute(self) -> Array:
        """Positions of the solute [Å], shape (n, 3)."""
        return self.positions[list(self.region.atoms)]

    @cached_property
    def bonds(self) -> Bonds:
        """The bonds of the solute."""
        return bonds_within(self.topology, self.region)


def check_source(
    config: HydrationConfig, base: Path, *, prepared: bool = False
) -> tuple[Molecule, tuple[str, ...] | None]:
    """Read and check the input without writing anything.

    Args:
        config: The run.
        base: Folder that relative paths refer to.
        prepared: Whether the system is built already, so that AmberTools is not needed.

    Returns:
        The solute, and the labels of its atoms where a prmtop gives them.

    Raises:
        InputError: The input cannot be read, does not fit together, or its box is too small.
        UnsupportedPhysicsError: The method cannot treat it.
        MissingComponentError: Its preparation needs AmberTools, which is not installed.
    """
    source = config.source
    if source.kind in ("smiles", "structure"):
        molecule = _molecule(source, base)
        if hill_formula(molecule.numbers) == "H2O":
            raise InputError(
                "the molecule is water, which cannot be distinguished from its solvent here; "
                "give a solvated prmtop and --ml-mask."
            )
        check_choice(molecule, charge_model(source), source.gaff)
        for program in () if prepared else ("antechamber", "parmchk2", "tleap"):
            find_program(program)
        return Molecule(molecule.numbers, molecule.charge), None
    topology = read_topology(base / str(source.prmtop))
    coordinates = read_configuration(base / str(source.inpcrd), topology)
    if source.kind == "gas":
        region = _solute(topology, source.ml_mask)
        if len(region.atoms) != len(topology):
            raise InputError(
                f"{topology.path.name} holds more than the solute; --solvate needs the gas-phase "
                "prmtop of one molecule."
            )
        if topology.has_box:
            raise InputError(
                f"{topology.path.name} already has a box; leave out --solvate, or give the "
                "gas-phase prmtop of one molecule."
            )
        check_lengths(coordinates.positions, topology, region, source=str(source.inpcrd))
        return region.molecule, region.labels
    if topology.has_box and coordinates.lengths is None:
        raise InputError(
            f"{Path(str(source.inpcrd)).name} has no box, but {topology.path.name} asks for one; "
            "give coordinates that end with their box."
        )
    if not topology.has_box:
        raise InputError(
            f"{topology.path.name} with {Path(str(source.inpcrd)).name} has no box; add "
            "`--solvate tip3p`, or give a solvated system."
        )
    region = _solute(topology, source.ml_mask)
    check_lengths(coordinates.positions, topology, region, source=str(source.inpcrd))
    _check_system_box(config, topology, region, coordinates)
    return region.molecule, region.labels


def _molecule(source: Source, base: Path) -> InputMolecule:
    if source.kind == "smiles":
        return read_molecule(source.smiles or "")
    return read_molecule(base / str(source.structure))


def resolve_config(config: HydrationConfig, base: Path, folder: RunFolder) -> HydrationConfig:
    """Return the self-contained configuration for run.yaml, with the choices of an existing run.

    Args:
        config: Requested configuration.
        base: Folder that its relative paths refer to.
        folder: Run folder; nothing is written.

    Raises:
        InputError: An input file is missing, or two have the same name.
    """
    sources = input_files(config.source, base)
    names = [path.name for path in sources.values()]
    sha = hashlib.sha256()
    for key, path in sources.items():
        if not is_file(path):
            raise InputError(f"there is no file {path} ({key}); correct the path.")
        if names.count(path.name) > 1:
            raise InputError(f"prmtop and inpcrd are both named {path.name}; rename one of them.")
        sha.update(path.read_bytes())
    changes = {key: f"{folder.inputs.name}/{path.name}" for key, path in sources.items()}
    if changes:
        changes["digest"] = sha.hexdigest()[:16]
    update: dict[str, object] = {"source": config.source.model_copy(update=changes)}
    update["potential"] = located(config.potential, base)
    if config.weights is not None:
        update["weights"] = str((base / config.weights).resolve())
    update["platform"] = _platform(config, folder)
    return folder.as_begun(config.model_copy(update=update))


def _platform(config: HydrationConfig, folder: RunFolder) -> str:
    """Return the platform: an existing run's, or for auto the one chosen on this machine."""
    if config.platform != AUTO:
        return config.platform
    begun = folder.config().platform if folder.run_file.is_file() else AUTO
    if begun == AUTO and config.mm_kernel == "native":
        return "CPU"  # where the kernel runs
    return chosen_platform(begun)


def begin_run(folder: RunFolder, resolved: HydrationConfig, source: Source, base: Path) -> None:
    """Write run.yaml and copy the input files beside it.

    Args:
        folder: The run folder.
        resolved: Configuration from `resolve_config`.
        source: The molecule as requested.
        base: Folder that its relative paths refer to.
    """
    folder.save_config(resolved)
    for path in input_files(source, base).values():
        copy = folder.inputs / path.name
        if copy.resolve() != path.resolve():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def input_files(source: Source, base: Path) -> dict[str, Path]:
    """Return the files that a source names, by its keys."""
    values = {key: getattr(source, key) for key in ("structure", "prmtop", "inpcrd")}
    return {key: base / value for key, value in values.items() if value is not None}


def prepare_system(
    folder: RunFolder, config: HydrationConfig, listen: Listener = silent
) -> Prepared:
    """Return the solvated system of a run; it is built unless it is complete.

    Args:
        folder: The run folder.
        config: Configuration of its run.yaml.
        listen: Called with the current step.

    Raises:
        MerrowError: A program failed or the system cannot be built.
    """
    info, smiles, shift = folder.read(PreparedInfo), None, 0.0
    if info is None:
        smiles, shift = _make_solvated(folder, config, listen)
    else:
        check_unchanged(folder, info)
    topology = read_topology(folder.prmtop)
    coordinates = read_configuration(folder.inpcrd, topology)
    region = _solute(topology, config.source.ml_mask if config.source.kind == "solvated" else None)
    if info is None:
        _check_system_box(config, topology, region, coordinates)
        solute = region.molecule
        info = PreparedInfo(
            molecule=MoleculeInfo(
                smiles=smiles,
                formula=hill_formula(solute.numbers),
                charge=solute.charge,
                n_atoms=len(solute.numbers),
            ),
            n_waters=sum(bool(topology.is_water[m[0]]) for m in topology.molecules),
            charge_shift_e=shift,
            files={path.name: digest(path) for path in (folder.prmtop, folder.inpcrd)},
        )
        folder.save(info)
    return Prepared(
        topology,
        region,
        coordinates.positions,
        box_vectors(coordinates),
        region_masses(topology, region, config.protocol.solute_masses),
        rotatable_torsions(topology, region.atoms),
        has_saturated_ring(topology, region.atoms),
        info,
    )


def check_unchanged(folder: RunFolder, info: PreparedInfo) -> None:
    """Verify the checksums of the files of the system.

    Raises:
        InputError: A file is damaged.
    """
    for path in (folder.prmtop, folder.inpcrd):
        if path.name in info.files and digest(path) != info.files[path.name]:
            raise InputError(
                f"{path} is damaged: it is not the file that this run was begun with; restore it, "
                "or begin again in another --out."
            )


def _make_solvated(
    folder: RunFolder, config: HydrationConfig, listen: Listener
) -> tuple[str | None, float]:
    """Write prmtop and inpcrd of the solvated system; return SMILES and charge shift [e]."""
    folder.system.mkdir(parents=True, exist_ok=True)
    source, smiles, shift = config.source, None, 0.0
    if source.kind in ("smiles", "structure"):
        molecule = _molecule(source, folder.path)
        model = charge_model(source)
        listen(Progress("preparing: charges and parameters", known=False))
        files = parametrize(molecule, charges=model, gaff=source.gaff, folder=folder.system)
        smiles, shift = molecule.smiles, files.charge_shift
        gas = (files.prmtop, files.inpcrd)
    else:
        gas = (folder.path / str(source.prmtop), folder.path / str(source.inpcrd))
    if source.kind == "solvated":
        for path, copy in zip(gas, (folder.prmtop, folder.inpcrd), strict=True):
            shutil.copyfile(path, copy)
    else:
        topology = read_topology(gas[0])
        positions = read_configuration(gas[1], topology).positions
        listen(Progress("preparing: water box", known=False))
        waters = waters_needed(config.protocol, positions, topology.numbers)
        with readable(gas[0]) as plain:
            solvate(plain, gas[1], folder=folder.system, n_waters=waters)
    return smiles, shift


def waters_needed(protocol: Protocol, positions: Array, numbers: tuple[int, ...]) -> int:
    """Return the protocol's number of waters, or more if cutoff or solute need a larger box."""
    extent = largest_distance(positions, numbers)
    margin = 1.012  # box lengths fluctuate by about 1 % under the barostat
    width = margin * max(2 * protocol.cutoff_angstrom + 3.5, extent + 20.0)
    heavy = sum(z > 1 for z in numbers)
    return max(protocol.n_waters, n_waters_for(width, heavy))


def charge_model(source: Source) -> Charges:
    """Return the charge model for a molecule that merrow parametrises."""
    if source.charges == "prmtop":
        raise InputError("charges of a prmtop belong to a source with a prmtop; use bcc or abcg2.")
    return source.charges


def hill_formula(numbers: tuple[int, ...]) -> str:
    """Return the molecular formula in Hill order."""
    count = Counter(symbol(z) for z in numbers)
    first = [s for s in ("C", "H") if s in count] if "C" in count else []
    rest = sorted(s for s in count if s not in first)
    return "".join(f"{s}{count[s] if count[s] > 1 else ''}" for s in (*first, *rest))


def _solute(topology: AmberTopology, mask: str | None) -> MLRegion:
    if mask is not None:
        return select_region(topology, mask)
    solutes = [m for m in topology.molecules if len(m) > 1 and not topology.is_water[m[0]]]
    if len(solutes) != 1:
        raise InputError(
            f"{topology.path.name} has {len(solutes)} molecules besides water and ions; "
            "say which one is the solute with --ml-mask."
        )
    return region_of(topology, solutes[0], name="the solute")


def _check_system_box(
    config: HydrationConfig, topology: AmberTopology, region: MLRegion, coordinates: Coordinates
) -> None:
    vectors = box_vectors(coordinates) * NM_PER_ANGSTROM
    cutoff = config.protocol.cutoff_angstrom * NM_PER_ANGSTROM
    solute = coordinates.positions[list(region.atoms)] * NM_PER_ANGSTROM
    extent = largest_distance(solute, region.molecule.numbers)
    check_box(vectors, cutoff, extent, source=topology.path.name)
    check_reference(config.working_platform, vectors, cutoff)
