# SPDX-License-Identifier: MIT
"""What does a sander input ask for? Every key judged, contradictions refused, one frozen answer."""

from __future__ import annotations

from typing import Final, Literal

from merrow.errors import InputError
from merrow.mdin.model_numbers import numbered_potential
from merrow.mdin.namelist import Group, Mdin
from merrow.mdin.values import Values, check_groups, defaults, judged
from merrow.settings import Settings

THERMOSTATS: Final = {0: "none", 2: "andersen", 3: "langevin", 11: "bussi"}
"""Thermostats by ntt."""
LONGEST_FREE: Final = 0.001
"""Longest time step [ps] for free bonds to hydrogen of its natural mass."""
RESTART_INTERVAL: Final = 5000
"""Steps between restart files where ntwr is not given."""


class Confinement(Settings):
    """The wall around the ML region."""

    inner: float
    """Radius where the wall begins [Å]."""
    outer: float
    """Radius where it becomes linear [Å]."""
    stiffness: float
    """k of k(r − inner)²/2 [kcal/mol/Å²]."""
    follow: bool
    """Whether its centre follows the region."""


class MlSettings(Settings):
    """The ML region and its potential."""

    mask: str
    """AMBER mask."""
    potential: str
    """Name of the potential, or "mm"."""
    weights: str | None
    """File of weights, or None to search for it."""
    precision: str
    """Arithmetic of the networks."""
    max_spread: float | None
    """Largest spread of E_ML over the members [kcal/mol]; None for any."""
    max_force_spread: float | None
    """Largest spread of the force on an atom [kcal/mol/Å]; None for any."""
    on_spread: Literal["stop", "save", "warn"]
    """What is done where the members disagree by more."""
    link_atoms: bool
    """Whether the mask may cut covalent bonds."""
    constraints: bool
    """Whether bonds to hydrogen in the region are rigid."""
    confinement: Confinement | None
    """The wall, or None."""


class Coupling(Settings):
    """The state of a coupling path; 1 coupled, 0 decoupled."""

    charges_mask: str
    """Atoms whose charges are decoupled; empty with two-file inputs of sander."""
    lj_mask: str
    """Atoms whose Lennard-Jones interactions are decoupled, or empty."""
    clambda: float
    """AMBER's λ, 0 coupled."""


class MdConfig(Settings):
    """A minimisation or a dynamics run, resolved, in AMBER's units."""

    title: str
    """First line of the input."""
    minimise: bool
    """Minimisation instead of dynamics."""
    steps: int
    """Steps of dynamics, or most steps of the minimiser."""
    gradient: float
    """RMS gradient at which minimisation ends [kcal/mol/Å]."""
    timestep: float
    """Time step [ps]."""
    start_time: float
    """Time at the start [ps] where the run does not go on."""
    goes_on: bool
    """Whether velocities and time of the restart file are used."""
    first_temperature: float
    """Temperature of the first velocities [K]; 0 starts at rest."""
    com_interval: int
    """Steps between removals of the motion of the centre of mass; 0 never."""
    thermostat: Literal["none", "andersen", "langevin", "bussi"]
    """What keeps the temperature."""
    temperature: float
    """Temperature [K]."""
    friction: float
    """Langevin friction [1/ps]."""
    coupling_time: float
    """Coupling time of the Bussi thermostat [ps]."""
    collision_interval: int
    """Steps between two draws of all velocities by Andersen's thermostat."""
    seed: int
    """Seed of all random numbers; -1 takes one from the clock."""
    periodic: bool | None
    """Whether there is a box; None leaves it to the prmtop."""
    ewald: bool
    """Whether there is a namelist &ewald."""
    pressure: float | None
    """Pressure [bar]; None for constant volume."""
    volume_interval: int
    """Steps between two attempts to change the volume."""
    anisotropic: bool
    """Whether each edge of the box changes by itself."""
    cutoff: float | None
    """Direct-space cutoff [Å] where there is a box; None takes 8."""
    lj_tail: bool
    """Whether the Lennard-Jones tail beyond the cutoff is added."""
    ewald_coefficient: float | None
    """Ewald coefficient [1/Å]; None derives it from the tolerance."""
    direct_tolerance: float
    """Error of the direct sum at the cutoff."""
    grid: tuple[int, int, int] | None
    """Points of the PME grid; None derives them from the box."""
    constraints: bool
    """Whether water and bonds to hydrogen outside the ML region are rigid."""
    tolerance: float
    """Relative tolerance of constraints."""
    restraint_mask: str | None
    """Atoms restrained to reference positions."""
    restraint_weight: float
    """k of k·d² [kcal/mol/Å²]."""
    restraint_file: str | None
    """File of &rst restraints."""
    print_interval: int
    """Steps between blocks of mdout."""
    frame_interval: int
    """Steps between frames; 0 writes none."""
    frame_velocities: bool
    """Whether frames hold velocities."""
    velocity_interval: int
    """Steps between frames of a file of velocities alone; 0 writes none."""
    restart_interval: int
    """Steps between restart files."""
    wrap: bool
    """Whether written coordinates are wrapped into the box."""
    text_restart: bool
    """Whether the restart is text instead of NetCDF."""
    ml: MlSettings | None
    """The ML region; None for molecular mechanics alone."""
    coupling: Coupling | None
    """The state of a coupling path."""
    notes: tuple[str, ...] = ()
    """What was given but does nothing here, one sentence each."""


