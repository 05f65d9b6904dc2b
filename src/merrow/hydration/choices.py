# SPDX-License-Identifier: MIT
"""Automatic choices of a run: made once, written to run.yaml, and kept when it is resumed."""

from __future__ import annotations

from collections.abc import Iterator

from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import OFTEN, RECORD_INTERVAL, Protocol

RECORDS = ("record_interval_ps", "records_per_sweep", "sweeps_per_segment")
"""Protocol settings that are chosen together."""


def with_choices_of(config: HydrationConfig, begun: HydrationConfig) -> HydrationConfig:
    """Return a configuration that keeps the automatic choices of an existing run.

    Args:
        config: The requested configuration.
        begun: The configuration of the existing run.
    """
    asked = config.protocol
    if asked.torsion_scales is None:
        scales = begun.protocol.torsion_scales
        asked = asked.model_copy(update={"torsion_scales": scales})
        config = config.model_copy(update={"protocol": asked})
    for protocol in (asked, *_of_records(asked)):
        if all(getattr(protocol, key) == getattr(begun.protocol, key) for key in RECORDS):
            config = config.model_copy(update={"protocol": protocol})
            break
    kernel, isa = config.mm_kernel, config.mm_instruction_set
    if kernel == "auto":
        kernel = begun.mm_kernel
    if kernel == begun.mm_kernel:
        isa = isa or begun.mm_instruction_set
    engine = begun.engine if config.engine == "auto" else config.engine
    chosen = {"mm_kernel": kernel, "mm_instruction_set": isa, "engine": engine}
    return config.model_copy(update=chosen)


def _of_records(asked: Protocol) -> Iterator[Protocol]:
    """Yield the protocols that differ in the choice of records, that of older runs last."""
    for often in (True, False):
        scales = {"torsion_scales": asked.torsion_scales}
        yield asked.chosen(often=often, torsion_spread=0.0).model_copy(update=scales)
    if asked.record_interval_ps is None:  # as chosen before exchange became more frequent
        update = {
            "record_interval_ps": RECORD_INTERVAL / OFTEN,
            "records_per_sweep": OFTEN * asked.records_per_sweep,
        }
        yield asked.model_copy(update=update)
