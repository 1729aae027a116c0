"""Texts a second of martlet predict and of the pipelines of transformers, and whether they say the same; see run."""
import json
import os
import subprocess
import sys
import time

import torch
from tokenizers import (
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    PreTrainedTokenizerFast,
    pipeline,
)

BINARY, WORK, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])
WORDS = "the price of free delivery in Berlin is low today said Anna who lives there and pays with a card for books that she reads at night".split()


def texts(length):
    return [" ".join(WORDS[(7 * i + 3 * j + i * j) % len(WORDS)] for j in range(length + i % 9)) for i in range(COUNT)]


def tokenizer():
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(lowercase=False), pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made.train_from_iterator(texts(40), trainers.WordPieceTrainer(vocab_size=2000, special_tokens=special, show_progress=False))
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=384, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
                                   sep_token="[SEP]", mask_token="[MASK]")


def made(kind, name, words, **more):
    torch.manual_seed(1)
    model = kind(BertConfig(vocab_size=2000, hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536, max_position_embeddings=384, **more)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(3)
    folder = os.path.join(WORK, name)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return model, folder


def ours(folder, rows, *options):
    path = folder + ".jsonl"
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    command = [BINARY, "predict", folder, path, "--threads", "1", "--precision", "f32", "--output-format", "jsonl", *options]
    best = float("inf")
    for take in (rows[:1], rows, rows):
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in take)
        start = time.perf_counter()
        lines = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
        seconds = time.perf_counter() - start
        if len(take) == 1:
            loading = seconds
        else:
            best = min(best, seconds)
    # Loading is not what is compared.
    return [json.loads(line)["prediction"] for line in lines], (len(rows) - 1) / (best - loading)


def theirs(ask, rows):
    ask(rows[0])
    best = float("inf")
    for _ in range(2):
        start = time.perf_counter()
        answers = [ask(row) for row in rows]
        best = min(best, time.perf_counter() - start)
    return answers, len(rows) / best


def report(name, own, other, same):
    print(f"{name:<20} {own[1]:8.1f} texts/s   transformers {other[1]:8.1f}   ratio {own[1] / other[1]:.2f}   equal answers {sum(map(same, own[0], other[0]))} of {COUNT}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    words = tokenizer()
    with torch.inference_mode():
        labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
        model, folder = made(BertForTokenClassification, "entities", words, id2label=dict(enumerate(labels)))
        rows = [{"text": text} for text in texts(40)]
        ner = pipeline("token-classification", model=model, tokenizer=words, aggregation_strategy="simple")
        report("entities", ours(folder, rows), theirs(lambda row: ner(row["text"]), rows),
               lambda a, b: [(s["start"], s["end"], s["label"]) for s in a] == [(s["start"], s["end"], s["entity_group"]) for s in b])
        model, folder = made(BertForQuestionAnswering, "answers", words)
        rows = [{"question": "who pays the price today", "context": text} for text in texts(150)]
        qa = pipeline("question-answering", model=model, tokenizer=words)
        report("question answering", ours(folder, rows), theirs(lambda row: qa(**row), rows),
               lambda a, b: (a["start"], a["end"]) == (b["start"], b["end"]))
        names = ["contradiction", "neutral", "entailment"]
        model, folder = made(BertForSequenceClassification, "entailment", words, id2label=dict(enumerate(names)), label2id={n: i for i, n in enumerate(names)})
        rows = [{"text": text} for text in texts(40)]
        candidates = ["free", "books", "night", "card", "Berlin"]
        placed = pipeline("zero-shot-classification", model=model, tokenizer=words)
        report("zero-shot, 5 labels", ours(folder, rows, "--candidate-labels", ",".join(candidates)), theirs(lambda row: placed(row["text"], candidate_labels=candidates), rows),
               lambda a, b: a["labels"][0] == b["labels"][0])
