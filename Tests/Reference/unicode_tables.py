"""Measures what Hugging Face's tokenizers does with each code point, and writes it as Swift tables.

    python3 Tests/Reference/unicode_tables.py Sources/Tokenization/Unicode

Each crate behind tokenizers has a Unicode version of its own (categories, white space, decompositions,
regular expressions and grapheme clusters all differ), so nothing here is taken from one version of the
standard: every class is read off the library's behaviour, one code point at a time. Combining classes and
pairs to compose have no such probe for their value; they are Python's, which the standard never changes,
and kept where the library shows that it knows the code point.

The format of each table stands in Sources/Tokenization/Unicode/UnicodeTables.swift.
Needs: pip install tokenizers regex.
"""
import struct
import sys
import unicodedata

import regex
import tokenizers
from tokenizers import normalizers, pre_tokenizers

POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
BLOCK = 4096
DROPPED, SPACE, PUNCTUATION, NONSPACING, COMBINING, LETTER, NUMBER, WORD, NUMERIC, REGEX_SPACE, REGEX_WORD = (1 << i for i in range(11))
CATEGORY = 11
CATEGORIES = "Cn Cc Cf Co Cs Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp".split()


def mapped(normalizer, points=POINTS):
    """What normalizer makes of each code point between two letters that it keeps."""
    result = {}
    for start in range(0, len(points), BLOCK):
        block = points[start:start + BLOCK]
        text = normalizer.normalize_str("".join("q" + chr(c) + "q@" for c in block))
        parts = text.split("q@")
        if len(parts) != len(block) + 1:
            parts = [normalizer.normalize_str("q" + chr(c) + "q")[:-1] for c in block]
        for c, part in zip(block, parts):
            result[c] = part[1:]
    return result


def starts(pre_tokenizer, left, right="", points=POINTS):
    """For each code point between left and right: whether it is gone, begins a piece, ends a piece."""
    result = {}
    for start in range(0, len(points), BLOCK):
        block = points[start:start + BLOCK]
        unit = len(left) + 1 + len(right)
        pieces = pre_tokenizer.pre_tokenize_str("".join(left + chr(c) + right for c in block))
        covered, begins = set(), set()
        for _, (a, b) in pieces:
            begins.add(a)
            covered.update(range(a, b))
        for index, c in enumerate(block):
            at = index * unit + len(left)
            result[c] = (at not in covered, at in begins, at + 1 in begins)
    return result


def matched(expression):
    """The code points that a regular expression of Split matches."""
    split, found = pre_tokenizers.Split(tokenizers.Regex(expression), "removed", invert=True), set()
    for start in range(0, len(POINTS), BLOCK):
        block = POINTS[start:start + BLOCK]
        for _, (a, b) in split.pre_tokenize_str("".join(map(chr, block))):
            found.update(block[a:b])
    return found


def expressions():
    """What regular expressions take a code point for: its category, white space, a part of a word."""
    category = {c: index for index, name in enumerate(CATEGORIES) for c in matched(r"\p{%s}" % name)}
    space, word = matched(r"\s"), matched(r"\w")
    assert matched(r"[\s]") == space and matched(r"\d") == matched(r"[\d]") == {c for c in POINTS if CATEGORIES[category[c]] == "Nd"}
    # In brackets the fractions and superscripts of Latin-1 are no part of a word.
    assert matched(r"[\w]") == {c for c in word if CATEGORIES[category[c]] != "No"}
    return category, space, word


