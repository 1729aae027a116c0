"""Does the steps of a Dockerfile's last stage without an engine: dockerfile.py DOCKERFILE PROGRAM BUNDLE

PROGRAM stands for what the stage before has built. BUNDLE gets rootfs and process.json, which has the user, the words and those of
the health check. The base, a slim Debian, is made by mmdebstrap. Needs root and the way to Debian's archive.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

dockerfile, program, bundle = sys.argv[1:4]
root = pathlib.Path(bundle, "rootfs")
root.parent.mkdir(parents=True, exist_ok=True)


def inside(path):
    return root / path.lstrip("/")


def base(image):
    name, _, tag = image.partition(":")
    if name != "debian" or not tag.endswith("-slim"):
        sys.exit(f"the base is {image}, which this cannot make")
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", tag.removesuffix("-slim"), str(root)], check=True)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")


def copy(words):
    *sources, target = [word for word in words if not word.startswith("--")]
    for source in sources:
        source = program if "--from=build" in words else source
        place = inside(target)
        place.parent.mkdir(parents=True, exist_ok=True)
        if os.path.isdir(source):
            shutil.copytree(source, place, dirs_exist_ok=True)
        else:
            shutil.copy(source, place)


result = {"user": "0:0"}
stage = pathlib.Path(dockerfile).read_text().split("\nFROM ")[-1]
for line in re.sub(r"\\\n", " ", "FROM " + stage).splitlines():
    if not line or line.startswith("#"):
        continue
    word, rest = line.split(None, 1)
    if word == "FROM":
        base(rest)
    elif word == "RUN":
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["chroot", str(root), "/bin/sh", "-c", rest], check=True, env=environment, stdin=subprocess.DEVNULL)
    elif word == "COPY":
        copy(rest.split())
    elif word == "USER":
        result["user"] = rest
    elif word in ("ENTRYPOINT", "CMD"):
        result[word.lower()] = json.loads(rest)
    elif word == "HEALTHCHECK":
        result["healthcheck"] = json.loads(rest[rest.index("CMD") + 3 :])
    elif word == "VOLUME":
        result["volumes"] = json.loads(rest)
    elif word != "EXPOSE":
        sys.exit(f"{word}: this does not know the instruction")
with open(f"{bundle}/process.json", "w") as file:
    json.dump(result, file)