def resolve(mdin: Mdin) -> MdConfig:
    """Return what an input asks for.

    Raises:
        InputError: A namelist or key is unknown, a value is not available, or keys contradict.
    """
    notes: list[str] = []
    check_groups(mdin)
    cntrl = mdin.group("cntrl")
    if cntrl is None:
        raise InputError(f"{mdin.source} has no &cntrl namelist.")
    c, given = judged(mdin.source, cntrl, notes), frozenset(cntrl.entries)
    for group in mdin.groups:
        if group.name == "wt":
            judged(mdin.source, group, notes)
    source = f"{mdin.source}: "
    _check_start(source, c)
    _check_ensemble(source, c)
    _check_constraints(source, c)
    ewald = mdin.group("ewald")
    e = judged(mdin.source, ewald, notes) if ewald else defaults("ewald")
    sizes = [e[f"nfft{k}"] for k in (1, 2, 3)]
    if any(n is not None for n in sizes) and None in sizes:
        raise InputError(f"{source}nfft1, nfft2 and nfft3 belong together; give all three.")
    disang = mdin.files.get("DISANG")
    if (c["nmropt"] == 1) != (disang is not None):
        raise InputError(
            f"{source}nmropt=1 and a line DISANG=file below &wt type='END' belong together."
        )
    for key in mdin.files:
        if key != "DISANG":
            notes.append(f"{key} does nothing here: mdout has the restraint energy in every block.")
    ml = _ml_settings(mdin, c, notes)
    _check_details(source, c, ml, notes)
    steps = int(c["maxcyc"] if c["imin"] == 1 else c["nstlim"])
    return MdConfig(
        title=mdin.title,
        minimise=c["imin"] == 1,
        steps=steps,
        ewald=ewald is not None,
        ewald_coefficient=e["ew_coeff"],
        direct_tolerance=e["dsum_tol"],
        lj_tail=e["vdwmeth"] == 1,
        grid=None if sizes[0] is None else tuple(sizes),
        restraint_file=disang,
        ml=ml,
        coupling=_coupling(source, c, given, ml),
        notes=tuple(notes),
        **_plain(c),
    )


def _plain(c: Values) -> dict[str, object]:
    """Return the fields that follow from &cntrl alone."""
    return {
        "gradient": c["drms"],
        "timestep": c["dt"],
        "start_time": c["t"],
        "goes_on": c["irest"] == 1,
        "first_temperature": c["tempi"],
        "com_interval": c["nscm"],
        "thermostat": THERMOSTATS[int(c["ntt"])],
        "temperature": c["temp0"],
        "friction": c["gamma_ln"],
        "coupling_time": c["tautp"],
        "collision_interval": c["vrand"],
        "seed": c["ig"],
        "periodic": None if c["ntb"] is None and c["ntp"] == 0 else c["ntb"] != 0,
        "pressure": None if c["ntp"] == 0 else c["pres0"],
        "anisotropic": c["ntp"] == 2,
        "volume_interval": c["mcbarint"],
        "cutoff": c["cut"],
        "constraints": c["ntc"] == 2,
        "tolerance": c["tol"],
        "restraint_mask": c["restraintmask"] if c["ntr"] == 1 else None,
        "restraint_weight": c["restraint_wt"],
        "print_interval": c["ntpr"],
        "frame_interval": c["ntwx"],
        "frame_velocities": c["ntwv"] == -1,
        "velocity_interval": max(0, int(c["ntwv"])),
        "restart_interval": c["ntwr"] or RESTART_INTERVAL,
        "wrap": c["iwrap"] == 1,
        "text_restart": c["ntxo"] == 1,
    }


