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
        if inner.startswith("V1beta1"):
            for part in item if kind.startswith("list[") else [item]:
                check(folder, part, inner, f"{where}.{key}")


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def main():
    folder = pathlib.Path(sys.argv[1])
    for path in map(pathlib.Path, sys.argv[2:]):
        for document in documents(path):
            kind = document["kind"]
            if document["apiVersion"] == "serving.kserve.io/v1beta1":
                check(folder, document["spec"], "V1beta1InferenceServiceSpec", f"{path.name}: spec")
                containers = document["spec"]["predictor"]["containers"]
                document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": containers}}
            for version in VERSIONS:
                kubernetes_validate.validate(document, version, strict=True)
            print(f"ok      {path.name}: {kind}")


if __name__ == "__main__":
    main()