def classes():
    bert = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    cleaned = mapped(normalizers.BertNormalizer(**{**bert, "clean_text": True}))
    marks = mapped(normalizers.BertNormalizer(**{**bert, "strip_accents": True}))
    combining = mapped(normalizers.StripAccents())
    split = starts(pre_tokenizers.BertPreTokenizer(), "q", "q")
    white = starts(pre_tokenizers.WhitespaceSplit(), "q", "q")
    assert all(white[c][0] == (split[c][0]) for c in POINTS)
    level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letter, number, other = (starts(level, left) for left in "q1!")
    word = starts(pre_tokenizers.Whitespace(), "q", "q")
    numeric = starts(pre_tokenizers.Digits(individual_digits=True), "q", "q")
    punctuation = starts(pre_tokenizers.Punctuation(), "q", "q")
    category, regex_space, regex_word = expressions()
    flags = {}
    for c in POINTS:
        bits = category[c] << CATEGORY | (REGEX_SPACE if c in regex_space else 0) | (REGEX_WORD if c in regex_word else 0)
        if cleaned[c] == "":
            bits |= DROPPED
        if split[c][0]:
            bits |= SPACE
        # Clean text makes all white space a space, and nothing else.
        assert (cleaned[c] == " ") == (bool(bits & SPACE) and not bits & DROPPED or c in (9, 10, 13)), hex(c)
        if not split[c][0] and split[c][1]:
            bits |= PUNCTUATION
        assert (punctuation[c][1] and not punctuation[c][0]) == bool(bits & PUNCTUATION), hex(c)
        if marks[c] == "":
            bits |= NONSPACING
        if combining[c] == "":
            bits |= COMBINING
        joins = (not letter[c][1], not number[c][1], not other[c][1])
        assert sum(joins) <= 1, hex(c)
        if joins[0]:
            bits |= LETTER
        if joins[1]:
            bits |= NUMBER
        assert any(joins) != bool(bits & REGEX_SPACE), hex(c)
        assert joins[0] == (CATEGORIES[category[c]][0] == "L") and joins[1] == (CATEGORIES[category[c]][0] == "N"), hex(c)
        if not word[c][0] and not word[c][1]:
            bits |= WORD
        assert word[c][0] == bool(bits & SPACE), hex(c)
        if numeric[c][1]:
            bits |= NUMERIC
        flags[c] = bits
    ideographs = mapped(normalizers.BertNormalizer(**{**bert, "handle_chinese_chars": True}))
    return flags, [c for c in POINTS if ideographs[c] != chr(c)]


# Grapheme clusters, as the Precompiled normaliser cuts them.
BREAKS = ["Other", "CR", "LF", "Control", "Extend", "ZWJ", "Regional_Indicator", "Prepend", "SpacingMark", "L", "V", "T", "LV", "LVT",
          "Extended_Pictographic", "Consonant", "Linker"]


def grapheme_counter():
    """A character map that makes each cluster below six bytes one '1'; of longer ones each code point."""
    units = [0] * 1024
    units[0] = 256 << 10
    for c in range(1, 256):
        units[256 ^ c] = 768 << 10 | 1 << 8 | c
        units[512 ^ c] = 1 << 31
    trie = struct.pack("<1024I", *units)
    return normalizers.Precompiled(struct.pack("<I", len(trie)) + trie + b"1\0")


def grapheme_breaks():
    counter = grapheme_counter()

    def joined(left, right):
        """Code points that form one cluster with left before and right behind."""
        found = set()
        for start in range(0, len(POINTS), BLOCK):
            block = POINTS[start:start + BLOCK]
            # A line feed never joins; it counts one.
            text = "".join(left + chr(c) + right + "\n" for c in block)
            lengths = counter.normalize_str(text)
            if len(lengths) == len(block) * (len(left + right) + 2):
                continue
            found.update(c for c in block if len(counter.normalize_str(left + chr(c) + right)) == 1)
        return found

    behind = joined("a", "")
    ahead = joined("", "\u0301")
    before = joined("", "a")
    patterns = {name: regex.compile(r"\p{GCB=%s}" % name) for name in BREAKS[1:14]}
    result = {}
    for c in POINTS:
        text, kind = chr(c), "Other"
        for name, pattern in patterns.items():
            if pattern.match(text):
                kind = name
                break
        if kind in ("Extend", "ZWJ", "SpacingMark") and c not in behind:
            kind = "Other"
        if c in behind and kind not in ("Extend", "ZWJ", "SpacingMark"):
            kind = "Extend"
        if kind == "Control" and c in ahead:
            kind = "Other"
        if kind == "Other" and c not in ahead and len(text.encode()) < 4:
            kind = "Control"
        if kind == "Prepend" and c not in before:
            kind = "Other"
        if c in before and kind not in ("Prepend",):
            kind = "Prepend"
        if kind == "Other" and regex.match(r"\p{Extended_Pictographic}", text):
            kind = "Extended_Pictographic"
        if kind in ("Other",) and regex.match(r"\p{InCB=Consonant}", text):
            kind = "Consonant"
        if kind == "Extend" and regex.match(r"\p{InCB=Linker}", text):
            kind = "Linker"
        result[c] = BREAKS.index(kind)
    return result


