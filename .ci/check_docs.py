#!/usr/bin/env python3
"""Checks that what the Markdown pages name is there.

- Each relative link leads to a file of the repository, and its anchor to a heading.
- Each path in code (`Benchmarks/predict/run`, `Prefork/Arbiter.swift`, `Serving/Compute`) is a file or a folder.
- In ARCHITECTURE.md and docs/decisions, each `Type.member` in code stands in a file of that type.
- The table of targets in ARCHITECTURE.md has each target of Sources/ with the dependencies that Package.swift gives it.
- docs/decisions/README.md links each page of its folder.

    check_docs.py [FOLDER]     the repository's root, or another folder laid out like it
"""

import fnmatch
import re
import subprocess
import sys
from pathlib import Path

FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
PATH = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.+*-]*(?:/[A-Za-z0-9_.+*-]+)*/?")
MEMBER = re.compile(r"^([A-Z][A-Za-z0-9]+)\.([a-z][A-Za-z0-9]*)(?:\(.*\))?$")


def files_of(root):
    """Every file that belongs to the project: what git knows, or the whole folder where there is no git."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, text=True, check=False)
    if listing.returncode == 0 and (root / ".git").exists():
        names = listing.stdout.split("\0")
    else:
        names = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
    return {name for name in names if name and (root / name).is_file()}


def folders_of(files):
    return {str(parent) for name in files for parent in Path(name).parents} - {"."}


def anchors_of(text):
    """The anchors of a page's headings, as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#{1,6} +(.*)$", FENCE.sub("", text), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
        found.add(plain.strip().replace(" ", "-"))
    return found


class Pages:
    def __init__(self, root):
        self.root = root
        self.files = files_of(root)
        self.folders = folders_of(self.files)
        self.tops = {name.split("/")[0] for name in self.folders}
        self.sources = [name for name in self.files if re.match(r"Sources/.*\.swift$", name)]
        self.targets = {name.split("/")[1] for name in self.folders if name.startswith("Sources/")}
        self.faults = []

    def text(self, name):
        return (self.root / name).read_text(encoding="utf-8")

    def fault(self, page, message):
        self.faults.append(f"{page}: {message}")

    # Links

    def check_links(self, page, text):
        for target in LINK.findall(CODE.sub("", FENCE.sub("", text))):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            file = page
            if name:
                resolved = (self.root / page).parent.joinpath(name).resolve()
                if not resolved.is_relative_to(self.root):
                    self.fault(page, f"the link '{target}' leaves the repository")
                    continue
                file = str(resolved.relative_to(self.root))
                if file not in self.files and file not in self.folders:
                    self.fault(page, f"the link '{target}' leads nowhere")
                    continue
            if anchor and file.endswith(".md") and anchor not in anchors_of(self.text(file)):
                self.fault(page, f"'{file}' has no heading '#{anchor}'")

    # Paths

    def exists(self, path):
        path = path.rstrip("/")
        return any(fnmatch.fnmatchcase(name, path) for name in self.files | self.folders)

    def check_path(self, page, word):
        word = word.rstrip(".,:;")
        parts = word.split("/")
        if parts[0] in self.tops and len(parts) > 1:
            if not self.exists(word):
                self.fault(page, f"there is no '{word}'")
        elif word.endswith(".swift") and word != "Package.swift":
            if not any(("/" + name).endswith("/" + word) for name in self.files):
                self.fault(page, f"there is no '{word}'")
        elif parts[0] in self.targets and len(parts) > 1 and parts[1][:1].isalpha():
            path = "Sources/" + word
            if not self.exists(path) and not self.exists(path + ".swift"):
                self.fault(page, f"there is no '{path}' or '{path}.swift'")

    def check_paths(self, page, text):
        code = CODE.findall(FENCE.sub("", text))
        code += [line for block in FENCE.findall(text) for line in block.split("\n")[1:-1]]
        for span in code:
            # Options and addresses hold paths of their own; a repository's path is a word by itself.
            for word in re.split(r"[\s'\"=(),|]+", span):
                if PATH.fullmatch(word):
                    self.check_path(page, word)

    # Names

    def check_members(self, page, text):
        for span in CODE.findall(FENCE.sub("", text)):
            match = MEMBER.match(span)
            if not match or span in {name.split("/")[-1] for name in self.files}:
                continue
            kind, member = match.groups()
            declaration = re.compile(rf"\b(?:class|struct|enum|actor|protocol|extension) {kind}\b")
            homes = [name for name in self.sources if declaration.search(self.text(name))]
            word = re.compile(rf"\b{member}\b")
            if not any(word.search(self.text(name)) for name in homes):
                self.fault(page, f"there is no '{span}' in Sources")

    # Layers

    def manifest(self):
        """The targets of Package.swift with the products and targets that they depend on."""
        text = self.text("Package.swift")
        names = dict(re.findall(r"let (\w+) = Target\.Dependency\.product\(\s*name: \"(\w+)\"", text))
        found = {}
        for start in re.finditer(r"\.(?:target|executableTarget|systemLibrary)\(", text):
            depth, end = 1, start.end()
            while depth:
                depth += {"(": 1, ")": -1}.get(text[end], 0)
                end += 1
            body = text[start.end():end]
            name = re.search(r'name:\s*"([^"]+)"', body).group(1)
            if 'path: "' in body and not re.search(r'path: "Sources/', body):
                continue
            listed = re.search(r"dependencies:\s*\[(.*)\]", body, re.DOTALL)
            needs = set()
            if listed:
                inner = re.sub(r'\.product\(name: "(\w+)", package: "[^"]+"\)', r'"\1"', listed.group(1))
                inner = re.sub(r"\],.*", "", inner, flags=re.DOTALL)
                needs = set(re.findall(r'"([^"]+)"', inner))
                needs |= {names[word] for word in re.findall(r"(?<![\"\w])(\w+)(?![\"\w])", inner) if word in names}
            found[name] = needs
        return found

    def check_layers(self, page, text):
        manifest = self.manifest()
        rows = re.findall(r"^\| `Sources/(\w+)` \|.*\| ([^|]*) \|$", text, re.MULTILINE)
        told = {name: set(re.findall(r"`([\w-]+)`", needs)) for name, needs in rows}
        for name in sorted(manifest.keys() | told.keys()):
            if name not in told:
                self.fault(page, f"the table of targets lacks Sources/{name}")
            elif name not in manifest:
                self.fault(page, f"Package.swift has no target {name}")
            elif told[name] != manifest[name]:
                listed = ", ".join(f"`{need}`" for need in sorted(manifest[name])) or "nothing"
                self.fault(page, f"in Package.swift {name} depends on {listed}")

    def check_index(self, page, text):
        linked = set(LINK.findall(text))
        folder = page.rsplit("/", 1)[0] + "/"
        for name in self.files:
            if name.startswith(folder) and name != page and name[len(folder):] not in linked:
                self.fault(page, f"it does not link {name[len(folder):]}")

    def check(self):
        for page in sorted(name for name in self.files if name.endswith(".md")):
            text = self.text(page)
            self.check_links(page, text)
            if page == "CHANGELOG.md":
                continue  # It tells of what was.
            self.check_paths(page, text)
            if page == "ARCHITECTURE.md" or page.startswith("docs/decisions/"):
                self.check_members(page, text)
            if page == "ARCHITECTURE.md":
                self.check_layers(page, text)
            if page == "docs/decisions/README.md":
                self.check_index(page, text)
        return self.faults


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    faults = Pages(root).check()
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(f"{len(faults)} faults in the pages: name what is there, or take the name out")


if __name__ == "__main__":
    main()
