# SPDX-License-Identifier: MIT
"""Settings of a run from a sander input; every key is checked, contradictions are refused."""

from __future__ import annotations

from pathlib import Path

from merrow.errors import InputError
from merrow.md.settings import (
    LONGEST_FREE_PS,
    THERMOSTATS,
    Coupling,
    MdSettings,
    long_step_notes,
)
from merrow.mdin.mlp import MlSettings, read_mlp
from merrow.mdin.namelist import Mdin, parse_mdin
from merrow.mdin.values import Values, check_groups, defaults, judged

RESTART_INTERVAL = MdSettings.model_fields["restart_interval"].default


def read_md_settings(path: str | Path) -> MdSettings:
    """Read the settings of a run from a sander input.

    Raises:
        InputError: The file cannot be read, a namelist or key is unknown, a value is not
            supported, or keys contradict each other.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no input file {path}; give one with -i.")
    raw = path.read_bytes()
    if b"\0" in raw:
        raise InputError(f"{path} is not a text file; give a sander input with -i.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:  # Latin-1 letters in titles and comments
        text = raw.decode("latin-1")
    return md_settings(parse_mdin(text, source=path.name), path)


def md_settings(mdin: Mdin, path: Path = Path("mdin")) -> MdSettings:
    """Return the settings in the namelists of a sander input.

    Args:
        mdin: The namelists.
        path: Their file. DISANG is relative to the working folder, as in sander.

    Raises:
        InputError: As `read_md_settings`.
    """
    notes: list[str] = []
    check_groups(mdin)
    cntrl = mdin.group("cntrl")
    if cntrl is None:
        raise InputError(f"{mdin.source} has no &cntrl namelist.")
    c = judged(mdin.source, cntrl, notes)
    for group in mdin.groups:
        if group.name == "wt":
            judged(mdin.source, group, notes)
    at = f"{mdin.source}: "
    _refuse_contradictions(at, c)
    ewald = mdin.group("ewald")
    e = judged(mdin.source, ewald, notes) if ewald else defaults("ewald")
    sizes = [e[f"nfft{k}"] for k in (1, 2, 3)]
    if any(n is not None for n in sizes) and None in sizes:
        raise InputError(f"{at}nfft1, nfft2 and nfft3 belong together; give all three.")
    disang = mdin.files.get("DISANG")
    if (c["nmropt"] == 1) != (disang is not None):
        raise InputError(
            f"{at}nmropt=1 and a line DISANG=file below &wt type='END' belong together."
        )
    for key in mdin.files:
        if key != "DISANG":
            notes.append(f"{key} does nothing here: mdout has the restraint energy in every block.")
    ml = _ml_region(mdin, c, notes)
    settings = MdSettings(
        source=path,
        text=mdin.text,
        title=mdin.title,
        needs_box=ewald is not None,
        ewald_per_angstrom=e["ew_coeff"],
        direct_tolerance=e["dsum_tol"],
        lj_tail=e["vdwmeth"] == 1,
        pme_grid=None if sizes[0] is None else tuple(sizes),
        restraint_file=disang,
        ml=ml,
        coupling=_coupling(at, c, frozenset(cntrl.entries)),
        **_from_cntrl(c),
    )
    return settings.model_copy(update={"notes": (*notes, *long_step_notes(settings))})


def _from_cntrl(c: Values) -> Values:
    """Return the settings that follow from &cntrl alone."""
    return {
        "minimise": c["imin"] == 1,
        "steps": c["maxcyc"] if c["imin"] == 1 else c["nstlim"],
        "gradient_kcal_per_angstrom": c["drms"],
        "timestep_ps": c["dt"],
        "start_time_ps": c["t"],
        "goes_on": c["irest"] == 1,
        "initial_temperature_k": c["tempi"],
        "com_removal_interval": c["nscm"],
        "thermostat": THERMOSTATS[c["ntt"]],
        "temperature_k": c["temp0"],
        "friction_per_ps": c["gamma_ln"],
        "coupling_time_ps": c["tautp"],
        "collision_interval": c["vrand"],
        "seed": c["ig"],
        "periodic": _periodic(c),
        "pressure_bar": None if c["ntp"] == 0 else c["pres0"],
        "anisotropic": c["ntp"] == 2,
        "barostat_interval": c["mcbarint"],
        "cutoff_angstrom": c["cut"],
        "constraints": c["ntc"] == 2,
        "constraint_tolerance": c["tol"],
        "restraint_mask": c["restraintmask"] if c["ntr"] == 1 else None,
        "restraint_kcal_per_angstrom2": c["restraint_wt"] if c["ntr"] == 1 else 0.0,
        "print_interval": c["ntpr"],
        "frame_interval": c["ntwx"],
        "frame_velocities": c["ntwv"] == -1,
        "velocity_interval": max(0, c["ntwv"]),
        "restart_interval": c["ntwr"] or RESTART_INTERVAL,
        "wrap": c["iwrap"] == 1,
        "text_restart": c["ntxo"] == 1,
    }


def _periodic(c: Values) -> bool | None:
    """Return whether there is a box; None if the files decide."""
    if c["igb"] == 6:
        return False
    return None if c["ntb"] is None and c["ntp"] == 0 else c["ntb"] != 0


def _refuse_contradictions(at: str, c: Values) -> None:
    """Refuse keys of &cntrl that contradict each other, the first pair by name."""
    ntt, ntp, mcbarint = (int(c[key]) for key in ("ntt", "ntp", "mcbarint"))
    every = int(c["ntwr"] or RESTART_INTERVAL)
    for wrong, told in (
        (
            c["irest"] == 1 and c["ntx"] == 1,
            "irest=1 continues with velocities, but ntx=1 does not read them; use ntx=5.",
        ),
        (
            c["imin"] == 1 and c["irest"] == 1,
            "imin=1 cannot continue from velocities; take irest=1 out.",
        ),
        (
            c["ntr"] == 1 and not (c["restraintmask"] and c["restraint_wt"]),
            "ntr=1 needs restraintmask='...' and restraint_wt above 0.",
        ),
        (
            c["ntr"] == 0 and c["restraintmask"],
            "restraintmask has no effect with ntr=0; add ntr=1.",
        ),
        (
            ntt == 3 and c["gamma_ln"] == 0.0,
            "ntt=3 with gamma_ln=0 couples to nothing; give gamma_ln=2.0.",
        ),
        (ntt != 3 and c["gamma_ln"] != 0.0, "gamma_ln needs ntt=3; set it or take gamma_ln out."),
        (
            c["imin"] == 0 and ntt != 0 and c["temp0"] == 0.0,
            "temp0=0 leaves the thermostat nothing to do; use imin=1.",
        ),
        (
            c["igb"] == 6 and (c["ntb"] not in (None, 0) or ntp != 0),
            "igb=6 is a run in vacuum, without a box; use ntb=0, or take igb out.",
        ),
        (ntp != 0 and c["ntb"] not in (None, 2), f"ntp={ntp} needs ntb=2, but ntb={c['ntb']}."),
        (ntp == 0 and c["ntb"] == 2, "ntb=2 is constant pressure, which needs ntp=1 as well."),
        (ntp != 0 and ntt == 0, f"ntp={ntp} needs a thermostat; add ntt=3 and gamma_ln=2.0."),
        (
            ntp != 0 and c["nstlim"] > every and every % mcbarint,
            f"ntwr={every} should be a multiple of mcbarint={mcbarint}: every restart resets "
            "the count of the barostat.",
        ),
        (ntp != 0 and c["imin"] == 1, f"imin=1 minimises at constant volume; take ntp={ntp} out."),
        (
            c["ntf"] == 2 and c["ntc"] == 1,
            "ntf=2 leaves out bonds to hydrogen, but ntc=1 does not constrain them; use ntc=2.",
        ),
        (
            c["ntc"] == 1 and c["dt"] > LONGEST_FREE_PS,
            f"dt={c['dt']:g} with ntc=1 is too long for flexible bonds to hydrogen; use dt=0.001 "
            "or ntc=2.",
        ),
        (c["ntwv"] == -1 and c["ntwx"] == 0, "ntwv=-1 puts velocities into frames; give ntwx too."),
    ):
        if wrong:
            raise InputError(f"{at}{told}")


def _ml_region(mdin: Mdin, c: Values, notes: list[str]) -> MlSettings:
    """Return the ML region, and note the effect of two keys of &cntrl."""
    group, at = mdin.group("mlp"), f"{mdin.source}: "
    if c["ifmlp"] == 0:
        raise InputError(
            f"{at}&mlp is there but ifmlp=0; set ifmlp=1 in &cntrl."
            if group is not None
            else f"{at}ifmlp=0 is molecular mechanics alone, which sander runs; for the prmtop's "
            "own terms in this program give ifmlp=1 and potential='mm' in &mlp."
        )
    if group is None:
        raise InputError(f"{at}ifmlp=1 needs a namelist &mlp with animask='...'.")
    ml = read_mlp(mdin.source, group, imin=c["imin"], ntc=c["ntc"], notes=notes)
    if c["ntx"] == 5 and c["irest"] == 0 and c["imin"] == 0:
        notes.append("ntx=5 reads velocities, but irest=0 begins with those of tempi.")
    if c["ntc"] == 2 and c["ntf"] == 1:
        notes.append("ntf=1 acts like ntf=2: ntc=2 holds bonds to hydrogen at zero energy.")
    if c["iwrap"] == 1 and ml.confinement is not None and not ml.confinement.follow:
        raise InputError(
            f"{at}iwrap=1 would move the ML region away from the fixed centre of mlp_confine; "
            "use iwrap=0, or confine_center='follow'."
        )
    if c["ntxo"] == 1 and ml.confinement is not None and not ml.confinement.follow:
        raise InputError(
            f"{at}ntxo=1 writes text restarts, which do not hold the fixed centre of mlp_confine; "
            "use ntxo=2, or confine_center='follow'."
        )
    return ml


def _coupling(at: str, c: Values, given: frozenset[str]) -> Coupling | None:
    """Return the state of the coupling path that &cntrl names, or None."""
    if c["icfe"] == 0:
        keys = ("clambda", "ifsc", "crgmask", "scmask", "scmask1", "timask1")
        idle = [key for key in keys if key in given and c[key]]
        if idle:
            raise InputError(f"{at}{idle[0]} needs icfe=1; set it or take {idle[0]} out.")
        return None
    masks = {c[key] for key in ("scmask", "scmask1", "timask1") if c[key]}
    soft = c["ifsc"] == 1
    for wrong, told in (
        (c["imin"] == 1, "icfe=1 needs dynamics; use imin=0."),
        (len(masks) > 1, "scmask, scmask1 and timask1 should be the same: the ML region."),
        (
            not soft and c["crgmask"] and c["timask1"] not in ("", c["crgmask"]),
            "timask1 and crgmask should be the same: the ML region.",
        ),
        (soft and not masks, "ifsc=1 needs scmask='...', the mask of the ML region."),
        (
            soft and not c["crgmask"],
            "ifsc=1 needs crgmask too: charges are decoupled before Lennard-Jones.",
        ),
    ):
        if wrong:
            raise InputError(f"{at}{told}")
    lj_mask = next(iter(masks)) if soft else ""
    return Coupling(charges_mask=c["crgmask"], lj_mask=lj_mask, clambda=c["clambda"])
