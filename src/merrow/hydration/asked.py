# SPDX-License-Identifier: MIT
"""Settings of a hydration run from the arguments of the command line or of Python."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from merrow.amber.sections import is_prmtop
from merrow.errors import InputError
from merrow.executor import core_count
from merrow.files import is_file
from merrow.hydration.config import HydrationConfig, usual_charges
from merrow.hydration.protocol import PROTOCOLS, Protocol, usual_repeats
from merrow.settings import hint, read_value

OPTIONS = {"target_stderr_kcal", "maximum_minutes"}
"""Settings that may change without renaming the protocol."""
OWN_OPTIONS = {"paper": {"cutoff_angstrom", "n_waters"}}
"""The same by protocol: box and cutoff of the published protocol are the user's choice. Its
route is not: the published sum needs states that were sampled with ML/MM."""
STRUCTURES = (".sdf", ".mol", ".mol2")
TOPOLOGIES = (".prmtop", ".parm7", ".prm7", ".parm", ".top")
"""File extensions of a missing prmtop; an existing one is recognised by its content."""
OF_GAS = {"gas_ps", "n_gas_ladders", "gas_temperatures", "gas_reservoir"}
"""Settings of the gas phase."""
PAPER_ROUTES = {"R1": "direct", "R2": "endpoint"}
"""Aliases of the routes on the command line."""
EXPT_KEYS = ("expt_kcal", "expt_stderr_kcal")
"""Settings set by `--expt`: an experimental value and its error."""
MINUTES = {"": 1.0, "s": 1 / 60, "m": 1.0, "min": 1.0, "h": 60.0, "d": 1440.0}
"""Minutes in each time unit of --max-time."""


def hydration_config(
    source: str | Path,
    inpcrd: str | Path | None = None,
    *,
    out: str | Path,
    potential: str = "ani2x",
    weights: str | Path | None = None,
    protocol: str = "quick",
    settings: list[str] | Mapping[str, object] | None = None,
    route: str | None = None,
    ml_mask: str | None = None,
    solvate: str | None = None,
    charges: str | None = None,
    gaff: int | None = None,
    target_stderr: float | None = None,
    max_time: str | float | None = None,
    mm_reference: bool = False,
    both_routes: bool = False,
    seed: int = 2025,
    repeats: int | None = None,
    processes: int | None = None,
    platform: str = "auto",
    continue_on: str | None = None,
    mm_kernel: str = "auto",
    engine: str = "auto",
    expt: str | float | None = None,
    name: str | None = None,
    where: str = "the command line",
) -> HydrationConfig:
    """Return the settings of a run; the arguments are the options of `merrow hydration`.

    Args:
        source: SMILES, an SDF or mol2 file, or a prmtop with `inpcrd`.
        out: Run folder; an existing run keeps its number of repeats.
        where: Name of the arguments in messages.

    Raises:
        InputError: The arguments do not fit together.
    """
    route = route or ("direct" if both_routes else None)  # the headline when both are sampled
    limits = {"target_stderr_kcal": target_stderr, "maximum_minutes": minutes_of(max_time)}
    overrides = overrides_of(settings, route=route, **limits)
    kind = source_of(str(source), inpcrd, ml_mask, solvate, charges, gaff)
    return HydrationConfig.checked(
        {
            "source": kind,
            "potential": potential,
            "weights": None if weights is None else str(Path(weights).resolve()),
            "protocol": protocol_for(kind, protocol, overrides, potential, both_routes=both_routes),
            "mm_reference": mm_reference,
            "both_routes": both_routes,
            "seed": seed,
            "repeats": repeats_of(protocol, Path(out)) if repeats is None else repeats,
            **{"processes": processes, "platform": platform, "continue_on": continue_on},
            **{"mm_kernel": mm_kernel, "engine": engine},
            **measured(expt, str(source)),
            "name": name,
        },
        source=where,
    )


def source_of(
    source: str,
    inpcrd: str | Path | None,
    ml_mask: str | None,
    solvate: str | None,
    charges: str | None,
    gaff: int | None,
) -> dict[str, Any]:
    """Return the keys of a `Source`: a SMILES, a structure, or AMBER files.

    Raises:
        InputError: An option does not apply to this kind of source.
    """
    suffix = Path(source).suffix.lower()
    if suffix in TOPOLOGIES or is_prmtop(Path(source)):
        if inpcrd is None:
            raise InputError(
                f"{source} needs its coordinates: merrow hydration {source} lig.inpcrd."
            )
        if charges is not None:
            raise InputError("--charges has no meaning for a prmtop, which brings its own.")
        if gaff is not None:
            raise InputError("--gaff has no meaning for a prmtop, which brings its parameters.")
        if solvate not in (None, "tip3p"):
            raise InputError(f"--solvate {solvate!r} is not available; use tip3p.")
        return {
            "kind": "solvated" if solvate is None else "gas",
            "prmtop": source,
            "inpcrd": str(inpcrd),
            "ml_mask": ml_mask,
            "charges": "prmtop",
        }
    for name, value in (("inpcrd", inpcrd), ("--ml-mask", ml_mask), ("--solvate", solvate)):
        if value is not None:
            raise InputError(f"{name} belongs to a prmtop, but {source!r} is none.")
    gaff = 2 if gaff is None else gaff
    if suffix in STRUCTURES:
        return {"kind": "structure", "structure": source, "charges": charges, "gaff": gaff}
    return {"kind": "smiles", "smiles": source, "charges": charges, "gaff": gaff}


def protocol_for(
    source: Mapping[str, Any],
    name: str,
    changes: dict[str, Any],
    potential: str,
    *,
    both_routes: bool = False,
) -> dict[str, Any]:
    """Return what `protocol_of` does, unless a change does nothing, or changes default charges.

    Args:
        source: Keys of a `Source`.
        name, changes, potential: As for `protocol_of`.
        both_routes: Whether the endpoint route is sampled beside the direct one.

    Raises:
        InputError: There is no such protocol, the charges must be named, or a change has no
            meaning for this source.
    """
    if source.get("kind") == "solvated" and "n_waters" in changes:
        raise InputError(
            "--set n_waters has no meaning for a solvated prmtop, which brings its waters; leave "
            "it out."
        )
    protocol = protocol_of(name, changes, potential)
    if "endstate_water_ps" in changes and protocol["route"] == "direct" and not both_routes:
        raise InputError(
            "--set endstate_water_ps has no meaning for the direct route, which samples ML/MM in "
            "every state; leave it out."
        )
    if protocol["solute_constraints"] != "none" and (idle := OF_GAS & set(changes)):
        raise InputError(
            f"--set {min(idle)} has no meaning with solute_constraints="
            f"{protocol['solute_constraints']}, where no gas phase is sampled; leave it out."
        )
    if source.get("charges") is not None:
        return protocol
    theirs, ours = (usual_charges(source, one) for one in (name, str(protocol["name"])))
    if theirs != ours:
        raise InputError(
            f"with these settings it is no longer the protocol {name}, whose charges are {theirs}, "
            f"but one of your own, whose charges would be {ours} and whose main result is the "
            f"exact value: add --charges {theirs} or --charges {ours}."
        )
    return protocol


def measured(expt: str | float | None, source: str) -> dict[str, float | None]:
    """Return the experimental value and its error [kcal/mol] from `--expt`.

    Raises:
        InputError: It is neither a value nor a table that holds the molecule.
    """
    if expt is None:
        return {}
    expt = str(expt)
    from merrow.ambertools.molecule import read_molecule  # noqa: PLC0415
    from merrow.hydration.measured import read_expt, value_in_table  # noqa: PLC0415

    if not is_file(Path(expt)):
        return dict(zip(EXPT_KEYS, read_expt(expt), strict=True))
    bare = is_prmtop(Path(source))  # it gives atoms and bonds, but no SMILES
    found = value_in_table(Path(expt), None if bare else read_molecule(source).smiles)
    return dict(zip(EXPT_KEYS, (found.value_kcal, found.stderr_kcal), strict=True))


def repeats_of(protocol: str, out: Path) -> int:
    """Return the number of repeats of an existing run, or of a new one of this protocol."""
    from merrow.hydration.run_folder import RunFolder  # noqa: PLC0415

    folder = RunFolder(out)
    if folder.run_file.is_file():
        return folder.config().repeats
    return usual_repeats(protocol, core_count())


def minutes_of(text: str | float | None) -> float | None:
    """Return a time such as 90, "90", "45m" or "12h" in minutes.

    Raises:
        InputError: It is not a time above zero.
    """
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]*\.?[0-9]+) *([a-z]*)", str(text).strip().lower())
    if found is None or found[2] not in MINUTES or float(found[1]) <= 0.0:
        raise InputError(
            f"--max-time {text!r} is not a time; give minutes above zero, or such as "
            "45m, 12h or 2d."
        )
    return float(found[1]) * MINUTES[found[2]]


def overrides_of(
    settings: list[str] | Mapping[str, object] | None, **named: object
) -> dict[str, Any]:
    """Return the changed protocol settings from `--set` and from named options.

    Args:
        settings: "key=value" texts, as for `--set`, or values by key.
        named: Values of named options; None if not given.

    Raises:
        InputError: There is no such setting, or its value cannot be read.
    """
    changes: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    given = settings.items() if isinstance(settings, Mapping) else map(_pair, settings or [])
    for key, value in given:
        if key not in Protocol.model_fields or key == "name":
            known = ", ".join(k for k in Protocol.model_fields if k != "name")
            near = hint(key, Protocol.model_fields)
            raise InputError(f"--set {key}: there is no such setting: {near}known are {known}.")
        if key in changes:
            raise InputError(f"{key} is given twice; keep one of them.")
        changes[key] = value
    if isinstance(route := changes.get("route"), str):
        changes["route"] = PAPER_ROUTES.get(route, route)
    return changes


def _pair(text: str) -> tuple[str, object]:
    """Return key and value of "key=value"."""
    key, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"--set {text!r} is not of the form key=value.")
    try:
        return key, read_value(value)
    except InputError as error:
        raise InputError(f"--set {text!r}: {error}") from error


def protocol_of(name: str, changes: dict[str, Any], potential: str) -> dict[str, Any]:
    """Return a protocol with changed settings, as data for validation.

    Args:
        name: A key of `PROTOCOLS`.
        changes: Changed settings.
        potential: Name of the potential.

    Raises:
        InputError: There is no such protocol.
    """
    if name not in PROTOCOLS:
        raise InputError(f"there is no protocol {name!r}; choose one of {', '.join(PROTOCOLS)}.")
    protocol = PROTOCOLS[name]
    if potential == "mm" and "route" not in changes:
        changes = {"route": "direct", **changes}  # MM has only this route
    data = protocol.model_dump(mode="json") | changes
    if changes.get("maximum_minutes") is not None:
        data["firm_limit"] = True
    same_route = changes.get("route") == protocol.route
    free = OPTIONS | OWN_OPTIONS.get(name, {"route"}) | ({"route"} if same_route else set())
    if set(changes) - free:
        data["name"] = "custom"
        if "headline" not in changes:
            data["headline"] = "exact"  # the published sum comes first only under paper
    return data
