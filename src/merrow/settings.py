# SPDX-License-Identifier: MIT
"""The base class of all settings, and the shared one of the device of networks.

Settings are frozen, refuse unknown keys and open no files.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar, get_args

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from merrow.errors import InputError

MOST_BRACKETS = 1000
"""Maximum number of bracketed lists and mappings in settings."""
Word = TypeVar("Word", bound=str)


class _TwiceError(yaml.YAMLError):
    """A key is there twice; the message says which, and on which line."""


class _Loader(yaml.SafeLoader):
    """Reads YAML 1.2, and keys once.

    PyYAML alone reads 1.1, in which 12:00 is 720, 010 is 8 and the SMILES NO is false, and keeps
    the last of two equal keys.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping whose keys are there once."""
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise _TwiceError(f"{key.value} twice (line {line})")
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def decimal(self, node: yaml.ScalarNode) -> int:
        """Return an integer, whose zeros at the beginning do not count."""
        return int(node.value)


class _Dumper(yaml.SafeDumper):
    """Writes YAML that says the same as 1.1 and as 1.2."""


_Loader.yaml_implicit_resolvers = {}
for _kind, _form, _starts in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
):  # the core schema of YAML 1.2, section 10.3.2
    for _one in (_Loader, _Dumper):
        _tag, _whole = f"tag:yaml.org,2002:{_kind}", re.compile(f"^({_form})$")
        _one.add_implicit_resolver(_tag, _whole, _starts)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.decimal)


def read_value(text: str) -> object:
    """Return a value that is written as in YAML, such as 5, 1e-3, [1, 2] or null.

    Raises:
        InputError: It is none.
    """
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{text!r} is not a value in YAML.") from error


class Settings(BaseModel):
    """Base of all configuration models."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_default=True,
        allow_inf_nan=False,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuse true and false where a number is meant; pydantic alone reads them as 1 and 0."""
        kinds = set(_kinds(cls.model_fields[str(info.field_name)].annotation))
        if bool not in kinds and kinds & {int, float} and _holds_truth(value):
            raise ValueError(f"input should be a number, got {value!r}")
        return value

    @classmethod
    def from_yaml(cls, text: str, *, source: str) -> Self:
        """Read settings from YAML text.

        Raises:
            InputError: The text is not YAML, or a key or value is invalid.
        """
        if sum(map(text.count, "[{")) > MOST_BRACKETS:  # thousands would take PyYAML seconds
            raise InputError(f"{source} is nested too deeply to be settings.")
        try:
            data = yaml.load(text, _Loader)
        except _TwiceError as error:
            raise InputError(f"{source} has the key {error}; keep one of them.") from error
        except (yaml.YAMLError, ValueError) as error:  # ValueError: such as !!int x
            line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
            raise InputError(f"{source} is not valid YAML (line {line}).") from error
        except RecursionError as error:
            raise InputError(f"{source} is nested too deeply to be settings.") from error
        return cls.checked(data if data is not None else {}, source=source)

    @classmethod
    def checked(cls, data: object, *, source: str) -> Self:
        """Validate a mapping and report pydantic's first error as one sentence.

        Raises:
            InputError: A key or a value is invalid.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise InputError(f"{source}: {_sentence(cls, error)}") from error
        except OverflowError as error:
            raise InputError(f"{source} has a number that is too large.") from error

    def to_yaml(self) -> str:
        """Return the settings as YAML, in the order of the model."""
        data = self.model_dump(mode="json")
        return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class Placement(Settings):
    """Where the networks of a job compute."""

    device: str
    """In torch's words."""
    call_ms: dict[str, float | None] = Field(default_factory=dict)
    """Time of a call for the batch of the job on each device that was tried, in all processes at
    once [ms]; null where the device could not be used; empty where there was no choice."""
    processes: int = Field(1, ge=1)
    """Processes that worked at once when that was measured."""

    def sentence(self) -> str:
        """Return the times in words; empty where there was no choice."""
        return ", ".join(
            f"{device} {'failed' if ms is None else f'{ms:.2f} ms'}"
            for device, ms in self.call_ms.items()
        )


def _kinds(annotation: object) -> Iterator[object]:
    """Yield the types in an annotation, those within others and of literal values too."""
    yield annotation if isinstance(annotation, type) else type(annotation)
    for inner in get_args(annotation):
        yield from _kinds(inner)


def _holds_truth(value: object) -> bool:
    """Tell whether a value is True or False, or a list or mapping that holds one."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return any(map(_holds_truth, value))
    return isinstance(value, bool)


def _sentence(model: type[Settings], error: ValidationError) -> str:
    """Return the first error as one sentence: the key, what is wrong, the known keys."""
    found = error.errors(include_url=False)
    # a misspelt key is also a missing key; the misspelling is the cause
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    *above, last = first["loc"] or ("the document",)
    key = ".".join(str(part) for part in (*above, last))
    if first["type"] == "extra_forbidden":
        known = tuple(_inner(model, above).model_fields)
        return f"there is no key {key}: {hint(str(last), known)}known are {', '.join(known)}."
    if first["type"] == "missing":
        return f"the key {key} is missing."
    if first["type"] == "value_error":
        at = f"{key}: " if first["loc"] else ""
        return f"{at}{first['msg'].removeprefix('Value error, ')}."
    return f"{key}: {first['msg'][0].lower()}{first['msg'][1:]}, got {first['input']!r}."


def _inner(model: type[Settings], path: list[int | str]) -> type[Settings]:
    """Return the model at a path of keys, or the last one on the way."""
    for key in path:
        field = model.model_fields.get(str(key))
        kinds = (field.annotation, *get_args(field.annotation)) if field else ()
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, Settings):
                model = kind
    return model


def hint(word: str, known: Iterable[str]) -> str:
    """Return "did you mean ...? " for the known key closest to a word, or an empty text."""
    names = list(known)
    longer = sorted((name for name in names if name.startswith(f"{word}_")), key=len)
    whole = {name.rpartition("_")[0]: name for name in names} | {name: name for name in names}
    close = longer or [whole[k] for k in difflib.get_close_matches(word, whole, n=1)]
    return f"did you mean {close[0]}? " if close else ""


def one_of(option: str, word: str, known: Sequence[Word]) -> Word:
    """Check that a word is one of the choices of an option, and return it.

    Raises:
        InputError: The word is not a choice.
    """
    for one in known:
        if word == one:
            return one
    *most, last = known
    raise InputError(f"{option} {word!r} is not known; use {', '.join(most)} or {last}.")
