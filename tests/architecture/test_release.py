# SPDX-License-Identifier: MIT
"""Does everything that is published speak of one version, and of the same versions of Python?"""

from __future__ import annotations

import re
import tomllib

import yaml
from source import ROOT

import merrow

PYTHONS = ["3.11", "3.12", "3.13"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_version_has_one_place():
    assert PROJECT["dynamic"] == ["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == merrow.__version__
    recipe = (ROOT / "packaging" / "conda" / "meta.yaml").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"regex_pattern='([^']+)'", recipe)
    package = (ROOT / "src" / "merrow" / "__init__.py").read_text(encoding="utf-8")
    assert re.search(pattern, package)[1] == merrow.__version__


def test_the_same_versions_of_python_stand_everywhere():
    classified = [
        word.rpartition(" ")[2]
        for word in PROJECT["classifiers"]
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", word)
    ]
    assert classified == PYTHONS
    ci = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    for job in ("unit", "package"):
        assert ci["jobs"][job]["strategy"]["matrix"]["python"] == PYTHONS
    script = (ROOT / "packaging" / "check.sh").read_text(encoding="utf-8")
    assert f"for version in {' '.join(PYTHONS)};" in script


def test_the_recipe_of_conda_asks_for_what_the_package_asks_for():
    recipe = (ROOT / "packaging" / "conda" / "meta.yaml").read_text(encoding="utf-8")
    names = {"matplotlib": "matplotlib-base", "torch": "pytorch"}
    for requirement in PROJECT["dependencies"]:
        name, limits = re.match(r"([A-Za-z0-9]+)(.*)", requirement).groups()
        conda = names.get(name, name.lower())
        assert f"- {conda} {limits}\n" in recipe, requirement
