"""Makes the fixture of tokenizer kinds and components, with Hugging Face's tokenizers.

    python3 Tests/Reference/tokenizer_fixtures.py > Tests/TokenizationTests/Fixtures/tokenizers.json

Tiny vocabularies are trained on sentences made here; every component that Martlet reads has a layout. Texts come from
Benchmarks/tokenizers/lines.py. Needs: pip install tokenizers sentencepiece protobuf.
"""
import base64
import copy
import json
import pathlib
import random
import sys
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import (
    Regex,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Benchmarks/tokenizers"))
import layouts as known
import lines

SENTENCES = [
    "the price of the free delivery is low today", "call now to order a prize, it's free!", "don't wait, they'll be gone by 12:30",
    "quality was as good as they've said", "im Haus über der Straße wohnt ein Mädchen", "le café est déjà fermé", "你好世界 这是一个测试",
    "これはテストです", "привет мир как дела", "한국어 문장 입니다", "win 1000 dollars in 3 days", "a naïve résumé for the façade",
]


def corpus():
    rng = random.Random(3)
    words = [w for s in SENTENCES for w in s.split()]
    return SENTENCES * 3 + [" ".join(rng.choice(words) for _ in range(9)) for _ in range(200)]


def texts():
    rng = random.Random(11)
    fixed = ["", " ", "  ", "the price", " the  price ", "don't they'll it's", "caf\u00e9 cafe\u0301", "[CLS] x [SEP]", "a<mask>b <mask> c", "x\u2581y \u2581z",
             "\uff46\uff52\uff45\uff45 \ufb01ne \u2460", "tab\there\nline\r\nend", "12 345,6 a1b2", "a.b,c!d", "\u00c5ngstr\u00f6m \u0130stanbul",
             "e\u0323\u0301\u0307", "\u1100\u1161\u11a8", "\U0001f468\u200d\U0001f469", "\u00a9\u0301", "nul\x00x", "word" * 40, "\u00e9" * 30, "<s></s>",
             "free-call", "freecall", "free call", " free", "price\u00a0free", "\u0e01\u0e33", "\u4f60\u597d\u4e16\u754c\u8fd9\u662f",
             "def f(x):\n    return x[1:]\t# it's 2024\r\n\n", "HELLOWorld camelCase 'S 'LL I'm", "1234567 3.14 \u0663\u0664\u0665", "``quoted'' \n\n\n x",
             "<|endoftext|>a <|begin_of_text|> <extra_id_0>  b[MASK] |||IP_ADDRESS|||", "  \u2581\u2581x\u2581", "\u20ac5\u20ac \U0001f600\U0001f600", "#@!? /*+*/ ...!!!"]
    made = []
    while len(made) < 170:
        text = lines.made(rng)
        if len(text) <= 120:
            made.append(text)
    return fixed + made


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(corpus(), trainers.WordPieceTrainer(vocab_size=320, special_tokens=special, show_progress=False))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return json.loads(tokenizer.to_str())


def byte_pair():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], show_progress=False))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    return json.loads(tokenizer.to_str())


def character_pair():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=260, limit_alphabet=40, special_tokens=["<unk>"] + ["<0x%02X>" % b for b in range(0x20, 0x100)], show_progress=False))
    return json.loads(tokenizer.to_str())


