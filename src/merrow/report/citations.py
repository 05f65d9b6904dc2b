# SPDX-License-Identifier: MIT
"""Works to cite, and their numbering in a paragraph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Work:
    """A work to cite: its publication, and its DOI if known."""

    words: str
    doi: str = ""


WORKS: Final = {
    "ML/MM": Work("ML/MM hydration free energies: J. Chem. Theory Comput. 2025, 21, 6979.",
                  "10.1021/acs.jctc.5c00598"),
    "OpenMM": Work("OpenMM 8: Eastman et al., J. Phys. Chem. B 2024, 128, 109.",
                   "10.1021/acs.jpcb.3c06662"),
    "AmberTools": Work("AmberTools: Case et al., J. Chem. Inf. Model. 2023, 63, 6183.",
                       "10.1021/acs.jcim.3c01153"),
    "GAFF": Work("GAFF: Wang et al., J. Comput. Chem. 2004, 25, 1157.", "10.1002/jcc.20035"),
    "AM1-BCC": Work("AM1-BCC: Jakalian, Jack and Bayly, J. Comput. Chem. 2002, 23, 1623.",
                    "10.1002/jcc.10128"),
    "ABCG2": Work("ABCG2 charges with GAFF2: He et al., J. Chem. Phys. 2020, 153, 114502.",
                  "10.1063/5.0019056"),
    "TIP3P": Work("TIP3P: Jorgensen et al., J. Chem. Phys. 1983, 79, 926.", "10.1063/1.445869"),
    "PME": Work("Smooth particle mesh Ewald: Essmann et al., J. Chem. Phys. 1995, 103, 8577.",
                "10.1063/1.470117"),
    "Langevin": Work("Langevin dynamics, middle scheme: Zhang et al., J. Phys. Chem. A 2019, 123, "
                     "6056.", "10.1021/acs.jpca.9b02771"),
    "barostat": Work("Monte Carlo barostat: Åqvist et al., Chem. Phys. Lett. 2004, 384, 288.",
                     "10.1016/j.cplett.2003.12.039"),
    "softcore": Work("Soft-core Lennard-Jones: Beutler et al., Chem. Phys. Lett. 1994, 222, 529.",
                     "10.1016/0009-2614(94)00397-1"),
    "exchange": Work("Exchange of states as Gibbs sampling: Chodera and Shirts, J. Chem. Phys. "
                     "2011, 135, 194110.", "10.1063/1.3660669"),
    "solute scaling": Work("Replica exchange with solute scaling: Liu, Kim, Friesner and Berne, "
                           "Proc. Natl. Acad. Sci. USA 2005, 102, 13749.",
                           "10.1073/pnas.0506346102"),
    "MBAR": Work("MBAR: Shirts and Chodera, J. Chem. Phys. 2008, 129, 124105.",
                 "10.1063/1.2978177"),
    "BAR": Work("BAR: Bennett, J. Comput. Phys. 1976, 22, 245.", "10.1016/0021-9991(76)90078-4"),
    "TI": Work("Thermodynamic integration: Kirkwood, J. Chem. Phys. 1935, 3, 300.",
               "10.1063/1.1749657"),
    "FreeSolv": Work("FreeSolv: Mobley and Guthrie, J. Comput.-Aided Mol. Des. 2014, 28, 711.",
                     "10.1007/s10822-014-9747-x"),
    "MMPBSA": Work("MMPBSA.py: Miller et al., J. Chem. Theory Comput. 2012, 8, 3314.",
                   "10.1021/ct300418h"),
    "igb1": Work("GB of Hawkins, Cramer and Truhlar, J. Phys. Chem. 1996, 100, 19824.",
                 "10.1021/jp961710n"),
    "OBC": Work("GB of Onufriev, Bashford and Case, Proteins 2004, 55, 383.", "10.1002/prot.20033"),
    "GBn": Work("GBn: Mongan et al., J. Chem. Theory Comput. 2007, 3, 156.", "10.1021/ct600085e"),
    "GBneck2": Work("GB-neck2: Nguyen, Roe and Simmerling, J. Chem. Theory Comput. 2013, 9, 2020.",
                    "10.1021/ct3010485"),
    "PBSA": Work("Poisson–Boltzmann in Amber: Luo, David and Gilson, J. Comput. Chem. 2002, 23, "
                 "1244.", "10.1002/jcc.10120"),
    "interaction entropy": Work("Interaction entropy: Duan, Liu and Zhang, J. Am. Chem. Soc. 2016, "
                                "138, 5722.", "10.1021/jacs.6b02682"),
    "superposition": Work("Superposition: Kabsch, Acta Crystallogr. A 1976, 32, 922.",
                          "10.1107/S0567739476001873"),
    "shadow": Work("What velocity Verlet conserves: Hairer, Lubich and Wanner, Acta Numer. 2003, "
                   "12, 399.", "10.1017/S0962492902000144"),
}  # fmt: skip
"""Works to cite, by method."""


@dataclass
class Cited:
    """The works cited in a paragraph, numbered in order of citation."""

    works: list[Work] = field(default_factory=list)

    def __call__(self, *keys: str | Work) -> str:
        """Return the citation of works, such as "[1,2]".

        Args:
            keys: Keys of `WORKS`, or works.
        """
        found = [WORKS[key] if isinstance(key, str) else key for key in keys]
        self.works += [work for work in dict.fromkeys(found) if work not in self.works]
        return f"[{','.join(str(self.works.index(work) + 1) for work in found)}]"
