# SPDX-License-Identifier: MIT
"""What a run chooses by itself, once: run.yaml then holds it, and the run goes on with it."""

from __future__ import annotations

from merrow.hydration.config import HydrationConfig

CHOSEN = ("record_interval_ps", "records_per_sweep")
"""Settings of a protocol that are chosen."""


def with_choices_of(config: HydrationConfig, begun: HydrationConfig) -> HydrationConfig:
    """Return a configuration that leaves to a run that was begun what it has chosen.

    Args:
        config: What is asked.
        begun: The run.
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