def unigram():
    with tempfile.TemporaryDirectory() as folder:
        # A character map of a few rules keeps the fixture small; the real nmt_nfkc is met in Benchmarks/tokenizers.
        rules = {"\uff46": "f", "\uff52": "r", "\uff45": "e", "\ufb01": "fi", "\u2460": "1", "\u00c5": "A", "e\u0301": "\u00e9", "\t": " ", "\n": " ",
                 "\r": " ", "\u00a0": " ", "\u3000": " ", "\u200b": " ", "\u0e33": "\u0e4d\u0e32", "\uff9e": "\u3099", "\x7f": "", "\u1100\u1161": "\uac00",
             "\u2025": ".."}
        path = pathlib.Path(folder) / "rules.tsv"
        path.write_text("".join(" ".join("%X" % ord(c) for c in a) + "\t" + " ".join("%X" % ord(c) for c in b) + "\n" for a, b in rules.items()))
        sentencepiece.set_random_generator_seed(7)
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(corpus()), model_prefix=folder + "/m", vocab_size=220, model_type="unigram", character_coverage=0.98,
            normalization_rule_tsv=str(path), hard_vocab_limit=False, num_threads=1, minloglevel=2)
        proto = sentencepiece_model_pb2.ModelProto()
        proto.ParseFromString((pathlib.Path(folder) / "m.model").read_bytes())
    vocabulary = [["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0]] + [[p.piece, p.score] for p in proto.pieces[3:]] + [["<mask>", 0.0]]
    special = {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in [("<s>", 0), ("</s>", 2)]}

    def part(name):
        return {"Sequence": {"id": name, "type_id": 0}} if len(name) == 1 else {"SpecialToken": {"id": name, "type_id": 0}}
    added = [{"id": i, "content": t, "single_word": False, "lstrip": t == "<mask>", "rstrip": False, "normalized": False, "special": True}
             for t, i in [("<s>", 0), ("<pad>", 1), ("</s>", 2), ("<unk>", 3), ("<mask>", len(vocabulary) - 1)]]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
        "post_processor": {"type": "TemplateProcessing", "single": [part(p) for p in ["<s>", "A", "</s>"]],
                           "pair": [part(p) for p in ["<s>", "A", "</s>", "</s>", "B", "</s>"]], "special_tokens": special},
        "decoder": None, "model": {"type": "Unigram", "unk_id": 3, "vocab": vocabulary, "byte_fallback": False}}


def word_ends():
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(known.CLIP), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=660, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), end_of_word_suffix="</w>", special_tokens=["<|endoftext|>"],
        show_progress=False))
    return json.loads(tokenizer.to_str())


