# SPDX-License-Identifier: MIT
"""A server through which programs share a model: a private Unix socket, one request at a time.

The protocol is that of `native/sander_client.c`. There is no network port: the socket is in a
folder only its owner can access, and callers of other users are rejected by their peer credentials.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import socket
import stat
import struct
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from merrow.errors import InputError, MerrowError
from merrow.sander.client import exchange

MAGIC: Final = "MERROW1"
LONGEST_PATH: Final = 103
"""Maximum length of a Unix socket path [bytes]: the kernel allows 107, ".new" takes four."""
LARGEST: Final = 1 << 26
"""Maximum size of a request [bytes]."""
PATIENCE: Final = 10.0
"""Time within which a caller must send its request [s]."""
HEARTBEAT: Final = 1.0
"""Heartbeat interval while the model computes [s]."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """A request: the job, and the two files of its step as text."""

    job: str
    input: str
    geometry: str


@dataclass(frozen=True)
class Reply:
    """A reply: the result file, and one line for the list of energies."""

    results: str
    line: str


class ModelServer:
    """A server in threads of this process, between `start` and `close`.

    Attributes:
        path: The socket.
    """

    def __init__(self, path: Path, answer: Callable[[Request], Reply]) -> None:
        """Prepare a server.

        Args:
            path: Path of the socket.
            answer: Function that answers a request; never called concurrently.

        Raises:
            InputError: The path is too long for a socket.
        """
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise InputError(
                f"the path of the socket {path} has more than {LONGEST_PATH} bytes: choose a "
                "shorter one (TMPDIR sets where scratch folders are)."
            )
        self.path = path
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self._lock: int | None = None

    def start(self) -> None:
        """Start listening.

        Raises:
            InputError: Another server listens there, or the folder is open to other users.
        """
        private_folder(self.path.parent)
        self._lock = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            self._lock = None
            raise InputError(
                f"another model server listens at {self.path}: use it, or choose another path."
            ) from None
        # Bound under another name and renamed: a visible socket is served. A dead one is replaced.
        new = self.path.with_name(f"{self.path.name}.new")
        new.unlink(missing_ok=True)
        self._listener.bind(str(new))
        new.chmod(0o600)
        self._listener.listen(128)
        new.replace(self.path)
        threading.Thread(target=self._accept, name="listener", daemon=True).start()

    def close(self) -> None:
        """Stop listening and remove the socket, without waiting for a running evaluation."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._worker.shutdown(wait=False, cancel_futures=True)
        if self._lock is not None:
            for path in (self.path, self.path.with_name(f"{self.path.name}.lock")):
                path.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        """Answer a caller; its errors do not stop the server."""
        with caller:
            try:
                caller.settimeout(PATIENCE)
                if _user(caller) == os.getuid():
                    self._converse(caller)
            except (OSError, ValueError, RuntimeError) as error:
                logger.info("a caller left: %s", error)

    def _converse(self, caller: socket.socket) -> None:
        future = self._worker.submit(self._answer, _read_request(caller))
        while True:
            try:
                caller.sendall(_outcome(future, HEARTBEAT))
                return
            except TimeoutError:
                if future.done():
                    raise  # the caller does not read
                try:
                    caller.sendall(b".")
                except OSError:
                    future.cancel()
                    raise


def listens(path: Path) -> bool:
    """Tell whether a live server listens at a path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        try:
            caller.connect(str(path))
        except OSError:
            return False
    return True


def ask(path: Path, request: Request) -> Reply:
    """Send a request from Python to the server at a path, and return the answer.

    Raises:
        MerrowError: The server reports an error, or sends no heartbeat for ten seconds.
    """
    parts = [text.encode() for text in (request.job, request.input, request.geometry)]
    try:
        results, line = exchange(str(path), parts, PATIENCE)
    except ValueError as error:
        raise MerrowError(str(error)) from error
    except OSError as error:
        raise MerrowError(f"the model server at {path} does not answer: {error}.") from error
    return Reply(results.decode(), line.decode())


def private_folder(folder: Path) -> None:
    """Create a folder private to its owner, or check an existing one.

    Raises:
        InputError: The folder belongs to another user, or others can access it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.stat()
    if about.st_uid != os.getuid() or stat.S_IMODE(about.st_mode) & 0o077:
        raise InputError(
            f"the folder {folder} of the socket is open to other users; choose one that is yours "
            f"alone, such as --socket {folder / f'merrow-{os.getuid()}' / 'socket'}, whose "
            "folder is made."
        )


def _outcome(future: Future[Reply], patience: float) -> bytes:
    """Return an answer as bytes.

    Raises:
        TimeoutError: The answer is not ready yet.
    """
    try:
        reply = future.result(timeout=patience)
    except TimeoutError:
        raise
    except CancelledError:  # it was queued when the server closed: nothing failed
        return _refusal("the model server has ended")
    except MerrowError as error:
        return _refusal(str(error))
    except Exception as error:  # an error of a model must reach the user, not end the server
        logger.warning("the model failed", exc_info=error)
        return _refusal(f"the model failed with {type(error).__name__}: {error}")
    results, line = reply.results.encode(), reply.line.encode()
    return b"ok %d %d\n%b%b" % (len(results), len(line), results, line)


def _refusal(sentence: str) -> bytes:
    message = sentence.encode()
    return b"no %d 0\n%b" % (len(message), message)


def _read_request(caller: socket.socket) -> Request:
    with caller.makefile("rb") as stream:
        head = stream.readline(128).decode("ascii").split()
        if len(head) != 4 or head[0] != MAGIC:
            raise ValueError("it spoke another language")
        lengths = [int(word) for word in head[1:]]
        if min(lengths) < 0 or sum(lengths) > LARGEST:
            raise ValueError("its request is too large")
        parts = [stream.read(length) for length in lengths]
    if [len(part) for part in parts] != lengths:
        raise ValueError("it hung up in the middle of its request")
    job, text, geometry = (part.decode() for part in parts)
    return Request(job, text, geometry)


def _user(caller: socket.socket) -> int:
    """Return the user id of the peer process."""
    size = struct.calcsize("3i")
    _, user, _ = struct.unpack("3i", caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(user)