def _check_start(source: str, c: Values) -> None:
    if c["irest"] == 1 and c["ntx"] == 1:
        raise InputError(
            f"{source}irest=1 goes on with velocities, but ntx=1 does not read them; use ntx=5."
        )
    if c["imin"] == 1 and c["irest"] == 1:
        raise InputError(f"{source}imin=1 cannot go on from velocities; take irest=1 out.")
    if c["ntr"] == 1 and not (c["restraintmask"] and c["restraint_wt"]):
        raise InputError(f"{source}ntr=1 needs restraintmask='...' and restraint_wt above 0.")
    if c["ntr"] == 0 and c["restraintmask"]:
        raise InputError(f"{source}restraintmask has no effect with ntr=0; add ntr=1.")


def _check_ensemble(source: str, c: Values) -> None:
    if c["ntt"] == 3 and c["gamma_ln"] == 0.0:
        raise InputError(f"{source}ntt=3 with gamma_ln=0 couples to nothing; give gamma_ln=2.0.")
    if c["ntt"] != 3 and c["gamma_ln"] != 0.0:
        raise InputError(f"{source}gamma_ln needs ntt=3; set it or take gamma_ln out.")
    if c["ntt"] != 0 and c["temp0"] == 0.0:
        raise InputError(f"{source}temp0=0 leaves the thermostat nothing to do; use imin=1.")
    ntp = c["ntp"]
    if ntp != 0 and c["ntb"] not in (None, 2):
        raise InputError(f"{source}ntp={ntp} needs ntb=2, but ntb={c['ntb']}.")
    if ntp == 0 and c["ntb"] == 2:
        raise InputError(f"{source}ntb=2 is constant pressure, which needs ntp=1 as well.")
    if ntp != 0 and c["ntt"] == 0:
        raise InputError(f"{source}ntp={ntp} needs a thermostat; add ntt=3 and gamma_ln=2.0.")
    every = int(c["ntwr"] or RESTART_INTERVAL)
    if ntp != 0 and int(c["nstlim"]) > every and every % int(c["mcbarint"]):
        raise InputError(
            f"{source}ntwr={every} should be a multiple of mcbarint={c['mcbarint']}: every restart "
            "file begins the count of the barostat anew."
        )
    if ntp != 0 and c["imin"] == 1:
        raise InputError(f"{source}imin=1 minimises at constant volume; take ntp={ntp} out.")


def _check_constraints(source: str, c: Values) -> None:
    if c["ntf"] == 2 and c["ntc"] == 1:
        raise InputError(
            f"{source}ntf=2 leaves out bonds to hydrogen, but ntc=1 does not hold them; use ntc=2."
        )
    if c["ntc"] == 1 and float(c["dt"]) > LONGEST_FREE:
        raise InputError(
            f"{source}dt={c['dt']:g} with ntc=1 is too long for flexible bonds to hydrogen; "
            "use dt=0.001 or ntc=2."
        )


def _check_details(source: str, c: Values, ml: MlSettings | None, notes: list[str]) -> None:
    if c["ntx"] == 5 and c["irest"] == 0 and c["imin"] == 0:
        notes.append("ntx=5 reads velocities, but irest=0 begins with those of tempi.")
    if c["ntc"] == 2 and c["ntf"] == 1:
        notes.append(
            "ntf=1 is as ntf=2 here: ntc=2 holds bonds to hydrogen where their energy is zero."
        )
    if c["ntwv"] == -1 and c["ntwx"] == 0:
        raise InputError(f"{source}ntwv=-1 puts velocities into frames; give ntwx too.")
    if ml is not None and c["ntc"] == 2 and not ml.constraints and float(c["dt"]) > LONGEST_FREE:
        notes.append(
            f"dt={c['dt']:g} with mlp_shake=0: bonds to hydrogen in the ML region are free, which "
            "needs hydrogens of a larger mass, or mlp_shake=1"
        )
    wall = ml.confinement if ml else None
    if c["iwrap"] == 1 and wall is not None and not wall.follow:
        raise InputError(
            f"{source}iwrap=1 would move the ML region away from the fixed centre of mlp_confine; "
            "use iwrap=0, or confine_center='follow'."
        )


