"""What Martlet and huggingface_hub make of each other's cache: hub_cache.py MARTLET SMALL_HUB FOLDER, by Tests/Clients/hub."""

import filecmp
import os
import pathlib
import subprocess
import sys
import time

martlet, small_hub, work = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]).resolve()
source = work / "models/org/spam"
log = work / "requests"
hub = subprocess.Popen([small_hub, str(work / "models"), str(log)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
os.environ["HF_ENDPOINT"] = hub.stdout.readline().strip()
os.environ["HF_HOME"] = str(work / "home")
os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN"):
    os.environ.pop(name, None)

import huggingface_hub  # noqa: E402  (reads the environment when it is imported)
from huggingface_hub import (  # noqa: E402
    constants,
    hf_hub_download,
    scan_cache_dir,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.file_download import _CACHED_NO_EXIST  # noqa: E402
from huggingface_hub.utils import WeakFileLock  # noqa: E402


def run(*words: str, offline: bool = False, cache: pathlib.Path | None = None) -> str:
    """What a command of Martlet prints."""
    environment = dict(os.environ, **({"HF_HUB_OFFLINE": "1"} if offline else {}), **({"HF_HUB_CACHE": str(cache)} if cache else {}))
    done = subprocess.run([martlet, *words], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def asked() -> list[str]:
    return log.read_text().splitlines()


# 1. What Martlet downloads, Python finds.
path = pathlib.Path(run("pull", "org/spam").strip())
assert pathlib.Path(snapshot_download("org/spam", local_files_only=True)) == path
files = [file for file in path.rglob("*") if file.is_file()]
assert {"config.json", "tokenizer.json", "model.safetensors"} <= {file.name for file in files}, files
for file in files:
    name = str(file.relative_to(path))
    assert filecmp.cmp(hf_hub_download("org/spam", name, local_files_only=True), source / name, shallow=False), name
assert try_to_load_from_cache("org/spam", "modules.json") is _CACHED_NO_EXIST
assert not (path / "README.md").exists()
before = len(asked())
for file in files:
    hf_hub_download("org/spam", str(file.relative_to(path)))
assert not [line for line in asked()[before:] if " GET " in line], "Python downloads again what is there"
report = scan_cache_dir()
assert not report.warnings and [repo.repo_id for repo in report.repos] == ["org/spam"], report
assert [set(revision.refs) for revision in next(iter(report.repos)).revisions] == [{"main"}]
print("ok: Python finds what Martlet pulled")

# 2. What Python downloads, Martlet finds, and asks nobody.
other = work / "other"
theirs = pathlib.Path(snapshot_download("org/spam", cache_dir=other))
before = len(asked())
answer = run("predict", "org/spam", "--text", "WIN a FREE prize now", offline=True, cache=other)
assert answer == run("predict", str(source), "--text", "WIN a FREE prize now"), answer
assert answer == run("predict", "org/spam", "--text", "WIN a FREE prize now", cache=other)
assert len(asked()) == before, asked()[before:]
run("pull", "org/spam", cache=other)
assert not [line for line in asked()[before:] if " GET " in line and "/resolve/" in line]
assert '"org/spam"' in run("models", "--json", cache=other)
assert sorted(file.name for file in theirs.iterdir()) == sorted(file.name for file in source.iterdir())
print("ok: Martlet finds what Python downloaded")

# 3. A file that Python left out is brought; one that Python holds the lock of is waited for.
partial = work / "partial"
hf_hub_download("org/spam", "config.json", cache_dir=partial)
etag = os.readlink(path / "model.safetensors").split("/")[-1]
lock = partial / ".locks/models--org--spam" / f"{etag}.lock"
lock.parent.mkdir(parents=True, exist_ok=True)
with WeakFileLock(lock):
    child = subprocess.Popen([martlet, "pull", "org/spam"], env=dict(os.environ, HF_HUB_CACHE=str(partial)), stderr=subprocess.PIPE, text=True)
    said = child.stderr.readline()
    assert "another process" in said, said
    assert not (partial / "models--org--spam/blobs" / etag).exists()
assert child.wait(timeout=60) == 0
assert filecmp.cmp(partial / "models--org--spam/blobs" / etag, source / "model.safetensors", shallow=False)
print("ok: Martlet waits for Python's lock")

# 4. Deleted by one, it is gone for the other.
run("models", "rm", "org/spam")
assert not scan_cache_dir().repos
assert try_to_load_from_cache("org/spam", "config.json") is None
strategy = scan_cache_dir(partial).delete_revisions(path.name)
strategy.execute()
assert '"org/spam"' not in run("models", "--json", cache=partial)
print(f"ok: deleting; huggingface_hub {huggingface_hub.__version__}, {time.strftime('%Y-%m-%d')}, cache of {constants.HF_HOME}")
hub.stdin.close()
hub.wait(timeout=10)
