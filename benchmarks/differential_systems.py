# SPDX-License-Identifier: MIT
"""Systems of many kinds, as tleap builds them, for `differential.py`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One system.

    Attributes:
        name: Its name.
        leap: Lines of tleap that make the unit `m`.
        region: Mask of the ML region for the embedding identity, whole molecules; "" for none.
        mol2: Molecules of `tests/data/systems` that the lines load.
        refused: What the refusal must name where the physics is not available; "" where it is.
    """

    name: str
    leap: tuple[str, ...]
    region: str = ":1-3"
    mol2: tuple[str, ...] = ()
    refused: str = ""


AFTER = "loadAmberParams frcmod."
FLEXIBLE = ("source leaprc.water.tip3p", "set default FlexibleWater on")
WATERS: dict[str, tuple[tuple[str, ...], str]] = {
    "tip3p": (("source leaprc.water.tip3p",), "TIP3PBOX"),
    "spce": (("source leaprc.water.spce",), "SPCBOX"),
    "spceb": (("source leaprc.water.spceb",), "SPCBOX"),
    "opc": (("source leaprc.water.opc",), "OPCBOX"),
    "opc3": (("source leaprc.water.opc3",), "OPC3BOX"),
    "fb3": (("source leaprc.water.fb3",), "FB3BOX"),
    "fb3mod": (("source leaprc.water.fb3mod",), "FB3BOX"),
    "fb4": (("source leaprc.water.fb4",), "FB4BOX"),
    "tip4pew": (("source leaprc.water.tip4pew",), "TIP4PEWBOX"),
    "tip4pd": (("source leaprc.water.tip4pd",), "TIP4PDBOX"),
    "tip4pd-a99SBdisp": (("source leaprc.water.tip4pd-a99SBdisp",), "TIP4PDBOX"),
    "tip4p": (("source leaprc.water.tip3p", f"{AFTER}tip4p"), "TIP4PBOX"),
    "tip5p": (("source leaprc.water.tip3p", f"{AFTER}tip5p"), "TIP5PBOX"),
    "tip3pf": (("source leaprc.water.tip3p", f"{AFTER}tip3pf"), "TIP3PFBOX"),
    "spcfw": ((*FLEXIBLE, f"{AFTER}spcfw"), "SPCFWBOX"),
    "qspcfw": ((*FLEXIBLE, f"{AFTER}qspcfw"), "QSPCFWBOX"),
}
"""Water models → what loads them, and their box."""
PEPTIDES = {
    "charged, capped": "ACE LYS GLU HID NME",
    "aromatic": "ACE TRP TYR PHE NME",
    "sulfur and rings": "ACE MET PRO CYS NME",
    "zwitterion": "NALA SER THR CVAL",
    "protonated": "ACE HIP ASH GLH NME",
    "amides": "ACE ASN GLN ARG ASP NME",
}


def _wet(name: str, field: str, sequence: str, water: str, shape: str = "Box") -> Case:
    load, box = WATERS[water]
    return Case(
        name,
        (
            *field.split("; "),
            *load,
            f"m = sequence {{ {sequence} }}",
            f"solvate{shape} m {box} 6.0",
        ),
        region=f":1-{len(sequence.split())}",
    )


def _dry(name: str, field: str, sequence: str, *then: str, region: str = "") -> Case:
    return Case(name, (*field.split("; "), f"m = sequence {{ {sequence} }}", *then), region)


SB14, SB19 = "source leaprc.protein.ff14SB", "source leaprc.protein.ff19SB"
DISULFIDE = ("bond m.2.SG m.4.SG",)
IONS = {
    "tip3p": ("Na+", "Cl-", 1),
    "spce": ("K+", "BR", 1),
    "opc": ("CA", "Cl-", 2),
    "opc3": ("CS", "IOD", 1),
    "tip4pew": ("ZN", "Cl-", 2),
    "fb3": ("LI", "F", 1),
    "fb4": ("MG", "Cl-", 2),
}
"""Water → cation and anion by the names of tleap, and the charge of the cation [e]."""
LIGANDS = ("toluene", "pyridine", "phenol", "fluorobenzene", "chloropentane", "methylacetamide")


def _ions() -> list[Case]:
    found = []
    for water, (plus, minus, charge) in IONS.items():
        load, box = WATERS[water]
        lines = (SB14, *load, "m = sequence { ACE ALA NME }", f"solvateBox m {box} 6.0")
        lines += (f"addIonsRand m {plus} 2 {minus} {2 * charge} 3.0",)
        found.append(Case(f"{plus} {minus} in {water}", lines))
    return found


