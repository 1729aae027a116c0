#!/bin/bash
# Checks deploy/cluster/kubernetes against the schemas of Kubernetes and KServe, which come from PyPI into .build-manifests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=.build-manifests
if [[ ! -d "$work/kserve" ]]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet kubernetes-validate==1.37.0 pyyaml
  # Its models alone are read; what it depends on is a serving stack of its own.
  "$work/venv/bin/pip" install --quiet --no-deps --target "$work" kserve==0.21.0
fi
"$work/venv/bin/python" Tests/Deploy/manifests.py "$work/kserve/models" deploy/cluster/kubernetes/*.yaml
