# SPDX-License-Identifier: MIT
"""The client of the model server in Python, used where the compiled client is missing.

It does the same as `native/sander_client.c` with the standard library alone, and runs as a program
independent of the package. It costs the start of an interpreter at every step.
"""

from __future__ import annotations

import fcntl
import os
import socket
import sys

RESULTS, GEOMETRY = "orc_job.engrad", "inpfile.xyz"
ENERGIES, FAILURE = "merrow_energies", "merrow_failure"


def main() -> None:
    """Send the step in this folder to the server and write its answer."""
    try:
        ask(sys.argv[1])
    except (OSError, ValueError, KeyError, IndexError) as error:
        text = f"{error}\n"
        with open(FAILURE, "w", encoding="utf-8") as file:
            file.write(text)
        sys.stderr.write(text)
        sys.exit(1)


def ask(name: str) -> None:
    """Send a job's files and save the answer.

    Args:
        name: sander's ORCA input.

    Raises:
        OSError: The server does not answer, or a file cannot be read or written.
        ValueError: The server reports an error.
    """
    if os.path.exists(RESULTS):
        os.unlink(RESULTS)
    if "MERROW_LOCK" in os.environ:
        check_owner(os.environ["MERROW_LOCK"])
    if "MERROW_RESTART" in os.environ:
        keep_restart(os.environ["MERROW_RESTART"], os.environ["MERROW_KEEP"])
    parts = [os.environ["MERROW_JOB"].encode()]
    for path in (name, GEOMETRY):
        with open(path, "rb") as file:
            parts.append(file.read())
    patience = float(os.environ.get("MERROW_TIMEOUT", "10"))
    results, line = exchange(os.environ["MERROW_SOCKET"], parts, patience)
    with open(ENERGIES, "ab") as file:
        file.write(line)
    with open(f"{RESULTS}.part", "wb") as file:
        file.write(results)
    os.replace(f"{RESULTS}.part", RESULTS)


def exchange(path: str, parts: list[bytes], patience: float) -> tuple[bytes, bytes]:
    """Send a job and the two files of its step; return the result file and the energy line.

    Args:
        path: Socket of the server.
        parts: The job, the input and the geometry.
        patience: Time without a heartbeat after which the server counts as dead [s].

    Raises:
        OSError: The server does not answer.
        ValueError: The server reports an error.
    """
    head = "MERROW1 {} {} {}\n".format(*(len(part) for part in parts)).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.settimeout(patience)
        try:
            server.connect(path)
            server.sendall(head + b"".join(parts))
        except OSError as error:
            raise OSError(f"the model server does not answer (did it end?): {error}") from error
        kind, results, line = _receive(server)
    if kind != b"ok":
        raise ValueError(results.decode())
    return results, line


def check_owner(path: str) -> None:
    """Check that `merrow sander`, which holds a lock while it runs, still exists.

    Raises:
        OSError: It has ended.
    """
    lock = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    finally:
        os.close(lock)
    raise OSError("`merrow sander` was killed, so its sander ends too")


def keep_restart(source: str, target: str) -> None:
    """Copy a restart file to the user's path atomically, if its modification time is new.

    Args:
        source: File that sander overwrites in place, but never while a client runs.
        target: The user's file.
    """
    if not os.path.exists(source) or os.path.getsize(source) == 0:
        return
    made = os.stat(source)
    if os.path.exists(target) and os.stat(target).st_mtime_ns == made.st_mtime_ns:
        return
    with open(source, "rb") as old, open(f"{target}.part", "wb") as new:
        new.write(old.read())
    os.utime(f"{target}.part", ns=(made.st_atime_ns, made.st_mtime_ns))
    os.replace(f"{target}.part", target)


def _receive(server: socket.socket) -> tuple[bytes, bytes, bytes]:
    answer = b""
    while True:
        try:
            piece = server.recv(1 << 16)
        except TimeoutError:
            raise OSError("the model server gave no sign of life until the time-out") from None
        if not piece:
            raise OSError("the model server died during an evaluation")
        answer = (answer + piece).lstrip(b".")
        head, _, body = answer.partition(b"\n")
        words = head.split()
        if b"\n" in answer and len(words) == 3:
            first, second = int(words[1]), int(words[2])
            if len(body) >= first + second:
                return words[0], body[:first], body[first : first + second]


if __name__ == "__main__":
    main()
