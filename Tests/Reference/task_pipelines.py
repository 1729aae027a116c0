"""Makes the fixtures of tasks: tiny random models, and what the pipelines of transformers say of texts.

    python3 Tests/Reference/task_pipelines.py Tests/TransformerTests/Fixtures/tasks

Needs: pip install "transformers>=4.57,<5" torch tokenizers, because version 5 has no pipeline for question answering. Each folder is a model
directory; expected.json beside its files holds inputs, parameters and answers.
"""
import json
import os
import shutil
import sys
import tempfile

import torch
from tokenizers import (
    Tokenizer,
    decoders,
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
    DistilBertConfig,
    DistilBertForQuestionAnswering,
    ModernBertConfig,
    ModernBertForTokenClassification,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForQuestionAnswering,
    RobertaForSequenceClassification,
    RobertaForTokenClassification,
    XLMRobertaConfig,
    XLMRobertaForQuestionAnswering,
    XLMRobertaForTokenClassification,
    pipeline,
)

OUT = sys.argv[1]
LENGTH = 40
NER = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC"]
TEXTS = [
    "Angela Merkel zahlte 5.975,74 Euro in Bad-Homburg.", "Zoe\u0308 lives in Sa\u0303o Paulo, they say; don't they?", "😀 Anna 👨‍👩‍👧 and Bob👍🏽!",
    "你好世界 hello 世界", "สวัสดีชาวโลก ภาษาไทย", "state-of-the-art mother-in-law", "  two  spaces  ", "[SEP] typed <mask> </s> tokens", "İstanbul ΣΊΣΥΦΟΣ ﬁne",
    "a", "The price of the free delivery in Berlin is low today, Anna said. " * 4,
]
QUESTIONS = [
    ("Where do I live?", "My name is Wolfgang and I live in Berlin."), ("How much did Angela Merkel pay?", TEXTS[0]), ("Who?", TEXTS[1]), ("什么?", TEXTS[3]),
    ("Is it 😀?", TEXTS[2]), ("What is low?", TEXTS[10] + "And Bob has 3 apples. " + TEXTS[10]), ("Why [SEP]?", TEXTS[7]),
]
LABELS = [["politics", "sports"], ["urgent", "not urgent", "phone"], ["Ünïcödé"]]


def corpus():
    texts = TEXTS + [text for pair in QUESTIONS for text in pair] + [label for labels in LABELS for label in labels]
    return [text for text in texts for _ in range(4)] + ["This example is about sports."]


def randomised(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * (0.3 if p.dim() == 1 else 0.5) + (1.0 if "orm.weight" in name else 0.0))
    return model.eval()


def fast(tokenizer, special, **settings):
    """As it stands in files: what a class of transformers would add of its own does not take part."""
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LENGTH, **special, **settings)


