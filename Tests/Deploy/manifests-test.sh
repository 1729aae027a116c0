#!/bin/bash
# Checks deploy/cluster/kubernetes, and what the Helm chart renders to, against the schemas of Kubernetes and KServe, which come from PyPI
# into .build-manifests. With its own values the chart is deploy/cluster/kubernetes/martlet.yaml.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=.build-manifests
if [[ ! -d "$work/kserve" ]]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet kubernetes-validate==1.37.0 pyyaml
  # Its models alone are read; what it depends on is a serving stack of its own.
  "$work/venv/bin/pip" install --quiet --no-deps --target "$work" kserve==0.21.0
fi
# There is no helm in Debian: its template language and functions are.
render() { GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$PWD/$work/go" go run Tests/Deploy/helm/render.go deploy/helm/martlet martlet "$@"; }
render >"$work/helm-default.yaml"
render image.tag=1.2 'image.pullSecrets=[{name: registry}]' 'options=[--precision=int8]' modelClaim=model stateClaim=state autoscaler.queueDepth=8 \
  service.type=LoadBalancer podMonitor.enabled=true 'nodeSelector={disk: ssd}' 'tolerations=[{key: cpu, operator: Exists}]' >"$work/helm-all.yaml"
render autoscaler.enabled=false networkPolicy.enabled=false >"$work/helm-least.yaml"
"$work/venv/bin/python" Tests/Deploy/manifests.py "$work/kserve/models" deploy/cluster/kubernetes/*.yaml "$work"/helm-*.yaml
"$work/venv/bin/python" - deploy/cluster/kubernetes/martlet.yaml "$work/helm-default.yaml" <<'PYTHON'
import sys, yaml
plain, chart = ([document for document in yaml.safe_load_all(open(path)) if document] for path in sys.argv[1:])
assert plain == chart, [pair for pair in zip(plain, chart) if pair[0] != pair[1]]
print("ok      the chart's own values give martlet.yaml")
PYTHON
