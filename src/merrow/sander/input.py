# SPDX-License-Identifier: MIT
"""Reading a user's sander input, and rewriting it so that sander requests the ML energy.

Two dialects are read: `ifmlp=1` with `&mlp`, and `ifqnt=1` with `&qmmm qm_theory='EXTERN'`. Only
these namelists are changed; all other namelists, &wt, redirections and groups of restraints are
kept. Keys that sander would treat wrongly in this mode are refused.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from merrow.ambertools.masks import number_list
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.mdin.keys import TABLES
from merrow.mdin.mlp import MlSettings, read_mlp
from merrow.mdin.namelist import Group, Value, parse_mdin

DEFAULT_POTENTIAL: Final = "ani2x"

_OPEN = re.compile(r"^[ \t]*&(\w+)", re.MULTILINE)
_PIECE = re.compile(
    r"""(?P<pass>'(?:[^'\n]|'')*'|"(?:[^"\n]|"")*"|![^\n]*)
    |(?P<end>/|[&$]end\b)""",
    re.VERBOSE | re.IGNORECASE,
)
_SWITCH = re.compile(
    r"""'(?:[^'\n]|'')*'|"(?:[^"\n]|"")*"|![^\n]*
    |(?P<key>\bif(?:mlp|qnt)\s*=\s*\d+[ \t]*,?)""",
    re.VERBOSE | re.IGNORECASE,
)

OTHER_PROGRAMS: Final = ("adf", "gms", "tc", "gau", "nw", "qc", "genmpi", "lio", "mrcc", "quick")
"""Namelists by which sander calls a QM program; it uses the first that it finds."""

REFUSED: Final[Mapping[str, tuple[tuple[Value, ...], str]]] = {
    "icfe": ((0,), "its two copies need sander.MPI, and the ML energy would be scaled with λ"),
    "igb": ((0,), "sander has no mechanical embedding with it; for vacuum use igb=0 with ntb=0"),
    "ipol": ((0,), "a polarizable force field would polarize the ML region as well"),
    "iamoeba": ((0,), "a polarizable force field would polarize the ML region as well"),
    "icnstph": ((0,), "it changes the charges of titrating residues"),
    "icnste": ((0,), "it changes the charges of titrating residues"),
    "numexchg": ((0,), "replica exchange needs sander.MPI"),
    "ipimd": ((0,), "path integrals need several copies of the ML region"),
    "ineb": ((0,), "the elastic band needs several copies of the ML region"),
    "ievb": ((0,), "it mixes energies of several topologies"),
    "irism": ((0,), "the solvent model would keep the MM energy of the ML region as well"),
    "iextpot": ((0,), "another program would replace the whole force field"),
    "ntc": ((1, 2), "it constrains every bond, those of the ML region too"),
}
"""Keys of &cntrl, their allowed values in this mode, and the reason."""

FIXED: Final[Mapping[str, tuple[Value, str]]] = {
    "qmmm_int": (5, "5 is mechanical embedding; the ML model knows no point charges"),
    "qm_ewald": (0, "the charges are MM charges, which PME treats already"),
    "spin": (1, "the potentials are made for closed shells"),
    "vsolv": (0, "a region that changes its atoms has no conserved energy"),
    "qmgb": (0, "there is no implicit solvent in this mode"),
    "abfqmmm": (0, "a region that changes its atoms has no conserved energy"),
    "hot_spot": (0, "it scales forces without their energy"),
}
"""Keys of &qmmm with only one allowed value, and the reason."""

DEFAULTS: Final[Mapping[str, Value]] = {"qmmm_int": 1, "qm_ewald": 0, "spin": 1}
"""Defaults of &qmmm; that of qmmm_int is electrostatic embedding."""


@dataclass(frozen=True)
class SanderInput:
    """The ML part of a sander input.

    Attributes:
        source: Name of the file, for messages.
        text: Content of the file.
        dialect: "mlp" or "qmmm".
        ml: The ML region and its potential; its mask is "" if `atoms` is given.
        atoms: Atoms of the region counted from 1, or empty if the mask is given.
        charge: Net charge in the input [e], or None.
        periodic: Whether sander needs a box.
        restrained: Whether sander reads reference coordinates (ntr=1, itgtmd=1).
        notes: Notes for mdout on the keys of &mlp.
    """

    source: str
    text: str
    dialect: str
    ml: MlSettings
    atoms: tuple[int, ...] = ()
    charge: int | None = None
    periodic: bool = True
    restrained: bool = False
    notes: tuple[str, ...] = ()


def read_input(text: str, *, source: str) -> SanderInput:
    """Read the ML part of a sander input, and refuse what sander would treat wrongly.

    Args:
        text: Content of mdin.
        source: Name of the file in messages.

    Raises:
        InputError: There is no ML region, or a namelist is malformed or contradictory.
        UnsupportedPhysicsError: A combination would give wrong energies or forces.
    """
    groups = {g.name: g for g, _, _ in _groups(text, source, ("cntrl", "mlp", "qmmm", "orc"))}
    cntrl = groups.get("cntrl")
    if cntrl is None:
        raise InputError(f"{source} has no namelist &cntrl: is it an input of sander?")
    ml, qm = _value(cntrl, "ifmlp", 0), _value(cntrl, "ifqnt", 0)
    if bool(ml) == bool(qm):
        told = "both ifmlp and ifqnt are set" if ml else "neither ifmlp=1 nor ifqnt=1 is set"
        raise InputError(
            f"{source}: &cntrl: {told}; set ifmlp=1 with &mlp animask='...', or ifqnt=1 with &qmmm "
            "qm_theory='EXTERN'; for MM alone use sander itself."
        )
    _refuse(cntrl, source)
    found = _from_mlp(text, groups, source) if ml else _from_qmmm(text, groups, source)
    restrained = any(_value(cntrl, key, 0) == 1 for key in ("ntr", "itgtmd"))
    return replace(found, periodic=_value(cntrl, "ntb", 1) != 0, restrained=restrained)


def why_unread(text: str, name: str, *, source: str) -> str:
    """Return one sentence on a namelist that sander could not read: the key that is wrong.

    Args:
        text: The input that sander got.
        name: Name of the namelist.
        source: Name of the user's file.
    """
    keys = [key for group, _, _ in _groups(text, source, (name,)) for key in group.entries]
    table = TABLES.get(name, {})
    strange = [key for key in keys if key not in table] if table else []
    if not strange:
        return (
            f"{source}: sander cannot read &{name}: this version lacks one of its keys, or a value "
            "has the wrong type; compare them with AMBER's manual."
        )
    close = difflib.get_close_matches(strange[0], table, n=1)
    hint = f"did you mean {close[0]}?" if close else "docs/reference/mdin.md lists them."
    return f"{source}: sander cannot read &{name}, which has no key {strange[0]}: {hint}"


def write_input(asked: SanderInput, *, atoms: Sequence[int], charge: int) -> str:
    """Return the input for sander.

    Args:
        asked: The ML part of the user's input.
        atoms: Atoms of the ML region counted from 1, ascending.
        charge: Their net charge [e].

    Raises:
        InputError: The input has another net charge.
    """
    if asked.charge is not None and asked.charge != charge:
        raise InputError(
            f"{asked.source}: &qmmm: qmcharge={asked.charge}, but the charges of the ML region in "
            f"the prmtop add up to {charge}; correct one of them."
        )
    if asked.dialect == "qmmm":
        return _completed(asked, charge)
    _, start, end = next(_groups(asked.text, asked.source, ("cntrl",)))
    after = start + len("&cntrl")
    switched = _SWITCH.sub(lambda found: "" if found["key"] else found[0], asked.text[after:end])
    text = f"{asked.text[:after]} ifqnt=1,{switched}{asked.text[end:]}"
    _, start, end = next(_groups(text, asked.source, ("mlp",)))
    new = (
        f"{_orc(asked.ml.potential)}&qmmm\n"
        f"  qmmask='@{number_list(atoms)}', qmcharge={charge}, spin=1,\n"
        f"  qm_theory='EXTERN', qmmm_int=5, qm_ewald=0, qmshake={int(asked.ml.constraints)},\n /"
    )
    return text[:start] + new + text[end:]


def rewrite_redirections(text: str, rename: Callable[[str], str]) -> str:
    """Return a sander input with the file names in its redirections replaced.

    Args:
        text: Content of mdin.
        rename: Function from a name in a line such as DISANG=NAME to its replacement.
    """
    pattern = re.compile(
        r"^([ \t]*(?:LISTIN|LISTOUT|DUMPAVE|NOESY|SHIFTS|PCSHIFT|DIPOLE|CSA|DISANG)[ \t]*=[ \t]*)"
        r"(?!POUT\b)([^\s'\",]+)",
        re.MULTILINE | re.IGNORECASE,
    )
    pieces, position = [], 0
    for _, start, end in [*_spans(text, ""), ("", len(text), len(text))]:
        outside = text[position:start]
        pieces.append(pattern.sub(lambda found: found[1] + rename(found[2]), outside))
        pieces.append(text[start:end])
        position = end
    return "".join(pieces)


def _spans(text: str, source: str) -> Iterator[tuple[str, int, int]]:
    """Yield name, start and end of every namelist, as sander finds them."""
    position = 0
    while found := _OPEN.search(text, position):
        position = found.end()
        for piece in _PIECE.finditer(text, position):
            if piece["end"]:
                position = piece.end()
                break
        else:
            raise InputError(f"{source}: &{found[1]} has no end; close it with a / after its keys.")
        yield found[1].lower(), found.start(1) - 1, position


def _groups(text: str, source: str, names: Sequence[str]) -> Iterator[tuple[Group, int, int]]:
    """Yield the parsed namelists of given names with their positions."""
    seen = set()
    for name, start, end in _spans(text, source):
        if name in OTHER_PROGRAMS:
            raise InputError(
                f"{source}: &{name} makes sander call another program; take it out, or run sander."
            )
        if name not in names:
            continue
        if name in seen:
            raise InputError(f"{source}: there is a second &{name}; keep one.")
        seen.add(name)
        above = "\n" * text.count("\n", 0, start)  # for the line numbers in messages
        yield parse_mdin(above + text[start:end], source=source).groups[0], start, end


def _value(group: Group, key: str, default: Value) -> Value:
    entry = group.entries.get(key)
    return default if entry is None else entry.values[0]


def _refuse(cntrl: Group, source: str) -> None:
    for key, (allowed, why) in REFUSED.items():
        value = _value(cntrl, key, allowed[0])
        if value not in allowed:
            raise UnsupportedPhysicsError(
                f"{source}: &cntrl: {key}={value} is not available with an ML region in sander: "
                f"{why}; use {' or '.join(f'{key}={v}' for v in allowed)}."
            )
    if _value(cntrl, "ntp", 0) != 0 and _value(cntrl, "barostat", 1) != 2:
        raise UnsupportedPhysicsError(
            f"{source}: &cntrl: barostat=1 (sander's default) is not available with an ML region: "
            "sander leaves the forces of an external program out of the virial, so the pressure "
            "is wrong; use barostat=2, which needs energies only."
        )
    for key in ("nstlim", "maxcyc"):
        if _value(cntrl, key, 1) == 0:
            raise InputError(
                f"{source}: &cntrl: {key}=0 makes sander ask for energies without forces, which "
                "its interface cannot do here; for single energies use imin=1, maxcyc=1."
            )


def _from_mlp(text: str, groups: Mapping[str, Group], source: str) -> SanderInput:
    if "mlp" not in groups or "qmmm" in groups:
        told = "there is none" if "mlp" not in groups else "there is a &qmmm too; keep one"
        raise InputError(f"{source}: ifmlp=1 needs a namelist &mlp with animask='...': {told}.")
    ntc, notes = int(_value(groups["cntrl"], "ntc", 1)), list[str]()
    # here the spread is checked in a minimisation too
    ml = read_mlp(source, groups["mlp"], imin=0, ntc=ntc, notes=notes)
    for key, asked, instead in (
        ("link_atoms", ml.link_atoms, "select whole molecules"),
        (
            "mlp_confine",
            ml.confinement is not None,
            "confine it with ntr=1 or a distance restraint in DISANG",
        ),
    ):
        if asked:
            raise UnsupportedPhysicsError(
                f"{source}: &mlp: {key}=1 is not available through sander; {instead}, or use "
                "`merrow md`."
            )
    if ml.max_force_spread_kcal or ml.on_spread != "stop":
        raise UnsupportedPhysicsError(
            f"{source}: &mlp: max_force_spread and on_spread are not available through sander, "
            "where max_spread stops the run; take them out, or use `merrow md`."
        )
    return SanderInput(source, text, "mlp", ml, notes=tuple(notes))


def _from_qmmm(text: str, groups: Mapping[str, Group], source: str) -> SanderInput:
    qmmm = groups.get("qmmm")
    if qmmm is None:
        raise InputError(f"{source}: ifqnt=1 needs a namelist &qmmm.")
    theory = str(_value(qmmm, "qm_theory", "PM3"))
    if theory.upper() != "EXTERN":
        raise InputError(
            f"{source}: &qmmm: qm_theory='{theory}' is sander's own; write qm_theory='EXTERN', or "
            "run sander itself."
        )
    for key, (right, why) in FIXED.items():
        value = _value(qmmm, key, DEFAULTS.get(key, right))
        if value != right:
            silent = " (sander's default)" if key not in qmmm.entries else ""
            raise UnsupportedPhysicsError(
                f"{source}: &qmmm: {key}={value}{silent} cannot be used with an ML region: {why}; "
                f"write {key}={right}."
            )
    explicit = qmmm.entries.get("qmshake")
    if explicit and explicit.values[0] == 1 and _value(groups["cntrl"], "ntc", 1) == 1:
        raise InputError(f"{source}: &qmmm: qmshake=1 needs ntc=2; set it or take qmshake out.")
    mask, listed = str(_value(qmmm, "qmmask", "")), qmmm.entries.get("iqmatoms")
    if bool(mask) == bool(listed):
        raise InputError(f"{source}: &qmmm needs either qmmask='...' or iqmatoms=..., one of them.")
    charge, orc = qmmm.entries.get("qmcharge"), groups.get("orc")
    for key in ("use_template", "dipole"):
        if orc is not None and _value(orc, key, 0) != 0:
            raise InputError(
                f"{source}: &orc: {key}=1 has no meaning for a potential; take it out."
            )
    name = DEFAULT_POTENTIAL if orc is None else str(_value(orc, "method", DEFAULT_POTENTIAL))
    shake = _value(qmmm, "qmshake", 1) == 1
    return SanderInput(
        source,
        text,
        "qmmm",
        MlSettings(mask=mask, potential=name, constraints=shake),
        atoms=tuple(sorted(int(value) for value in listed.values)) if listed else (),
        charge=None if charge is None else int(charge.values[0]),
    )


def _completed(asked: SanderInput, charge: int) -> str:
    """Return a &qmmm input with defaults added; the user's keys come last and take precedence."""
    added = f" qmcharge={charge}, spin=1, qm_ewald=0,"
    pieces, position, orc = [], 0, _orc(asked.ml.potential)
    for group, start, _ in _groups(asked.text, asked.source, ("qmmm", "orc")):
        after = start + len(group.name) + 1
        pieces += [asked.text[position:after], added if group.name == "qmmm" else "\n"]
        position = after
        orc = "" if group.name == "orc" else orc
    _, start, _ = next(_groups(asked.text, asked.source, ("qmmm",)))
    whole = "".join([*pieces, asked.text[position:]])
    return f"{whole[:start]}{orc}{whole[start:]}"


def _orc(potential: str) -> str:
    """Return the namelist that selects the interface, which must be on a line of its own."""
    return f"&orc\n  method='{potential[:20]}', basis='merrow',\n /\n "
