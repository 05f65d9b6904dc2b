# SPDX-License-Identifier: MIT
"""Damage that a file or a word may have: bytes, words and lines cut, doubled, exchanged."""

from __future__ import annotations

import io
import zipfile

import numpy as np

WORDS = (
    *("0", "-1", "1e308", "nan", "inf", "999999999999", "1.0D+00", "********", ":", "&", "/", "="),
    *(
        "'",
        '"',
        ",",
        "\t",
        "\r\n",
        "\0",
        "ü",
        "日本",
        "%FLAG X",
        "!",
        "@*",
        "(",
        ")",
        "[",
        "]",
        "*",
    ),
    *("true", "null", "- ", "{}", "#", "\\", "<:5", "1-", "%s", "$(x)", ";", "..", "~", "1_0", "٣"),
    *("[" * 3000, "{" * 3000, "(" * 3000, "!" * 3000, "9" * 400, "&a *a", "0x1F", "1e-400", "1e9"),
)


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Return an input with one to four damages."""
    for _ in range(int(rng.integers(1, 5))):
        data = _damaged_once(data, rng)
    return data


def _damaged_once(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.split(b"\n")
    at, kind = int(rng.integers(0, len(data) + 1)), int(rng.integers(0, 9))
    end = int(rng.integers(at, min(len(data), at + 40) + 1))
    i, j = (int(k) for k in rng.integers(0, len(lines), 2))
    word = WORDS[int(rng.integers(len(WORDS)))].encode()
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + word + data[at:]
    if kind == 2:
        return data[:at] + bytes([int(rng.integers(256))]) + data[at + 1 :]
    if kind == 7:
        return data[:at] + data[end:]
    if kind == 8:
        return data[:end] + data[at:end] + data[end:]
    if kind == 3:
        lines[i], lines[j] = lines[j], lines[i]
    elif kind == 4:
        del lines[i]
    elif kind == 5:
        lines.insert(i, lines[i])
    else:
        tokens = lines[i].split(b" ")
        tokens[int(rng.integers(len(tokens)))] = word
        lines[i] = b" ".join(tokens)
    return b"\n".join(lines)


def damaged_binary(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a binary file with one to four damages, most of them single bytes near its head."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        head = min(len(out), 1024) if rng.random() < 0.7 else len(out)
        at, kind = int(rng.integers(0, head + 1)), int(rng.integers(0, 6))
        if kind == 0 and rng.random() < 0.5:
            del out[at:]
        elif kind == 1:
            del out[at : at + int(rng.integers(1, 9))]
        elif kind == 2:
            out[at:at] = bytes(rng.integers(0, 256, int(rng.integers(1, 9)), dtype=np.uint8))
        elif kind == 3:  # a large number, or a negative one
            out[at : at + 4] = (b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff")[int(rng.integers(2))]
        elif at < len(out):
            out[at] = int(rng.integers(256))
    return bytes(out)


def damaged_archive(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a zip archive, as torch writes it, with damage to itself or inside one of its files.

    The checksums are right in the second case, so that the damage reaches who reads the file.
    """
    if rng.random() < 0.2:
        return damaged_binary(data, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    names = sorted(files)
    telling = [n for n in names if n.endswith((".pkl", ".py", "version", "byteorder"))]
    name = (names if rng.random() < 0.3 else telling)[int(rng.integers(len(telling)))]
    change = damaged if name.endswith(".py") else damaged_binary
    files[name] = change(files[name], rng)
    if rng.random() < 0.1:
        del files[names[int(rng.integers(len(names)))]]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()
