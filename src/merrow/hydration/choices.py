# SPDX-License-Identifier: MIT
"""Automatic choices of a run: made once, written to run.yaml, and kept when it is resumed."""

from __future__ import annotations

from merrow.hydration.config import HydrationConfig

CHOSEN = ("record_interval_ps", "records_per_sweep")
"""Protocol settings that are chosen automatically."""


def with_choices_of(config: HydrationConfig, begun: HydrationConfig) -> HydrationConfig:
    """Return a configuration that keeps the automatic choices of an existing run.

    Args:
        config: The requested configuration.
        begun: The configuration of the existing run.
    """
    asked = config.protocol
    for protocol in (asked, *(asked.recorded(often=often) for often in (True, False))):
        if all(getattr(protocol, key) == getattr(begun.protocol, key) for key in CHOSEN):
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
