#!/usr/bin/env bash
# Get the servers that tests start and that pip does not bring (MariaDB), from Debian's packages: servers.sh FOLDER.
# Without them their tests are left out, and said so; in CI they must be there.
set -euo pipefail
folder=$1

if ! "$folder/bin/python" -m dovetail.testing.servers.mariadb; then
    echo "Going on without a MariaDB server: its tests are skipped" >&2
    [ "${CI:-}" != true ]
fi