def base(number):
    """A number in the digits that the Swift side reads: little end first, 5 bits a digit and 32 for more."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    digits = ""
    while True:
        digit, number = number & 31, number >> 5
        digits += alphabet[digit | (32 if number else 0)]
        if not number:
            return digits


def runs(values):
    """Run lengths and values over all code points, surrogates as their neighbour below."""
    text, last, length = "", 0, 0
    for c in range(0x110000):
        value = values.get(c, last) if 0xD800 <= c <= 0xDFFF else values[c]
        if value != last:
            text += base(length) + base(last)
            last, length = value, 0
        length += 1
    return text + base(length) + base(last)


def mappings(table):
    """Differences of code points, lengths, and scalars."""
    text, last = "", 0
    for c in sorted(table):
        text += base(c - last) + base(len(table[c])) + "".join(base(ord(s)) for s in table[c])
        last = c
    return text


def swift(path, documentation, tables):
    with open(path, "w", encoding="ascii") as file:
        file.write(f"// Made by Tests/Reference/unicode_tables.py from tokenizers {tokenizers.__version__}; do not edit.\n\n")
        file.write(f"/// {documentation}\nextension UnicodeTables {{\n")
        for index, (name, comment, text) in enumerate(tables):
            file.write(("\n" if index else "") + f"  /// {comment}\n  static let {name} = \"\"\"\n")
            for start in range(0, len(text), 94):
                end = start + 94
                file.write("    " + text[start:end] + ("\\" if end < len(text) else "") + "\n")
            file.write("    \"\"\"\n")
        file.write("}\n")


def main(folder):
    flags, ideographs = classes()
    hangul = range(0xAC00, 0xD7A4)
    canonical = {c: s for c, s in mapped(normalizers.NFD()).items() if s != chr(c) and c not in hangul}
    compatible = {c: s for c, s in mapped(normalizers.NFKD()).items() if s != chr(c) and c not in hangul}
    further = {c: s for c, s in compatible.items() if canonical.get(c) != s}
    assert all(c in compatible for c in canonical)
    lower = {c: s for c, s in mapped(normalizers.Lowercase()).items() if s != chr(c)}
    nmt = {c: s for c, s in mapped(normalizers.Nmt()).items() if s != chr(c)}
    print("nmt drops", [hex(c) for c in nmt if nmt[c] == ""], "spaces", [hex(c) for c in nmt if nmt[c] == " "],
          "other", [hex(c) for c in nmt if nmt[c] not in ("", " ")])
    # A mark counts as reordered where a mark of class 1 moves in front of it.
    order, nfd = {}, normalizers.NFD()
    for c in POINTS:
        k = unicodedata.combining(chr(c))
        order[c] = 0
        if k == 1:
            moved = nfd.normalize_str("q\u0301" + chr(c)) == "q" + chr(c) + "\u0301"
        elif k > 1:
            moved = nfd.normalize_str("q" + chr(c) + "\u0334") == "q\u0334" + chr(c)
        else:
            continue
        if moved:
            order[c] = k
        else:
            print("no class in the library:", hex(c), k)
    for c in POINTS:
        if unicodedata.category(chr(c)) == "Cn" and not (0xE000 <= c):
            if nfd.normalize_str("q" + chr(c) + "\u0334") == "q\u0334" + chr(c):
                print("class unknown to Python:", hex(c))
    pairs = {}
    nfc = normalizers.NFC()
    for c in POINTS:
        parts = unicodedata.decomposition(chr(c)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            first, second = (int(p, 16) for p in parts)
            if nfc.normalize_str(chr(first) + chr(second)) == chr(c):
                pairs[c] = chr(first) + chr(second)
    for c in canonical:
        if nfc.normalize_str(chr(c)) == chr(c) and c not in pairs:
            print("composes unknown to Python:", hex(c))
    breaks = grapheme_breaks()
    spans, start, last = [], None, None
    for c in ideographs:
        if start is None or c != last + 1:
            if start is not None:
                spans.append((start, last))
            start = c
        last = c
    spans.append((start, last))
    print("ideographs", [(hex(a), hex(b)) for a, b in spans])
    swift(f"{folder}/UnicodeTables+Classes.swift", "Classes of code points as runs.", [
        ("classRuns", "`UnicodeClass` of each code point.", runs(flags)),
        ("orderRuns", "Canonical combining class of each code point.", runs(order)),
        ("breakRuns", "`GraphemeBreak` of each code point.", runs(breaks)),
    ])
    swift(f"{folder}/UnicodeTables+Mappings.swift", "What code points become.", [
        ("canonicalMappings", "Full canonical decompositions, Hangul syllables left out.", mappings(canonical)),
        ("compatibilityMappings", "Full compatibility decompositions where they are others than the canonical.", mappings(further)),
        ("compositions", "The pair that composes to a code point.", mappings(pairs)),
        ("lowercaseMappings", "Lower case.", mappings(lower)),
    ])


if __name__ == "__main__":
    main(sys.argv[1])
