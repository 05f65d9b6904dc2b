# SPDX-License-Identifier: MIT
"""The keys of a sander input: honoured, without effect, or refused, and why.

The reader uses this table, and docs/reference/mdin.md is generated from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from merrow.mdin.namelist import Value


@dataclass(frozen=True)
class Key:
    """One key of a namelist.

    Attributes:
        default: Default value, which also gives the type of the key. None if it follows from
            other keys; the type is then that of `like`.
        meaning: Its effect, or for a refused key its effect in sander.
        allowed: Supported values; None for all of the type within the limits.
        refusal: Advice printed when a value is not allowed.
        low, high: Limits of numbers, inclusive.
        idle: Whether it is accepted without effect; mdout notes this, with the meaning as reason.
        like: A value of the key's type, if the default is None.
        needs: Another key, and the values of it for which this one has an effect.
    """

    default: Value | None
    meaning: str
    allowed: tuple[Value, ...] | None = None
    refusal: str = ""
    low: float | None = None
    high: float | None = None
    idle: bool = False
    like: Value | None = None
    needs: tuple[str, tuple[Value, ...]] | None = None

    @property
    def kind(self) -> type:
        """Type of the value: int, float or str."""
        return type(self.default if self.default is not None else self.like)


def _off(default: Value, meaning: str, refusal: str = "") -> Key:
    """Return a key of an unsupported feature, accepted only with the value that turns it off."""
    return Key(default, meaning, (default,), refusal or "this is not available here")


_MIN = ("imin", (1,))
_MD = ("imin", (0,))
_NPT = ("ntp", (1, 2))
_HEAT = ("ntt", (2, 3, 11))
_SOFT = ("ifsc", (1,))
_NO_GB = "solvent models without explicit water are not available here"
_SCALE = "the scales of 1-4 pairs are those of the prmtop; leave it out"
_NO_TI = "for free energies along this path use `merrow hydration`"

CNTRL: Final[Mapping[str, Key]] = {
    "imin": Key(0, "0 dynamics, 1 minimisation", (0, 1), "rescore frames with `merrow energy`"),
    "maxcyc": Key(1, "maximum number of L-BFGS steps", low=1, needs=_MIN),
    "drms": Key(1e-4, "minimisation ends at this RMS gradient [kcal/mol/Å]", low=1e-8, needs=_MIN),
    "ncyc": Key(10, "the minimiser is L-BFGS from the first step on", idle=True),
    "ntmin": Key(1, "the minimiser is L-BFGS", idle=True),
    "dx0": Key(0.01, "the minimiser chooses its first step itself", idle=True),
    "irest": Key(0, "1 continues with velocities and time of the restart file", (0, 1)),
    "ntx": Key(1, "1 reads coordinates, 5 velocities too", (1, 5), "use 1 or 5"),
    "ntrx": Key(1, "the format follows from the content of the coordinate file", idle=True),
    "nstlim": Key(1, "number of steps", low=1, needs=_MD),
    "dt": Key(0.001, "time step [ps]", low=1e-6, high=0.004, needs=_MD),
    "t": Key(0.0, "time at the start [ps], where irest=0", needs=("irest", (0,))),
    "nscm": Key(
        1000,
        "steps between removals of centre-of-mass motion; 0 never, as with ntt=2 and 3, with ntr=1 "
        "and with a fixed mlp_confine",
        low=0,
        needs=("ntt", (0, 11)),
    ),
    "temp0": Key(300.0, "temperature [K]", low=0.0, needs=_HEAT),
    "tempi": Key(
        0.0,
        "temperature of the initial velocities [K]; 0 starts at rest",
        low=0.0,
        needs=("irest", (0,)),
    ),
    "ntt": Key(
        0,
        "thermostat: 0 none, 2 Andersen (vrand), 3 Langevin (gamma_ln), 11 Bussi (tautp)",
        (0, 2, 3, 11),
        "use ntt=11 for stochastic velocity rescaling (what weak coupling should be) or ntt=3",
        needs=_MD,
    ),
    "gamma_ln": Key(0.0, "friction of ntt=3 [1/ps]", low=0.0),
    "tautp": Key(1.0, "coupling time of ntt=11 [ps]", low=1e-3, needs=("ntt", (11,))),
    "vrand": Key(
        1000, "steps between velocity randomisations by ntt=2", low=1, needs=("ntt", (2,))
    ),
    "ig": Key(71277, "random seed; -1 takes one from the clock and prints it", needs=_MD),
    "ntb": Key(None, "0 no box, 1 constant volume, 2 constant pressure", (0, 1, 2), like=1),
    "ntp": Key(
        0,
        "1 scales the box isotropically, 2 each edge of a rectangular box independently",
        (0, 1, 2),
        "use ntp=1 or 2; ntp=3 is for membranes under a surface tension, which is not available",
    ),
    "barostat": Key(
        2,
        "2 Monte Carlo; here the default (sander: 1)",
        (2,),
        "use barostat=2; Berendsen's barostat does not sample the NPT ensemble",
        needs=_NPT,
    ),
    "mcbarint": Key(100, "steps between attempted volume changes", low=1, needs=_NPT),
    "pres0": Key(1.0, "pressure [bar]", low=-1000.0, high=1e5, needs=_NPT),
    "taup": Key(1.0, "the Monte Carlo barostat has no relaxation time", idle=True),
    "comp": Key(44.6, "the Monte Carlo barostat needs no compressibility", idle=True),
    "cut": Key(
        None, "cutoff [Å], 8 with a box; without one there is none: 99 or more", low=4.0, like=8.0
    ),
    "ntc": Key(
        1,
        "1 nothing is rigid (flexible water too); 2 bonds to hydrogen are, and water is",
        (1, 2),
        "constraints of all bonds are not available; use ntc=2",
    ),
    "ntf": Key(
        1,
        "2 leaves out the energy of bonds to hydrogen (with ntc=2)",
        (1, 2),
        "use ntf=1, or ntf=2 with ntc=2",
    ),
    "tol": Key(
        1e-5, "relative tolerance of constraints", low=1e-12, high=1e-3, needs=("ntc", (2,))
    ),
    "jfastw": Key(0, "rigid water is found by its bonds", (0,), "leave it out"),
    "noshakemask": _off("", "atoms without constraints", "use mlp_shake=0 for the ML region"),
    "ntr": Key(0, "1 restrains restraintmask to the coordinates of -ref", (0, 1)),
    "restraint_wt": Key(
        0.0, "force constant k in k·d² for ntr=1 [kcal/mol/Å²]", low=0.0, needs=("ntr", (1,))
    ),
    "restraintmask": Key("", "atoms of ntr=1"),
    "nmropt": Key(0, "1 reads distance, angle and torsion restraints from DISANG", (0, 1)),
    "iwrap": Key(0, "1 writes molecules wrapped into the box", (0, 1)),
    "ioutfm": Key(1, "NetCDF trajectory", (1,), "trajectories are NetCDF; leave it out"),
    "ntxo": Key(2, "2 NetCDF restart; 1 text, which rounds, so a run cannot go on bitwise", (1, 2)),
    "ntpr": Key(50, "steps between blocks of mdout and mdinfo", low=1),
    "ntwx": Key(0, "steps between frames of the trajectory", low=0, needs=_MD),
    "ntwv": Key(
        0,
        "-1 puts velocities into the trajectory; above 0 steps between frames of mdvel (-v)",
        low=-1,
        needs=_MD,
    ),
    "ntwr": Key(
        None,
        "steps between restart files: the segments of the run; 5000 (sander: nstlim); with ntp a "
        "multiple of mcbarint",
        low=1,
        like=500,
        needs=_MD,
    ),
    "ntwe": _off(0, "a file of energies", "mdout has them in every block"),
    "ntwf": _off(0, "a file of forces", "`merrow energy --forces` writes them for one frame"),
    "ntwprt": _off(0, "only the first atoms in the trajectory", "strip it with cpptraj"),
    "ntave": _off(0, "running averages", "the running mean of E_ML is in every block"),
    "nrespa": _off(1, "multiple time steps"),
    "nsnb": Key(25, "neighbour lists renew themselves when needed", idle=True),
    "vlimit": Key(
        20.0, "velocities are never cut: a run that blows up stops and says where", idle=True
    ),
    "ifmlp": Key(0, "1 makes the atoms of &mlp an ML region", (0, 1)),
    "icfe": Key(0, "1 puts the run at the state clambda of a coupling path", (0, 1)),
    "clambda": Key(0.0, "0 coupled, 1 decoupled, for icfe=1", low=0.0, high=1.0),
    "klambda": _off(1, "non-linear mixing", _NO_TI),
    "ifsc": Key(0, "1 decouples Lennard-Jones by the soft core, 0 charges", (0, 1), _NO_TI),
    "scalpha": _off(0.5, "parameter of the soft core", "the soft core here has 0.5"),
    "scbeta": Key(12.0, "charges are off before the soft core begins", idle=True),
    "scmask": Key("", "atoms that ifsc=1 decouples: the ML region", needs=_SOFT),
    "scmask1": Key("", "the same as scmask", needs=_SOFT),
    "scmask2": _off("", "atoms that appear", "only decoupling is available"),
    "timask1": Key("", "atoms of V0 in the one-file form: the ML region"),
    "timask2": _off("", "atoms of V1", "only decoupling is available: V1 is empty"),
    "crgmask": Key("", "atoms whose charges are decoupled: the ML region"),
    "igb": Key(0, "0 none, 6 vacuum, which is the same without a box", (0, 6), _NO_GB),
    "ipb": _off(0, "Poisson-Boltzmann", _NO_GB),
    "gbsa": _off(0, "surface area", _NO_GB),
    "irism": _off(0, "3D-RISM", _NO_GB),
    "saltcon": _off(0.0, "salt of generalised Born", _NO_GB),
    "scee": _off(1.2, "scale of 1-4 electrostatics", _SCALE),
    "scnb": _off(2.0, "scale of 1-4 Lennard-Jones terms", _SCALE),
    "lj1264": _off(0, "12-6-4 Lennard-Jones terms"),
    "watnam": Key("WAT", "water is found by its bonds, whatever its name", idle=True),
    "owtnm": Key("O", "water is found by its bonds, whatever its name", idle=True),
    "hwtnm1": Key("H1", "water is found by its bonds, whatever its name", idle=True),
    "hwtnm2": Key("H2", "water is found by its bonds, whatever its name", idle=True),
    "dielc": _off(1.0, "dielectric constant", "leave it out"),
    "ipol": _off(0, "polarisable force fields"),
    "ibelly": _off(0, "frozen atoms", "use ntr=1 with a stiff restraint_wt"),
    "bellymask": _off("", "frozen atoms", "use ntr=1 with restraintmask"),
    "ifqnt": _off(0, "sander's QM/MM", "use ifmlp=1 and &mlp"),
    "iextpot": _off(0, "an external potential", "use ifmlp=1 and &mlp with a potential"),
    "idecomp": _off(0, "energies by residue"),
    "icnstph": _off(0, "constant pH"),
    "iamd": _off(0, "accelerated MD"),
    "igamd": _off(0, "Gaussian accelerated MD"),
    "infe": _off(0, "biased sampling of sander"),
    "itgtmd": _off(0, "targeted MD"),
    "isgld": _off(0, "self-guided Langevin"),
    "numexchg": _off(0, "replica exchange", "`merrow hydration` exchanges replicas"),
    "ifmbar": _off(0, "energies of other states", _NO_TI),
    "csurften": _off(0, "surface tension"),
    "efx": _off(0.0, "an electric field"),
    "efy": _off(0.0, "an electric field"),
    "efz": _off(0.0, "an electric field"),
}

MLP: Final[Mapping[str, Key]] = {
    "animask": Key("", "the ML region, an AMBER mask"),
    "mlp_model": Key(
        None,
        "0 ani2x, 1 mace-off23-small, 2 none, 3 mace-off23-medium, 4 mace-off23-large; "
        "where MODEL_PATH is set, the original program's file of that number in that folder",
        (0, 1, 2, 3, 4),
        "or name the model with potential='...'",
        like=0,
    ),
    "potential": Key(
        "", "name of the potential, as `merrow models list`; 'mm' for the prmtop's own"
    ),
    "weights": Key("", "file of its weights; without one it is searched for"),
    "precision": Key("float32", "precision of the networks", ("float32", "float64")),
    "ensemble": Key("all", "ensemble members that are used", ("all",)),
    "max_spread": Key(
        0.0,
        "largest spread of E_ML over the members [kcal/mol], checked every ntpr; 0 for no limit",
        low=0.0,
    ),
    "max_force_spread": Key(
        0.0,
        "largest spread of the force on an atom [kcal/mol/Å], checked every ntpr; 0 for no limit",
        low=0.0,
    ),
    "on_spread": Key(
        "stop",
        "what a larger spread does: stop, save the frame (and warn), or warn",
        ("stop", "save", "warn"),
    ),
    "link_atoms": Key(0, "1 lets the mask cut covalent bonds and caps them with H", (0, 1)),
    "mts": _off(
        1,
        "steps between evaluations of the potential",
        "the bonds of the region are in the potential, so it is needed in every step",
    ),
    "mlp_shake": Key(0, "1 makes X-H bonds of the ML region rigid (with ntc=2)", (0, 1)),
    "mlp_confine": Key(0, "1 confines the ML atoms near a fixed point", (0, 1)),
    "confine1": Key(0.0, "radius [Å] where the wall starts", low=0.0),
    "confine2": Key(None, "radius [Å] where it becomes linear; confine1 + 1", low=0.0, like=0.0),
    "confinek": Key(0.0, "k of k(r-r1)²/2 [kcal/mol/Å²]", low=0.0),
    "confine_center": Key(
        "fixed", "the region's initial centroid, or its current one", ("fixed", "follow")
    ),
    "anitype": Key(0, "the original program read it and never used it", idle=True),
    "ani_natom": Key(0, "the mask gives the number of atoms", idle=True),
}

EWALD: Final[Mapping[str, Key]] = {
    "ew_coeff": Key(None, "Ewald coefficient [1/Å]; else from dsum_tol", low=0.01, like=0.3),
    "dsum_tol": Key(1e-5, "error of the direct sum at the cutoff", low=1e-12, high=1e-2),
    "nfft1": Key(None, "grid points along a; else one per Å, more if cut < 8", low=6, like=24),
    "nfft2": Key(None, "grid points along b", low=6, like=24),
    "nfft3": Key(None, "grid points along c", low=6, like=24),
    "vdwmeth": Key(1, "1 adds the Lennard-Jones tail beyond the cutoff", (0, 1)),
    "order": Key(4, "OpenMM's splines are of order 5", idle=True),
    "netfrc": Key(1, "forces are those of the energy; no net force is taken off", idle=True),
    "skinnb": Key(2.0, "neighbour lists choose their skin", idle=True),
    "nbflag": Key(1, "neighbour lists renew themselves when needed", idle=True),
    "nbtell": Key(0, "prints of sander", idle=True),
    "verbose": Key(0, "prints of sander", idle=True),
    "eedtbdns": Key(500.0, "table density of sander", idle=True),
    "ew_type": _off(0, "another Ewald sum"),
    "eedmeth": _off(1, "another electrostatic method"),
    "use_pme": _off(1, "no Ewald sum", "without a box use ntb=0"),
}

WT: Final[Mapping[str, Key]] = {
    "type": Key("END", "only the end mark", ("END", ""), "conditions that vary are not available"),
}

TABLES: Final[Mapping[str, Mapping[str, Key]]] = {
    "cntrl": CNTRL,
    "mlp": MLP,
    "ewald": EWALD,
    "wt": WT,
}