def _ligands() -> list[Case]:
    found = []
    for k, name in enumerate(LIGANDS):
        load, box = WATERS[("tip3p", "opc")[k % 2]]
        lines = ("source leaprc.gaff2", *load, f"loadAmberParams {name}.frcmod")
        lines += (f"m = loadMol2 {name}.mol2", f"solvate{('Box', 'Oct')[k % 2]} m {box} 7.0")
        found.append(Case(f"{name}, GAFF2", lines, region=":1", mol2=(name,)))
    gas = ("source leaprc.gaff2", "loadAmberParams trifluoropropanol.frcmod")
    gas += ("m = loadMol2 trifluoropropanol.mol2",)
    found.append(
        Case("trifluoropropanol, GAFF2, vacuum", gas, region="", mol2=("trifluoropropanol",))
    )
    pair = (
        "source leaprc.gaff2",
        "loadAmberParams ethanol.frcmod",
        "loadAmberParams benzene.frcmod",
    )
    pair += ("a = loadMol2 ethanol.mol2", "b = loadMol2 benzene.mol2", "translate b { 0 0 6 }")
    pair += ("m = combine { a b }",)
    found.append(Case("two ligands, vacuum", pair, region=":1", mol2=("ethanol", "benzene")))
    return found


def _solvents() -> list[Case]:
    """Other liquids than water."""
    boxes = {
        "methanol": ("loadOff solvents.lib", f"{AFTER}meoh", "MEOHBOX"),
        "chloroform": ("loadOff solvents.lib", f"{AFTER}chcl3", "CHCL3BOX"),
        "N-methylacetamide": ("loadOff solvents.lib", f"{AFTER}nma", "NMABOX"),
        "urea and water": (
            "source leaprc.water.tip3p; loadOff 8Mureabox.off",
            f"{AFTER}urea",
            "UREABOX",
        ),
    }
    sequence = "m = sequence { ACE ALA NME }"
    return [
        Case(f"in {name}", (SB14, *load.split("; "), mods, sequence, f"solvateBox m {box} 6.0"))
        for name, (load, mods, box) in boxes.items()
    ]


def _refused() -> list[Case]:
    peptide = "m = sequence { ACE ALA NME }"
    pol3 = ("loadOff solvents.lib", f"{AFTER}pol3", "set default IPOL 1")
    polarizable = (
        SB14,
        *pol3,
        peptide,
        "solvateBox m POL3BOX 6.0",
        "saveamberparmpol m m.prmtop m.inpcrd",
        "quit",
    )
    cap = (SB14, "source leaprc.water.opc", peptide, "solvateCap m OPCBOX { 0 0 0 } 8.0")
    return [
        Case("POL3, polarizable", polarizable, refused="polarizab"),
        Case("cap of water", cap, refused="IFCAP"),
    ]


SYSTEMS: tuple[Case, ...] = (
    *(_wet(f"{water}, box", SB14, "ACE ALA NME", water) for water in WATERS),
    *(
        _wet(f"{water}, octahedron", SB19, "ACE ALA NME", water, "Oct")
        for water in ("tip3p", "spce", "opc", "tip4pew", "tip5p")
    ),
    *_ions(),
    *(_wet(f"{name}, ff14SB", SB14, peptide, "tip3p") for name, peptide in PEPTIDES.items()),
    *(_dry(f"{name}, ff19SB, vacuum", SB19, peptide) for name, peptide in PEPTIDES.items()),
    _dry("disulfide, ff14SB", SB14, "ACE CYX ALA CYX NME", *DISULFIDE),
    _dry("disulfide, ff19SB", SB19, "ACE CYX ALA CYX NME", *DISULFIDE),
    _dry("ff15ipq, vacuum", "source leaprc.protein.ff15ipq", "ACE LYS GLU NME"),
    _dry("fb15, vacuum", "source leaprc.protein.fb15", "ACE SER PHE NME"),
    _dry("ff03, vacuum", "source leaprc.protein.ff03.r1", "ACE TYR GLY NME"),
    _dry("phosphoserine", f"{SB19}; source leaprc.phosaa19SB", "ACE SEP ALA NME"),
    _wet("DNA, OL15", "source leaprc.DNA.OL15", "DA5 DT DG3", "tip3p"),
    _wet("DNA, bsc1", "source leaprc.DNA.bsc1", "DC5 DG DA3", "opc"),
    _dry("DNA, OL21, vacuum", "source leaprc.DNA.OL21", "DT5 DC DA3"),
    _wet("RNA, OL3", "source leaprc.RNA.OL3", "A5 U G3", "opc3"),
    _dry("RNA, LJbb, vacuum", "source leaprc.RNA.LJbb", "C5 A U3"),
    _dry("lipid, lipid21, vacuum", "source leaprc.lipid21", "PA PC OL"),
    _dry("sphingomyelin, lipid21, vacuum", "source leaprc.lipid21", "PA PE PA"),
    _dry("cholesterol, lipid21, vacuum", "source leaprc.lipid21", "CHL"),
    _wet("lipid in water", "source leaprc.lipid21", "MY PC MY", "tip3p"),
    _wet("sugar, GLYCAM", "source leaprc.GLYCAM_06j-1", "ROH 4GB 0GA", "tip3p"),
    _dry("sialic acid, GLYCAM, vacuum", "source leaprc.GLYCAM_06j-1", "ROH 3LB 0SA"),
    _dry("glycopeptide, vacuum", f"{SB14}; source leaprc.GLYCAM_06j-1", "ACE ALA NME"),
    *_ligands(),
    *_solvents(),
    *_refused(),
)
