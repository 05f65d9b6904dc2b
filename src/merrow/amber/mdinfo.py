# SPDX-License-Identifier: MIT
"""sander's mdinfo: progress, speed and estimated end of a run."""

from __future__ import annotations

from dataclasses import dataclass

SECONDS_PER_DAY = 86400.0
RULE = "-" * 78


@dataclass(frozen=True)
class Pace:
    """Progress and speed of a run.

    Attributes:
        done: Steps done.
        total: Total number of steps.
        timestep: Time step [ps].
        elapsed: Time since the first step [s].
        last_steps: Steps since the last block.
        last_elapsed: Time since the last block [s].
    """

    done: int
    total: int
    timestep: float
    elapsed: float
    last_steps: int
    last_elapsed: float

    @property
    def ns_per_day(self) -> float:
        """Average speed over all steps [ns/day]."""
        return _ns_per_day(self.done, self.elapsed, self.timestep)

    @property
    def remaining(self) -> float:
        """Estimated time left [s]."""
        return (self.total - self.done) * self.elapsed / max(self.done, 1)


def timings(pace: Pace, *, final: bool = False) -> str:
    """Return the timings section of mdinfo, or of the end of mdout."""
    title = "Final Performance Info" if final else "Current Timing Info"
    lines = [
        title + (":" if final else ""),
        RULE[:53],
        f"Total steps : {pace.total:10d} | Completed : {pace.done:10d} | "
        f"Remaining : {pace.total - pace.done:10d}",
        "",
    ]
    if not final:
        lines += [f"Average timings for last {pace.last_steps:7d} steps:"]
        lines += [*_speed(pace.last_steps, pace.last_elapsed, pace.timestep), ""]
    lines += ["Average timings for all steps:", *_speed(pace.done, pace.elapsed, pace.timestep)]
    if not final:
        lines += ["", f"Estimated time remaining: {_duration(pace.remaining)}"]
    lines.append(RULE[:53])
    return "".join(f"| {line}".rstrip() + "\n" for line in lines)


def _speed(steps: int, elapsed: float, timestep: float) -> list[str]:
    rate = _ns_per_day(steps, elapsed, timestep)
    return [
        f"    Elapsed(s) = {elapsed:10.2f} Per Step(ms) = {1e3 * elapsed / max(steps, 1):10.2f}",
        f"        ns/day = {rate:10.4f}   seconds/ns = "
        f"{SECONDS_PER_DAY / rate if rate else 0.0:10.2f}",
    ]


def _ns_per_day(steps: int, elapsed: float, timestep: float) -> float:
    return steps * timestep * 1e-3 * SECONDS_PER_DAY / elapsed if elapsed > 0.0 else 0.0


def _duration(seconds: float) -> str:
    if seconds >= 3600.0:
        return f"{seconds / 3600.0:9.1f} hours."
    return f"{seconds / 60.0:9.1f} minutes." if seconds >= 60.0 else f"{seconds:9.1f} seconds."
