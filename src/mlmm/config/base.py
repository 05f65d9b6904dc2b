# SPDX-License-Identifier: MIT
"""What does every piece of configuration have in common?

Frozen, unknown keys refused, no files opened, and a fingerprint that names the work it asks for.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from mlmm.errors import InputError


class Settings(BaseModel):
    """Base of all configuration models."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True
    )

    def fingerprint(self) -> str:
        """Return 16 hex digits that are equal for equal settings."""
        return digest(self.model_dump(mode="json"))

    @classmethod
    def from_yaml(cls, text: str, *, where: str) -> Self:
        """Read settings from YAML text.

        Raises:
            InputError: The text is not YAML, or a key or value is not understood.
        """
        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
            raise InputError(f"{where} is not valid YAML (line {line}).") from error
        return cls.checked(data if data is not None else {}, where=where)

    @classmethod
    def checked(cls, data: object, *, where: str) -> Self:
        """Validate a mapping and turn pydantic's first complaint into one sentence.

        Raises:
            InputError: A key or a value is not understood.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"]) or "the document"
            known = ", ".join(cls.model_fields)
            hint = f" (known keys: {known})" if first["type"] == "extra_forbidden" else ""
            raise InputError(
                f"{where}: {key}: {first['msg']}, got {first['input']!r}{hint}."
            ) from error

    def to_yaml(self) -> str:
        """Return the settings as YAML, in the order of the model."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def digest(value: Any) -> str:
    """Return 16 hex digits of the SHA-256 of a JSON value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
