#!/usr/bin/env bash
# Make a virtual environment: venv.sh PYTHON FOLDER. Says what is missing, and gets it where that is allowed.
set -euo pipefail
python=$1 folder=$2

if ! command -v "$python" >/dev/null; then
    echo "No $python was found. Dovetail needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3" >&2
    exit 2
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$("$python" --version) is too old. Dovetail needs 3.11 or newer; name one with: make PYTHON=/path/to/python3" >&2
    exit 2
fi

works() { [ -x "$folder/bin/python" ] && "$folder/bin/python" -m pip --version >/dev/null 2>&1; }

echo "Making $folder with $("$python" --version)"
rm -rf "$folder"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$python" -m venv "$folder" >"$log" 2>&1 && works && exit 0

# Debian and Ubuntu ship Python without ensurepip unless python3-venv is installed.
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "$python cannot make environments with pip yet; installing python3-venv"
    apt-get install -y -qq python3-venv >"$log" 2>&1 || { apt-get update -qq && apt-get install -y -qq python3-venv; } >"$log" 2>&1 || true
    rm -rf "$folder"
    "$python" -m venv "$folder" >"$log" 2>&1 && works && exit 0
fi
for words in "--user" "--user --break-system-packages"; do
    # shellcheck disable=SC2086 # the words are two options
    "$python" -m pip install --quiet $words virtualenv >"$log" 2>&1 || continue
    rm -rf "$folder"
    "$python" -m virtualenv --quiet "$folder" >"$log" 2>&1 && works && exit 0
done

cat "$log" >&2
echo "
No virtual environment could be made. Install Python's venv module and try again:
    Debian, Ubuntu:  apt-get install python3-venv
    others:          $python -m pip install --user virtualenv" >&2
exit 2
