"""Makes the fixture of where tokens come from, with Hugging Face's tokenizers, for the layouts of tokenizers.json.

    python3 Tests/Reference/tokenizer_offsets.py > Tests/TokenizationTests/Fixtures/offsets.json
    python3 Tests/Reference/tokenizer_offsets.py check DIR/tokenizer.json texts.txt ours.jsonl   # martlet tokenize DIR texts.txt --json --offsets > ours.jsonl

For each layout a number for each text: FNV-1a (32 bits) of what `described` says of its tokens. Needs: pip install tokenizers.
"""
import json
import pathlib
import sys

from tokenizers import Tokenizer

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "TokenizationTests/Fixtures"

HARD = [
    "Angela Merkel zahlte 5.975,74 Euro in Bad-Homburg.", "Zoe\u0308 lives in Sa\u0303o Paulo", "Zoë lives in São Paulo", "😀 Anna 👨‍👩‍👧 and Bob👍🏽!",
    "你好世界 hello世界", "สวัสดีชาวโลก ภาษาไทย", "state-of-the-art mother-in-law", "  two  spaces  ", "\tTab\r\nLine", "ﬁne ① ﬀ ½", "한국어 \u1112\u1161\u11ab",
    "e\u0323\u0301 \u0301lone", "don't they'll 'S", "İstanbul ΣΊΣΥΦΟΣ", "[MASK] in [SEP] text", " <mask>  <s> ", "a\u0000b \u200b c\ufffd", "नमस्ते दुनिया",
    "x" * 120 + " end", "A.B,C;D:E", "price:£100.50!!!", "\u00a0nbsp\u3000ideo", "Ünïcödé naïve Ångström", "\u05d0\u05b7\u05d1 عربي",
]


def described(encoding):
    """Start and end of each token, and whether it goes on with the word before it."""
    parts, last = [], None
    for (start, end), word in zip(encoding.offsets, encoding.word_ids):
        parts.append(f"{start},{end},{int(word is not None and word == last)};")
        last = word
    return "".join(parts)


def fnv(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def tokenizer(layout, bases):
    document = json.loads(json.dumps(bases[layout["base"]]))
    for name, value in layout["parts"].items():
        if name == "model":
            document["model"].update(value)
        else:
            document[name] = value
    return Tokenizer.from_str(json.dumps(document))


def check(path, texts, ours):
    reference = Tokenizer.from_file(path)
    reference.no_truncation()
    bad = total = 0
    for text, line in zip(open(texts, encoding="utf-8", newline="\n"), open(ours, encoding="utf-8")):
        row, text = json.loads(line), text.rstrip("\n")
        total += 1
        want = [list(pair) for pair in reference.encode(text).offsets]
        if row["offsets"] != want:
            bad += 1
            if bad <= 5:
                print(repr(text), row["offsets"], want)
    print(f"{total} lines, {bad} differ")


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"]:
        check(*sys.argv[2:])
        sys.exit()
    fixture = json.loads((FIXTURES / "tokenizers.json").read_text(encoding="utf-8"))
    texts = fixture["texts"] + HARD
    hashes = []
    for layout in fixture["layouts"]:
        made = tokenizer(layout, fixture["bases"])
        hashes.append([fnv(described(made.encode(text))) for text in texts])
    first = tokenizer(fixture["layouts"][0], fixture["bases"])
    windows = []
    for question, context, length, stride in [("the price", "call now to order a prize, it's free! don't wait", 16, 3), ("a", "the price of the free delivery is low today", 9, 0)]:
        first.enable_truncation(length, stride=stride, strategy="only_second")
        encoding = first.encode(question, context)
        windows.append({"question": question, "context": context, "length": length, "stride": stride,
                        "ids": [e.ids for e in [encoding] + encoding.overflowing], "offsets": [e.offsets for e in [encoding] + encoding.overflowing]})
    json.dump({"hard": HARD, "hashes": hashes, "windows": windows}, sys.stdout, separators=(",", ":"))
