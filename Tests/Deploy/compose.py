"""What compose.yaml says of its services: compose.py mounts | command SERVICE | healthcheck

mounts lays the files of every service where its container has them, with volumes as empty folders; on a machine that is thrown away.
command prints the words of a service, a line each. healthcheck prints what the
Dockerfile asks, a line each.
"""

import json
import pathlib
import re
import shutil
import sys

import yaml

project = pathlib.Path("compose.yaml")
services = yaml.safe_load(project.read_text())["services"]


def filled(text):
    """With the defaults of `${NAME:-default}`."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def mounts():
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source, target = filled(volume).split(":")[:2]
            target = pathlib.Path(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not source.startswith("."):
                target.mkdir(exist_ok=True)
            elif pathlib.Path(source).is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copy(source, target)
        if "build" not in service and ":" not in service["image"]:
            sys.exit(f"{name}: the image has no version")


def dockerfile(word):
    stage = pathlib.Path("Dockerfile").read_text().split("\nFROM ")[-1]
    line = re.findall(rf"^{word} .*?(\[.*\])$", stage, re.MULTILINE)[-1]
    return json.loads(line)


kind, *rest = sys.argv[1:]
if kind == "mounts":
    mounts()
elif kind == "command":
    service = services[rest[0]]
    print("\n".join(filled(word) for word in service.get("entrypoint", []) + service.get("command", [])))
elif kind == "healthcheck":
    print("\n".join(dockerfile("HEALTHCHECK")))
else:
    sys.exit(__doc__)