def pieces_with_bytes():
    """BPE over characters with SentencePiece's mark for spaces, and all bytes to fall back on."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=460, limit_alphabet=60, special_tokens=["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256)], show_progress=False))
    return json.loads(tokenizer.to_str())


def models_pipelines(bases):
    """The pipelines of known models, as changes to their bases."""
    for name, (kind, parts, settings) in known.layouts(bases["unigram"]["normalizer"]["normalizers"][0]).items():
        base = bases[kind]
        whole = known.assemble(base, parts, settings)
        parts = {k: v for k, v in whole.items() if k != "model" and v != base[k]}
        model = {k: v for k, v in whole["model"].items() if v != base["model"].get(k)}
        yield "as " + name, (base, {**parts, "model": model} if model else parts), False


def changed(base, **parts):
    """The members of base that differ; those of the model are laid over it."""
    return base, parts


def merged(base, parts):
    result = copy.deepcopy(base)
    for name, value in parts.items():
        if name == "model":
            result["model"].update(value)
        else:
            result[name] = value
    return result


def added(id, content, **flags):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False, **flags}


def layouts():
    piece, pair, character, gram = word_piece(), byte_pair(), character_pair(), unigram()
    yield "wordpiece", changed(piece), True
    yield "bpe", changed(pair), True
    yield "unigram", changed(gram), True
    meta = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    n = len(piece["model"]["vocab"])
    yield "bpe prefix space, ByteLevel behind", changed(pair, pre_tokenizer=level, post_processor={"type": "Sequence", "processors": [
        level, pair["post_processor"]]}), False
    yield "bpe without expression", changed(pair, pre_tokenizer={**level, "use_regex": False}), False
    yield "bpe ignore_merges", changed(pair, model={"ignore_merges": True, "merges": pair["model"]["merges"][:40]}), False
    yield "bpe merges as strings", changed(pair, model={"merges": [" ".join(m) for m in pair["model"]["merges"]]}, post_processor=None), False
    yield "bpe Digits then ByteLevel", changed(pair, pre_tokenizer={"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": True}, {**level, "add_prefix_space": False}]}), False
    yield "bpe characters", changed(character), False
    yield "bpe characters fuse_unk", changed(character, model={"fuse_unk": True}), False
    yield "bpe characters byte_fallback", changed(character, model={"byte_fallback": True}), False
    yield "bpe characters without unknown", changed(character, model={"unk_token": None}), False
    yield "unigram as of old", changed(gram, pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, meta]}), False
    yield "unigram first", changed(gram, pre_tokenizer={**meta, "prepend_scheme": "first"}), False
    yield "unigram never, whole", changed(gram, pre_tokenizer={**meta, "prepend_scheme": "never", "split": False}), False
    bytes_ = [["<0x%02X>" % b, -20.0] for b in range(256)]
    yield "unigram byte_fallback", changed(gram, model={"byte_fallback": True, "vocab": gram["model"]["vocab"] + bytes_}), False
    yield "unigram Prepend and Replace", changed(gram, normalizer={"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}, pre_tokenizer=None), False
    bases = {"bytes": copy.deepcopy(pair), "ends": word_ends(), "pieces": pieces_with_bytes(), "unigram": gram, "words": piece}
    bases["bytes"]["model"]["unk_token"] = None
    yield from models_pipelines(bases)
    for name in ["NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "StripAccents"]:
        yield "normalizer " + name, changed(piece, normalizer={"type": name}, post_processor=None), False
    sequence = {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"},
                                                    {"type": "Strip", "strip_left": True, "strip_right": True}]}
    yield "normalizers in sequence", changed(piece, normalizer=sequence, pre_tokenizer={"type": "WhitespaceSplit"}), False
    yield "cased with accents", changed(piece, normalizer={
        "type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": True}), False
    yield "cased without accents", changed(piece, normalizer={
        "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": True, "lowercase": False}), False
    for pre in [{"type": "Whitespace"}, {"type": "Punctuation", "behavior": "Contiguous"}, {"type": "Digits", "individual_digits": False},
                {"type": "CharDelimiterSplit", "delimiter": "a"}]:
        yield "pre_tokenizer " + pre["type"], changed(piece, pre_tokenizer=pre), False
    for behavior in ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
        for pattern in [{"String": " "}, {"Regex": "\\s+"}]:
            pre = {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": False}
            yield f"Split {behavior} {list(pattern)[0]}", changed(piece, pre_tokenizer=pre), False
    yield "Split inverted", changed(piece, pre_tokenizer={"type": "Split", "pattern": {"Regex": "\\w+"}, "behavior": "Removed", "invert": True}), False
    yield "added tokens", changed(piece, added_tokens=piece["added_tokens"] + [
        added(n, "free", single_word=True), added(n + 1, "price", lstrip=True), added(n + 2, "call", rstrip=True, normalized=True),
        added(n + 3, "caf\u00e9", normalized=True), added(n + 4, "now", lstrip=True, rstrip=True, single_word=True), added(n + 5, "the price")]), False


def truncations(content, rows):
    for strategy in ["longest_first", "only_first", "only_second"]:
        for direction in ["right", "left"]:
            for a, b in [(0, 0), (1, 6), (6, 1), (4, 4), (9, 9), (9, 2), (2, 9), (12, 5), (40, 30), (30, 40)]:
                for length in [8, 11, 12]:
                    tokenizer = Tokenizer.from_str(json.dumps(content))
                    tokenizer.enable_truncation(length, strategy=strategy, direction=direction)
                    first, second = " ".join(["the"] * a), " ".join(["price"] * b)
                    try:
                        encoding = tokenizer.encode(first, second)
                    except Exception:
                        continue
                    rows.append({"a": first, "b": second, "length": length, "strategy": json.loads(tokenizer.to_str())["truncation"]["strategy"],
                                 "direction": direction.capitalize(), "ids": encoding.ids, "types": encoding.type_ids})
    return rows


def main():
    everything = texts()
    bases, result = [], []
    for name, (base, parts), is_main in layouts():
        if base not in bases:
            bases.append(base)
        tokenizer = Tokenizer.from_str(json.dumps(merged(base, parts)))
        kept = everything if is_main else everything[:80]
        result.append({
            "name": name, "base": bases.index(base), "parts": parts, "ids": [" ".join(map(str, tokenizer.encode(t).ids)) for t in kept],
            "pairs": [{"ids": (e := tokenizer.encode(a, b)).ids, "types": e.type_ids} for a, b in zip(everything[:10], everything[10:20])]})
    fixture = {"texts": everything, "bases": bases, "layouts": result, "truncations": truncations(bases[0], [])}
    json.dump(fixture, sys.stdout, ensure_ascii=True, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
