"""Makes the tokenizer fixture with Hugging Face's tokenizers, from a tokenizer.json that Martlet wrote.

    python3 Tests/Reference/tokenizer_ids.py Models/sms-spam/tokenizer.json > Tests/TokenizationTests/Fixtures/sms-spam-ids.json
    python3 Tests/Reference/tokenizer_ids.py check DIR/tokenizer.json ours.tsv     # lines: text<TAB>id id id

Needs: pip install tokenizers.
"""
import json
import random
import sys

from tokenizers import Tokenizer

TEXTS = [
    "", " ", "a", "WINNER! Claim your FREE prize.", "don't  stop\tnow\r\n", "Ünïcödé naïve Ångström İstanbul ΣΊΣΥΦΟΣ",
    "你好，世界 hello世界", "한국어 텍스트", "\u0000nul \u0001ctl \ufffd rep \u200b zw \u00ad shy", "tab\u00a0nbsp\u3000ideo\u2028line",
    "≠ ; ` ´ ½ ² ﬁ", "e\u0301e\u0300 combining", "[CLS] raw [SEP] tokens [MASK] [UNK]", "x" * 100, "x" * 101, "😀👍🏽 emoji",
    "price:£100.50!!! call 0800-123-456", "हिन्दी ภาษาไทย العربية עברית", "𝔘𝔫𝔦 𠀀𪜀", "a" + "\u0301" * 5 + "b",
]


def mixed(count):
    pool = [(0x20, 0x7E)] * 6 + [(0xA0, 0x24F), (0x370, 0x52F), (0x590, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F),
            (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2190, 0x22FF), (0x3000, 0x30FF), (0x4E00, 0x4EFF), (0xAC00, 0xACFF), (0x1F600, 0x1F64F)]
    rng = random.Random(7)
    return ["".join(chr(rng.randint(*rng.choice(pool))) for _ in range(rng.randint(1, 40))) for _ in range(count)]


if __name__ == "__main__":
    if sys.argv[1] == "check":
        tokenizer = Tokenizer.from_file(sys.argv[2])
        bad = total = 0
        for line in open(sys.argv[3], encoding="utf-8", newline="\n"):
            text, ids = line.rstrip("\n").rsplit("\t", 1)
            total += 1
            if tokenizer.encode(text).ids != [int(i) for i in ids.split()]:
                bad += 1
                if bad <= 5:
                    print(repr(text), ids, tokenizer.encode(text).ids)
        print(f"{total} lines, {bad} differ")
        sys.exit(bad > 0)
    tokenizer = Tokenizer.from_file(sys.argv[1])
    rows = [{"text": t, "ids": tokenizer.encode(t).ids} for t in TEXTS + mixed(120)]
    pairs = [{"a": a, "b": b, "ids": (e := tokenizer.encode(a, b)).ids, "types": e.type_ids} for a, b in [("one two", "three"), ("", "x")]]
    print(json.dumps({"rows": rows, "pairs": pairs}, ensure_ascii=True, indent=0))
