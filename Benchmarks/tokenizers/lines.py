"""Makes the lines that the tokenizers are compared on, as JSON lines with a member "text".

    lines.py OUT.jsonl [--data DIR] [--texts N] [--count N] [--seed S]

Texts of $MARTLET_DATA (label<TAB>text), evenly taken from all of them, pieces of this project's own sources as code, then N lines made from the seed:
random code points, scripts mixed, and hostile input. The same seed gives the same lines.
"""
import argparse
import glob
import json
import os
import pathlib
import random

SPACES = [0x9, 0xB, 0xC, 0x1C, 0x1D, 0x1E, 0x1F, 0x20, 0x85, 0xA0, 0x1680, 0x180E, *range(0x2000, 0x2010), 0x2028, 0x2029, 0x202F, 0x205F, 0x2060,
          0x3000, 0xFEFF]
SCRIPTS = [(0x20, 0x7E)] * 6 + [(0xA0, 0x24F), (0x250, 0x36F), (0x370, 0x52F), (0x530, 0x5FF), (0x600, 0x6FF), (0x700, 0x8FF), (0x900, 0x97F),
           (0x980, 0xDFF), (0xE00, 0xEFF), (0xF00, 0xFFF), (0x1000, 0x109F), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x17FF), (0x1AB0, 0x1AFF),
           (0x1DC0, 0x1DFF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x218F), (0x2190, 0x23FF), (0x2460, 0x27BF), (0x3000, 0x30FF),
           (0x3130, 0x33FF), (0x4E00, 0x9FFF), (0xA960, 0xA97F), (0xAC00, 0xD7FF), (0xF900, 0xFAFF), (0xFB00, 0xFDFF), (0xFE00, 0xFE7F),
           (0xFF00, 0xFFEF), (0x1D400, 0x1D7FF), (0x1E900, 0x1E95F), (0x1F100, 0x1F2FF), (0x1F300, 0x1FAFF), (0x20000, 0x200FF), (0x2F800, 0x2FA1F),
           (0xE0000, 0xE01EF)]
PIECES = [
    "can't", "I'll", "we've", "they're", "'s", "'S", "'ll've", "don''t", "x's", "'tis", "[CLS]", "[SEP]", "[MASK]", "[UNK]", "[PAD]", "[ MASK ]",
    "<s>", "</s>", "<mask>", "<unk>", "<pad>", " <mask> ", "<mask", "<<mask>>", "\u2581", "\u2581\u2581", " \u2581a", "##ing", "##", "e\u0301",
    "a\u0328\u0301", "q\u0307\u0323", "\u0344", "\u1e9b\u0323", "\u212b", "\ufb01", "\ufdfa", "\u3300", "\u33c2", "\uff46\uff55\uff4c\uff4c",
    "\uff9f\uff76\uff9e", "\u0130", "\u1e9e", "\u03a3\u03c2", "\u01c5", "\u0e33", "\u0eb3", "\u0e40\u0e2d\u0e2d", "\u1112\u1161\u11ab",
    "\u1100\u1161", "\ud55c\u11af", "\uac00\u11a8", "\u0915\u094d\u0937\u093f", "\u0d4d\u0d30", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f44d\U0001f3fd", "\U0001f1e9\U0001f1ea\U0001f1eb", "\u2764\ufe0f\u200d\U0001f525", "1\ufe0f\u20e3", "\u00a9\u200d\u00a9",
    "\u0645\u0631\u062d\u0628\u0627", "\u05e9\u05c1\u05dc\u05d5\u05dd", "\u202eabc\u202c", "\u0600\u0661", "\u200b", "\u200d", "\u00ad", "\ufffd",
    "\x00", "\x01", "\x7f", "\x80", "\x8f", "\x9f", "\r\n", "\r", "\t\t", "\x0b", "\x0c", "\x85", "\u2028", "  ", "   ", "...", "!?", "$5.00",
    "3,14", "\u0663\u0664", "\u2167", "\u00bd", "\u00b2", "\u2460", "http://a.b/c?d=e&f#g", "a_b", "__", "user@x.org", "C++", "\u4f60\u597d\u4e16\u754c",
    "\u3053\u3093\u306b\u3061\u306f", "\u304c\u304b\u3099", "\U00020000", "\U000e0067", "\U0010fffd", "\ue000", "\ufdd0", "\U0001e130", "\u0840",
    "\u0378", "\u08d3", "\U00011f02", "\u0897", "\U0001fae9"]
WORDS = "the of and to in is that for it with as was on be at by this free prize now call order quality delivery price".split()