def _ml_settings(mdin: Mdin, c: Values, notes: list[str]) -> MlSettings | None:
    group, source = mdin.group("mlp"), f"{mdin.source}: "
    if c["ifmlp"] == 0:
        if group is not None:
            raise InputError(f"{source}&mlp is there but ifmlp=0; set ifmlp=1 in &cntrl.")
        return None
    if group is None:
        raise InputError(f"{source}ifmlp=1 needs a namelist &mlp with animask='...'.")
    m = judged(mdin.source, group, notes)
    if not m["animask"]:
        raise InputError(f"{source}&mlp needs animask='...', the mask of the ML region.")
    if m["mlp_model"] is not None and m["potential"]:
        raise InputError(f"{source}mlp_model and potential both name a model; keep one.")
    if m["mlp_shake"] == 1 and c["ntc"] == 1:
        raise InputError(f"{source}mlp_shake=1 needs ntc=2; set it or take mlp_shake out.")
    _check_spread(source, c, m, group, notes)
    return MlSettings(
        mask=m["animask"],
        potential=str(m["potential"]) or numbered_potential(mdin.source, m["mlp_model"], notes),
        weights=str(m["weights"]) or None,
        precision=m["precision"],
        max_spread=float(m["max_spread"]) or None,
        max_force_spread=float(m["max_force_spread"]) or None,
        on_spread=m["on_spread"],
        link_atoms=m["link_atoms"] == 1,
        constraints=m["mlp_shake"] == 1,
        confinement=_confinement(source, m, group),
    )


def _check_spread(source: str, c: Values, m: Values, group: Group, notes: list[str]) -> None:
    limits = [key for key in ("max_spread", "max_force_spread") if m[key]]
    if "on_spread" in group.entries and not limits:
        raise InputError(
            f"{source}on_spread={m['on_spread']!r} needs max_spread or max_force_spread above 0."
        )
    if c["imin"] == 1:
        notes.extend(f"{key} does nothing here: it needs imin=0." for key in limits)


def _confinement(source: str, m: Values, group: Group) -> Confinement | None:
    if m["mlp_confine"] == 0:
        idle = [key for key in group.entries if key.startswith("confine") and m[key]]
        if idle:
            raise InputError(f"{source}{idle[0]} needs mlp_confine=1; set it or take it out.")
        return None
    inner = float(m["confine1"])
    outer = inner + 1.0 if m["confine2"] is None else float(m["confine2"])
    if m["confinek"] == 0.0:
        raise InputError(f"{source}mlp_confine=1 needs confinek above 0.")
    if outer <= inner:
        raise InputError(f"{source}confine2={outer:g} should be larger than confine1={inner:g}.")
    follow = m["confine_center"] == "follow"
    return Confinement(inner=inner, outer=outer, stiffness=m["confinek"], follow=follow)


def _coupling(
    source: str, c: Values, given: frozenset[str], ml: MlSettings | None
) -> Coupling | None:
    keys = ("clambda", "ifsc", "crgmask", "scmask", "scmask1", "timask1")
    if c["icfe"] == 0:
        idle = [key for key in keys if key in given and c[key]]
        if idle:
            raise InputError(f"{source}{idle[0]} needs icfe=1; set it or take {idle[0]} out.")
        return None
    if c["imin"] == 1:
        raise InputError(f"{source}icfe=1 needs dynamics; use imin=0.")
    if ml is None:
        raise InputError(f"{source}icfe=1 decouples an ML region; add ifmlp=1 and &mlp.")
    masks = {str(c[key]) for key in ("scmask", "scmask1", "timask1") if c[key]}
    if len(masks) > 1:
        raise InputError(f"{source}scmask, scmask1 and timask1 should be the same: the ML region.")
    if c["ifsc"] == 1 and not masks:
        raise InputError(f"{source}ifsc=1 needs scmask='...', the mask of the ML region.")
    if c["ifsc"] == 1 and not c["crgmask"]:
        raise InputError(
            f"{source}ifsc=1 needs crgmask too: charges are decoupled before Lennard-Jones."
        )
    soft = next(iter(masks)) if c["ifsc"] == 1 else ""
    return Coupling(charges_mask=c["crgmask"], lj_mask=soft, clambda=c["clambda"])
