# SPDX-License-Identifier: MIT
"""What a new run chooses by itself, once: run.yaml then holds it, and the run goes on with it."""

from __future__ import annotations

from merrow.hydration.config import HydrationConfig

CHOSEN = ("record_interval_ps", "records_per_sweep")
"""Settings of a protocol that are chosen."""


def with_choices(config: HydrationConfig) -> HydrationConfig:
    """Return a configuration in which nothing is left to be chosen."""
    return config.model_copy(update={"protocol": config.protocol.recorded(often=False)})


def with_choices_of(config: HydrationConfig, begun: HydrationConfig) -> HydrationConfig:
    """Return a configuration with the choices of a run that was begun, if it may have made them.

    Args:
        config: What is asked.
        begun: The run, in which nothing is left to be chosen.
    """
    there = begun.protocol
    for often in (True, False):
        protocol = config.protocol.recorded(often=often)
        if all(getattr(protocol, key) == getattr(there, key) for key in CHOSEN):
            return config.model_copy(update={"protocol": protocol})
    return with_choices(config)


def with_kernel_of(config: HydrationConfig, begun: HydrationConfig) -> HydrationConfig:
    """Return a configuration that leaves the nonbonded kernel to the run that was begun.

    Args:
        config: What is asked.
        begun: The run.
    """
    kernel, isa = config.mm_kernel, config.mm_instruction_set
    if kernel == "auto":
        kernel = begun.mm_kernel
    if kernel == begun.mm_kernel:
        isa = isa or begun.mm_instruction_set
    return config.model_copy(update={"mm_kernel": kernel, "mm_instruction_set": isa})