def code_point(rng):
    while True:
        c = rng.randrange(0x110000) if rng.random() < 0.3 else rng.randrange(0x3100)
        if not 0xD800 <= c <= 0xDFFF and c != 0xA:
            return chr(c)


def made(rng):
    kind = rng.randrange(10)
    if kind == 0:
        return "".join(code_point(rng) for _ in range(rng.randint(1, 30)))
    if kind == 1:
        return "".join(chr(rng.randint(*rng.choice(SCRIPTS))) for _ in range(rng.randint(1, 60)))
    if kind == 2:
        low, high = rng.choice(SCRIPTS)
        return "".join(chr(rng.randint(low, high)) if rng.random() < 0.85 else " " for _ in range(rng.randint(1, 60)))
    if kind == 3:
        return "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 12)))
    if kind == 4:
        return "".join(rng.choice(PIECES) if rng.random() < 0.3 else rng.choice(WORDS) + " " * rng.randint(0, 2) for _ in range(rng.randint(1, 20)))
    if kind == 5:
        return "".join(rng.choice(WORDS) + "".join(chr(rng.choice(SPACES)) for _ in range(rng.randint(0, 3))) for _ in range(rng.randint(1, 12)))
    if kind == 6:
        # Marks on letters, more of them than anyone writes.
        marks = [(0x300, 0x36F), (0x591, 0x5BD), (0x610, 0x61A), (0x64B, 0x65F), (0x93C, 0x94D), (0xE34, 0xE4E), (0xF71, 0xF87), (0x1AB0, 0x1ACE),
                 (0x1DC0, 0x1DFF), (0x20D0, 0x20F0), (0x302A, 0x3030), (0x1D165, 0x1D172)]
        return "".join(rng.choice("aeiouAnqzç\u1ea4\u3042\u05e9\u0915") + "".join(chr(rng.randint(*rng.choice(marks))) for _ in range(rng.randint(0, 6)))
                       for _ in range(rng.randint(1, 12)))
    if kind == 7:
        # Words that are too long, or all one character.
        unit = rng.choice(["a", "ab", "xyz", "\u00e9", "\u4e16", "ha", "1", "!", "\U0001f600", "e\u0301", rng.choice(PIECES)])
        return unit * rng.randint(1, 150)
    if kind == 8:
        # Every code point beside a letter, in time.
        return rng.choice(["a", "A", " ", "1", ".", ""]) + code_point(rng) + rng.choice(["b", "B", " ", "2", "\u0301", ""]) + code_point(rng)
    words = [rng.choice(WORDS) for _ in range(rng.randint(3, 30))]
    return " ".join(w.upper() if rng.random() < 0.1 else w.capitalize() if rng.random() < 0.2 else w for w in words) + rng.choice([".", "!", "", " "])


def code(rng):
    """Sources, cut after one to twelve lines; one in eight with the line ends of another system."""
    root = pathlib.Path(__file__).resolve().parents[2]
    for pattern in ("Sources/**/*.swift", "Sources/**/*.c", "Sources/**/*.js", "Benchmarks/**/*.py", "nginx/**/*"):
        for path in sorted(root.glob(pattern)):
            if not path.is_file() or ".venv" in path.parts:
                continue
            rest = path.read_text(encoding="utf-8").split("\n")
            while rest:
                count = rng.randint(1, 12)
                yield ("\r\n" if rng.random() < 0.125 else "\n").join(rest[:count])
                rest = rest[count:]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--data", default=os.environ.get("MARTLET_DATA"))
    parser.add_argument("--texts", type=int, default=150000)
    parser.add_argument("--count", type=int, default=60000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    texts = []
    if options.data:
        for path in sorted(glob.glob(options.data + "/**/*.tsv", recursive=True)):
            with open(path, encoding="utf-8", newline="\n") as file:
                texts += [line.rstrip("\n").split("\t", 1)[-1] for line in file]
    taken = min(options.texts, len(texts))
    texts = [texts[i * len(texts) // taken] for i in range(taken)]
    rng = random.Random(options.seed)
    texts += code(rng)
    texts += [made(rng) for _ in range(options.count)]
    # Some texts are several of the others, up to ten thousand characters, so that parts of long texts are met.
    for _ in range(options.count // 300):
        texts.append(rng.choice([" ", "", "\n"]).join(rng.choice(texts) for _ in range(rng.randint(20, 200)))[:20000])
    with open(options.out, "w", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    print(f"{len(texts)} lines, seed {options.seed}")


if __name__ == "__main__":
    main()
