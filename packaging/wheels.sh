#!/usr/bin/env bash
# Builds manylinux wheels on a machine with docker: packaging/wheels.sh [x86_64|aarch64]
# As the release does, by cibuildwheel (its settings are in pyproject.toml). The other processor is emulated and
# takes long; its own machine is better. A kernel that does not compile ends it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
arch=${1:-$(uname -m)}
case $arch in
  x86_64 | aarch64) ;;
  *) echo "wheels.sh: $arch is neither x86_64 nor aarch64." >&2; exit 2 ;;
esac
if [ "$arch" != "$(uname -m)" ]; then # lets docker run programs of the other processor
  docker run --rm --privileged tonistiigi/binfmt --install "$arch" >/dev/null
fi
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" install -q cibuildwheel==3.2.1
"$tools/bin/cibuildwheel" --platform linux --archs "$arch" --output-dir dist
