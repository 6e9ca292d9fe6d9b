#!/usr/bin/env bash
# Install the pinned requirements, checked by hash, and this package into an environment: install.sh FOLDER.
set -euo pipefail
folder=$1
pip=("$folder/bin/python" -m pip --disable-pip-version-check --quiet)

echo "Installing the pinned requirements into $folder (once; a minute or two)"
# uv is quicker; where it cannot work, pip does the same.
if "${pip[@]}" install --require-hashes -r requirements/installer.txt \
    && "$folder/bin/uv" pip install --quiet --system-certs --python "$folder/bin/python" --require-hashes -r requirements/dev.txt; then
    :
else
    echo "uv could not install them; using pip"
    "${pip[@]}" install --require-hashes -r requirements/dev.txt
fi
"${pip[@]}" install --no-deps --no-build-isolation -e .
