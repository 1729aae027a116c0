"""Checks the relative links of Markdown files: that the file is there, and the heading or the line: links.py FILE…

Prints a line for each link that leads nowhere, and ends with 1 if there is one. What has a scheme (https:) is not asked for.
"""

import re
import sys
from pathlib import Path
from urllib.parse import unquote

FENCE = re.compile(r"^ *(```|~~~)")
# [text](target "title"), also of an image, and [name]: target
INLINE = re.compile(r"\]\(<?([^)>\s]+)>?(?:\s+[\"'][^)]*[\"'])?\)")
REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)")
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*$")
ANCHOR = re.compile(r"<a\s+(?:id|name)=[\"']([^\"']+)[\"']", re.IGNORECASE)


def prose(path):
    """The lines that are no code, with their numbers."""
    fence = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        mark = FENCE.match(line)
        if mark and fence in (None, mark[1]):
            fence = None if fence else mark[1]
        elif fence is None:
            yield number, line


def slug(heading):
    """The anchor that GitHub gives to a heading."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"[^\w\- ]", "", text.replace("`", "").strip().lower())
    return text.replace(" ", "-")


def anchors(path):
    found, counts = set(), {}
    for _, line in prose(path):
        found.update(ANCHOR.findall(line))
        heading = HEADING.match(line)
        if heading:
            name = slug(heading[1])
            count = counts.get(name, 0)
            counts[name] = count + 1
            found.add(f"{name}-{count}" if count else name)
    return found


def problems(path):
    for number, line in prose(path):
        text = re.sub(r"`[^`]*`", "", line)
        for target in INLINE.findall(text) + REFERENCE.findall(text):
            if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", target):
                continue
            name, _, anchor = unquote(target).partition("#")
            other = path.parent / name if name else path
            if not other.exists():
                yield f"{path}:{number}: {target}: there is no such file"
            elif anchor and other.suffix == ".md" and anchor not in anchors(other):
                yield f"{path}:{number}: {target}: there is no such heading"


found = [problem for name in sys.argv[1:] for problem in problems(Path(name))]
print("\n".join(found) or f"{len(sys.argv) - 1} Markdown files: every relative link leads somewhere")
sys.exit(bool(found))
