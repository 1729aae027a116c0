#!/bin/bash
# The dashboard in a real browser: what /monitor shows is what /monitor.json says, light and dark, on a desk and on a phone, by
# keyboard. MARTLET_BINARY names the built binary; DASHBOARD_SHOTS a folder for screenshots.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=Tests/Deploy/checks.sh
source Tests/Deploy/checks.sh

missing=""
for needed in chromium chromedriver python3; do command -v $needed >/dev/null || missing="$missing $needed"; done
[[ -x "${MARTLET_BINARY:-}" ]] || missing="$missing MARTLET_BINARY"
if [[ -n "$missing" ]]; then
  skipped "the dashboard in a browser" "no$missing"
  finish
fi
python3 Tests/Deploy/dashboard.py "$MARTLET_BINARY" "${DASHBOARD_SHOTS:-$folder}"