def word_piece(**settings):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(corpus(), trainers.WordPieceTrainer(vocab_size=230, limit_alphabet=90, special_tokens=special, show_progress=False))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.WordPiece()
    return fast(tokenizer, dict(pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]"), **settings)


def byte_pair():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=320, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                                               special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], show_progress=False))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return fast(tokenizer, dict(pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>", mask_token="<mask>"),
                model_input_names=["input_ids", "attention_mask"])


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(corpus(), trainers.UnigramTrainer(vocab_size=230, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    tokenizer.decoder = decoders.Metaspace()
    return fast(tokenizer, dict(pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>"), model_input_names=["input_ids", "attention_mask"])


def shape(tokenizer, **more):
    return dict(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, **more)


def config(kind, tokenizer, **more):
    if kind is DistilBertConfig:
        return kind(vocab_size=len(tokenizer), dim=16, n_layers=1, n_heads=2, hidden_dim=16, max_position_embeddings=LENGTH, **more)
    if kind is ModernBertConfig:
        return kind(**shape(tokenizer, max_position_embeddings=LENGTH, pad_token_id=0, cls_token_id=2, sep_token_id=3, global_attn_every_n_layers=1,
                            reference_compile=False, attn_implementation="eager"), **more)
    return kind(**shape(tokenizer, max_position_embeddings=LENGTH + (0 if kind is BertConfig else 2), pad_token_id=tokenizer.pad_token_id,
                        type_vocab_size=2 if kind is BertConfig else 1), **more)


def labels(names):
    return dict(id2label=dict(enumerate(names)), label2id={name: index for index, name in enumerate(names)})


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(each) for each in value]
    return round(float(value), 6) if hasattr(value, "item") or isinstance(value, float) else value


def save(name, model, tokenizer, cases):
    folder = os.path.join(OUT, name)
    with tempfile.TemporaryDirectory() as made:
        model.save_pretrained(made)
        tokenizer.save_pretrained(made)
        os.makedirs(folder)
        for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]:
            shutil.copy(os.path.join(made, file), folder)
    with open(os.path.join(folder, "expected.json"), "w", encoding="utf-8") as file:
        json.dump(rounded(cases), file, ensure_ascii=False, separators=(",", ":"))


def entities(name, kind, config_kind, tokenizer, seed):
    model = randomised(kind(config(config_kind, tokenizer, **labels(NER))), seed)
    ner = pipeline("token-classification", model=model, tokenizer=tokenizer)
    cases = []
    for text in TEXTS:
        for strategy in ["none", "simple", "first", "average", "max"]:
            for stride in [None, 0, 7] if strategy != "none" else [None]:
                parameters = {"aggregation": strategy} | ({} if stride is None else {"stride": stride})
                more = {} if stride is None else {"stride": stride}
                found = ner(text, aggregation_strategy=strategy, **more)
                cases.append({"input": text, "parameters": parameters, "answer": [[e.get("entity", e.get("entity_group")), e["score"], e["word"], e["start"], e["end"]] for e in found]})
    save(name, model, tokenizer, cases)


def answers(name, kind, config_kind, tokenizer, seed):
    model = randomised(kind(config(config_kind, tokenizer)), seed)
    asked = pipeline("question-answering", model=model, tokenizer=tokenizer)
    cases = []
    for question, context in QUESTIONS:
        for parameters in [{}, {"top_k": 3, "doc_stride": 5}, {"handle_impossible_answer": True, "max_answer_len": 4}, {"align_to_words": False, "max_seq_len": 32, "doc_stride": 0},
                           {"top_k": 5, "handle_impossible_answer": True}]:
            if len(tokenizer(question)["input_ids"]) + 4 >= parameters.get("max_seq_len", LENGTH):
                continue
            room = parameters.get("max_seq_len", LENGTH) - len(tokenizer(question, context, add_special_tokens=True)["input_ids"]) + len(tokenizer(context, add_special_tokens=False)["input_ids"])
            stride = parameters.get("doc_stride", min(LENGTH // 2, 128))
            if stride >= room:
                continue
            cases.append({"input": {"question": question, "context": context}, "parameters": parameters, "answer": asked(question=question, context=context, **parameters)})
    save(name, model, tokenizer, cases)


def zero_shot(name, kind, config_kind, tokenizer, names, seed):
    model = randomised(kind(config(config_kind, tokenizer, **labels(names))), seed)
    placed = pipeline("zero-shot-classification", model=model, tokenizer=tokenizer)
    cases = []
    for text in TEXTS:
        for candidates in LABELS:
            for more in [{}, {"multi_label": True}, {"hypothesis_template": "Es geht um {}!"}]:
                cases.append({"input": text, "parameters": {"candidate_labels": candidates} | more, "answer": placed(text, candidate_labels=candidates, **more)})
    save(name, model, tokenizer, cases)


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    torch.set_num_threads(1)
    words, pairs, likely = word_piece(), byte_pair(), unigram()
    entities("bert-entities", BertForTokenClassification, BertConfig, words, 1)
    entities("roberta-entities", RobertaForTokenClassification, RobertaConfig, pairs, 2)
    entities("xlm-roberta-entities", XLMRobertaForTokenClassification, XLMRobertaConfig, likely, 3)
    entities("modernbert-entities", ModernBertForTokenClassification, ModernBertConfig, word_piece(model_input_names=["input_ids", "attention_mask"]), 4)
    answers("bert-answers", BertForQuestionAnswering, BertConfig, words, 5)
    answers("roberta-answers", RobertaForQuestionAnswering, RobertaConfig, pairs, 6)
    answers("xlm-roberta-answers", XLMRobertaForQuestionAnswering, XLMRobertaConfig, likely, 7)
    answers("distilbert-answers", DistilBertForQuestionAnswering, DistilBertConfig, word_piece(model_input_names=["input_ids", "attention_mask"]), 8)
    zero_shot("bert-entailment", BertForSequenceClassification, BertConfig, words, ["contradiction", "neutral", "entailment"], 9)
    zero_shot("roberta-entailment", RobertaForSequenceClassification, RobertaConfig, pairs, ["ENTAILMENT", "NOT_ENTAILMENT"], 10)
