#!/usr/bin/env bash
# Builds the archive of sources, a wheel from it, and tries the wheel in a bare environment of every
# Python from 3.11 to 3.13 that is here. A compiled part that does not compile ends it.
#   packaging/check.sh [FOLDER]      FOLDER (default: dist) gets both files
# The Python of the environment of `make setup` gets every dependency and runs `merrow doctor`. The
# others get what `merrow --version`, `import merrow` and the kernels need: torch for each of them
# would be gigabytes where the package index has no build for the processor alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
dist=$(realpath -m "${1:-dist}")
python=${PYTHON:-.venv/bin/python}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export MERROW_REQUIRE_NATIVE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
unset PYTHONPATH

rm -rf "$dist" && mkdir -p "$dist"
"$python" - "$dist" >/dev/null <<'END'
import sys
from setuptools import build_meta
build_meta.build_sdist(sys.argv[1])
END
"$python" -m pip wheel -q --no-deps --no-build-isolation -w "$dist" "$dist"/merrow-*.tar.gz
wheel=$(echo "$dist"/merrow-*.whl)
echo "built $(basename "$wheel") from $(basename "$dist"/merrow-*.tar.gz)"

main=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
few=(numpy scipy pydantic PyYAML rich typer)
pythons() { # prints every interpreter of that version that runs, among PATH and pyenv's
  local version=$1 one
  for one in "$(command -v "python$version" || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python; do
    if [ -x "$one" ] && "$one" -c 'import venv, ensurepip' 2>/dev/null; then echo "$one"; return; fi
  done
}
for version in 3.11 3.12 3.13; do
  interpreter=$(pythons "$version")
  if [ -z "$interpreter" ]; then echo "Python $version: not here"; continue; fi
  "$interpreter" -m venv "$scratch/$version"
  bin=$scratch/$version/bin
  if [ "$version" = "$main" ]; then
    "$bin/pip" install -q -c constraints.txt "$wheel"
    (cd "$scratch" && "$bin/python" "$OLDPWD/packaging/check_installed.py" --doctor)
  else
    "$bin/pip" install -q -c constraints.txt "${few[@]}"
    "$bin/pip" install -q --no-deps "$wheel"
    (cd "$scratch" && "$bin/python" "$OLDPWD/packaging/check_installed.py")
  fi
done
