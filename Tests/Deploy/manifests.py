#!/usr/bin/env python3
"""Checks the Kubernetes manifests against the schemas of Kubernetes, and KServe's against KServe's own models.

    manifests.py KSERVE_MODELS FILE...

KSERVE_MODELS is the folder `kserve/models` of the package kserve; its modules are read, not imported, because they would
bring in a whole serving stack. What KServe takes as a container is checked as Kubernetes checks it in a pod.
Each document is checked with unknown fields refused, for every release that VERSIONS names.
"""
import ast
import pathlib
import re
import sys

import kubernetes_validate
import yaml

VERSIONS = ("1.27", "1.29", "1.31", "1.33")
# The fields of the Prometheus operator's PodMonitor (monitoring.coreos.com/v1) that may be used, as its API reference has them.
POD_MONITOR = {"selector": {"matchLabels"}, "podMetricsEndpoints": {"port", "path", "interval", "authorization"}}


def model(folder, name):
    """The JSON names of a KServe model's fields, each with its type."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    tree = ast.parse((folder / f"{snake}.py").read_text())
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("openapi_types", "attribute_map"):
            found[node.targets[0].id] = ast.literal_eval(node.value)
    return {found["attribute_map"][key]: kind for key, kind in found["openapi_types"].items()}


def check(folder, value, name, where):
    fields = model(folder, name)
    for key, item in value.items():
        if key not in fields:
            raise SystemExit(f"{where}: KServe's {name} has no field {key}")
        kind = fields[key]
        if kind == "int" and not isinstance(item, int) or kind == "str" and not isinstance(item, str):
            raise SystemExit(f"{where}.{key}: {item!r} is no {kind}")
        inner = re.sub(r"^list\[(.*)\]$", r"\1", kind)
        if inner.startswith(("V1beta1", "V1alpha1")):
            for part in item if kind.startswith("list[") else [item]:
                check(folder, part, inner, f"{where}.{key}")


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def pod(spec):
    """What KServe takes over into a pod, checked as Kubernetes checks it there."""
    fields = {key: spec[key] for key in ("containers", "volumes", "securityContext") if key in spec}
    fields.setdefault("containers", [{"name": "x", "image": "x"}])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": fields}


def check_monitor(path, document, ports, secrets):
    """Its fields, and that the port and the secret that it names are those of a pod."""
    spec = document["spec"]
    endpoints = spec["podMetricsEndpoints"]
    for unknown in (set(spec) - set(POD_MONITOR)) | {key for one in endpoints for key in one if key not in POD_MONITOR["podMetricsEndpoints"]}:
        raise SystemExit(f"{path.name}: PodMonitor has no field {unknown}")
    for one in endpoints:
        if one["port"] not in ports or one["authorization"]["credentials"]["name"] not in secrets:
            raise SystemExit(f"{path.name}: no pod has the port or the secret of {one}")


def main():
    folder = pathlib.Path(sys.argv[1])
    files = [(path, document) for path in map(pathlib.Path, sys.argv[2:]) for document in documents(path)]
    text = "".join(path.read_text() for path in map(pathlib.Path, sys.argv[2:]))
    ports, secrets = set(re.findall(r"\{name: (\w+), containerPort", text)), set(re.findall(r"secretName: ([\w-]+)", text))
    for path, document in files:
        kind = document["kind"]
        if kind == "PodMonitor":
            check_monitor(path, document, ports, secrets)
            print(f"ok      {path.name}: {kind}")
            continue
        if document["apiVersion"] == "serving.kserve.io/v1beta1":
            check(folder, document["spec"], "V1beta1InferenceServiceSpec", f"{path.name}: spec")
            document = pod(document["spec"]["predictor"])
        elif document["apiVersion"] == "serving.kserve.io/v1alpha1":
            check(folder, document["spec"], "V1alpha1ServingRuntimeSpec", f"{path.name}: spec")
            document = pod(document["spec"])
        for version in VERSIONS:
            kubernetes_validate.validate(document, version, strict=True)
        print(f"ok      {path.name}: {kind}")


if __name__ == "__main__":
    main()
