"""Makes the fixture of tokenizers that have no more than vocab.txt, with the class of transformers that reads each.

    python3 Tests/Reference/tokenizer_lists.py > Tests/TokenizationTests/Fixtures/lists.json

Needs: pip install transformers.
"""
import json
import pathlib
import sys
import tempfile

import transformers

ESM = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]
WORDS = ["the", "price", "is", "low", "##er", "re", "##sume", "a", ",", ".", "!", "12", "caf", "##e", "世", "界"]
MPNET = ["<s>", "<pad>", "</s>", "<unk>", *WORDS, "[UNK]", "<mask>"]
CASES = [
    ("EsmTokenizer", {}, ESM, [
        "", "MKTV", "M K  T\nV", "MKTJV", "MJJ JJK", "mkt", "<mask>MK<eos> <null_1>A", "M<mask", "A-B.Z", "é M世界K", "<cls>", " ", "<unk>JK<pad>"]),
    ("MPNetTokenizer", {}, MPNET, ["", "The price is lower.", "a <mask> résumé", "</s><s>the [UNK] x", "世界 price!12", "<mask>,<mask> ", "[CLS] the"]),
    ("MPNetTokenizer", {"do_lower_case": False}, MPNET, ["The price", "the price é"]),
    ("BertTokenizer", {"do_lower_case": True, "strip_accents": False}, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "café"],
     ["The CAFÉ is 世界", "cafe [MASK]"]),
    ("BertTokenizer", {"tokenize_chinese_chars": False}, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "世界"], ["世界 the 世", "a世"]),
]


def main():
    rows = []
    for name, settings, vocabulary, texts in CASES:
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
            settings = {"tokenizer_class": name, **settings}
            (pathlib.Path(folder) / "tokenizer_config.json").write_text(json.dumps(settings))
            tokenizer = getattr(transformers, name).from_pretrained(folder)
            rows.append({"settings": settings, "vocabulary": vocabulary, "texts": texts, "ids": [tokenizer(t)["input_ids"] for t in texts],
                         "pairs": [tokenizer(t, texts[0] + "A the")["input_ids"] for t in texts]})
    json.dump(rows, sys.stdout, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
