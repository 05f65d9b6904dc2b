# SPDX-License-Identifier: MIT
"""Unit conversions between AMBER and OpenMM; the only conversion factors of the project.

Internally, plain floats are in OpenMM's units: nm, ps, kJ/mol, K, bar, e, dalton. In the CLI,
files, configuration, results and reports they are AMBER's: Å, kcal/mol, ps, K, e. Multiply by a
factor to convert as its name says.
"""

from __future__ import annotations

import math
from typing import Final

KJ_PER_KCAL: Final = 4.184
KCAL_PER_KJ: Final = 1.0 / KJ_PER_KCAL
NM_PER_ANGSTROM: Final = 0.1
ANGSTROM_PER_NM: Final = 10.0
BAR_PER_ATM: Final = 1.01325
PS_PER_FS: Final = 1.0e-3
NS_PER_PS: Final = 1.0e-3

HARTREE_KCAL: Final = 627.5094740631
"""Hartree in kcal/mol (CODATA 2018)."""
EV_KCAL: Final = 23.060547830619
"""Electronvolt in kcal/mol (exact, SI 2019)."""
BOHR_ANGSTROM: Final = 0.529177210903
"""Bohr radius in Å (CODATA 2018)."""

SANDER_HARTREE_KCAL: Final = 627.509469433585
"""Hartree in kcal/mol as sander has it (CODATA 2006)."""
SANDER_BOHR_PER_ANGSTROM: Final = 1.8897261328727875
"""bohr per Å as sander has it (CODATA 2006)."""

GAS_CONSTANT: Final = 8.31446261815324e-3
"""Molar gas constant R [kJ/mol/K] (exact, SI 2019)."""

COULOMB_OPENMM: Final = 138.93545764438198
"""1/(4πε₀) of OpenMM [kJ nm/mol/e²]; 332.0637 kcal Å/mol/e²."""
COULOMB_AMBER: Final = 18.2223**2 * KJ_PER_KCAL * NM_PER_ANGSTROM
"""1/(4πε₀) of AMBER, 18.2223² kcal Å/mol/e² = 332.0522, in kJ nm/mol/e²."""

BAR_NM3_KJ: Final = 0.060221407600
"""bar·nm³ in kJ/mol (exact: 1e5 Pa · 1e-27 m³ · Avogadro)."""

GRAM_CM3_PER_DALTON_NM3: Final = 1.0e-4 / BAR_NM3_KJ
"""dalton/nm³ in g/cm³."""

SPEED_OF_LIGHT: Final = 2.99792458e-2
"""Speed of light [cm/ps] (exact, SI)."""
WAVENUMBER: Final = math.sqrt(KJ_PER_KCAL) / NM_PER_ANGSTROM / (2 * math.pi * SPEED_OF_LIGHT)
"""Wavenumber of a harmonic oscillator of 1 dalton and 1 kcal/mol/Å² [cm⁻¹]: 108.59."""


def thermal_energy(temperature: float) -> float:
    """Return kT [kJ/mol] at a temperature [K]."""
    return GAS_CONSTANT * temperature


def amber_coulomb_charge_scale() -> float:
    """Return the factor on charges that turns OpenMM's Coulomb constant into AMBER's."""
    return math.sqrt(COULOMB_AMBER / COULOMB_OPENMM)
