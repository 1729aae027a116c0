"""Makes regular expressions at random, and what Split of Hugging Face's tokenizers (Oniguruma) makes of texts with them.

    python3 Tests/Reference/tokenizer_expressions.py > Tests/TokenizationTests/Fixtures/expressions.json
    python3 Tests/Reference/tokenizer_expressions.py COUNT [SEED] > many.json
    MARTLET_EXPRESSIONS=many.json swift test --filter ExpressionTests

The expressions of layouts.py come first. Those that Oniguruma refuses, or gives up on, are left out; those that Martlet
refuses by name are counted by the test. Needs: pip install tokenizers.
"""
import json
import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Benchmarks/tokenizers"))
import layouts
from tokenizers import Regex, pre_tokenizers

CHARACTERS = [*"aAbsSk1 \n\r'.-]", "é", "一", "\u017f", "\u212a", "\u0301", "²", "Ⅷ", "\u200d", "\u00a0", "ß", "ǅ", "ʰ", "٣", "_", "😀", "\u3000",
              "\u0378", "Ⓐ", "½"]
SETS = [r"\p{L}", r"\p{N}", r"\s", r"\S", r"\d", r"\w", r"\W", r"\p{Lu}", r"\p{Ll}", r"\P{L}", r"\p{M}", r"[^\s\p{L}\p{N}]", r"[^\r\n\p{L}\p{N}]",
        "[a-c]", layouts.UPPER, layouts.LOWER, r"[\r\n]", "[一-龥]", ".", r"[\w-]", r"[^(\s|[.,])]", r"[\p{P}\p{S}]", r"[^\w]", r"\p{Zs}", r"\p{^L}",
        "a", "b", "'", " ", "s", "1", r"\n", "é", r"[\w\s]", r"[^\W1]", r"[a\-z]", r"\p{C}"]
LOOKS = [r"(?!\S)", r"(?=\s)", "(?![a-z])", "$", r"(?!\p{L})", r"\A", r"\z"]
QUANTIFIERS = ["+", "*", "?", "{1,3}", "{2}", "{2,}", "{,2}", "+?", "*?", "??", "{1,3}?", "++", "*+", "?+", "{1,2}+", "+"]
BEHAVIORS = ["isolated", "removed", "merged_with_previous", "merged_with_next", "contiguous"]


def atom(rng, depth):
    kind = rng.random()
    if kind < 0.72 or depth <= 0:
        return rng.choice(SETS)
    if kind < 0.9:
        return "(?:" + alternatives(rng, depth - 1) + ")"
    if kind < 0.95:
        return "(?i:" + rng.choice(["'s|'t|'re|'k", "[sdmt]", "'s", "ab|k", "a[k-t]s"]) + ")"
    return rng.choice(LOOKS)


def repeated(rng, depth):
    part = atom(rng, depth)
    return part if part in LOOKS or rng.random() < 0.5 else part + rng.choice(QUANTIFIERS)


def alternatives(rng, depth):
    return "|".join("".join(repeated(rng, depth) for _ in range(rng.choice([1, 1, 2, 2, 3, 4]))) for _ in range(rng.choice([1, 1, 2, 3])))


def text(rng):
    return "".join(rng.choice(CHARACTERS if rng.random() < 0.5 else "aA 1s'\n") for _ in range(rng.randint(1, 25)))


def pieces(expression, behavior, invert, value):
    """Lengths of the pieces in UTF-8, and of the gaps between, as -1 - length."""
    found, end = [], 0
    split = pre_tokenizers.Split(Regex(expression), behavior, invert=invert)
    for _, (start, stop) in split.pre_tokenize_str(value):
        if start > end:
            found.append(-1 - len(value[end:start].encode()))
        found.append(len(value[start:stop].encode()))
        end = stop
    return found


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 5)
    known = [layouts.GPT2, layouts.GPT4, layouts.LLAMA3, layouts.QWEN2, layouts.O200K, layouts.TEKKEN, layouts.CLIP, layouts.BLOOM, layouts.MARKS,
             r"\s+", " {2,}", "[0-9][0-9][0-9]", r"\A +| +\z"]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the library writes where it gives up
    for number in range(count):
        expression = known[number] if number < len(known) else alternatives(rng, 2)
        behavior, invert = rng.choice(BEHAVIORS), rng.random() < 0.3
        texts = [text(rng) for _ in range(25 if number < len(known) else 8)]
        try:
            found = [pieces(expression, behavior, invert, value) for value in texts]
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            continue
        name = "".join(part.capitalize() for part in behavior.split("_")).replace("with", "With")
        print(json.dumps({"expression": expression, "behavior": name.replace("Mergedwith", "MergedWith"), "invert": invert, "texts": texts, "pieces": found}))


if __name__ == "__main__":
    main()
