"""Puts a classification head of random weights (seed 0) on an encoder: python add_head.py MODEL OUTPUT

OUTPUT/model is the Hugging Face directory that both servers load, OUTPUT/{f32,int8}.onnx the peer's graphs (fused by
onnxruntime's transformer optimizer), OUTPUT/{15,112}.json requests whose texts have that many tokens,
OUTPUT/calibration.tsv texts for martlet quantize.
"""

import json
import pathlib
import shutil
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1] / "peers"))
from prepare import make_onnxruntime, sentences  # noqa: E402

WORDS = "the train to the city was late again and nobody at the station knew when it would come".split()


def main():
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModelForSequenceClassification

    source, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    folder = output / "model"
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(
        source, num_labels=2, id2label={0: "ham", 1: "spam"}, label2id={"ham": 0, "spam": 1},
        attn_implementation="eager").eval()
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        if (source / name).exists():
            shutil.copy(source / name, folder / name)

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.model(
                input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).logits

    names = ["input_ids", "attention_mask", "token_type_ids"]
    ids = torch.randint(1000, 5000, (2, 16))
    torch.onnx.export(
        Logits(), (ids, torch.ones_like(ids), torch.zeros_like(ids)), str(output / "exported.onnx"),
        input_names=names, output_names=["logits"], opset_version=17, dynamo=False,
        dynamic_axes={name: {0: "batch", 1: "tokens"} for name in names} | {"logits": {0: "batch"}})
    make_onnxruntime(output / "exported.onnx", model.config, output)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    for tokens in (15, 112):
        text = ""
        for index in range(tokens):
            if len(tokenizer.encode(text).ids) == tokens:
                break
            text = (text + " " + WORDS[index % len(WORDS)]).strip()
        assert len(tokenizer.encode(text).ids) == tokens
        (output / f"{tokens}.json").write_text(json.dumps({"input": text}))
    # No label of a random head is right; the file lets martlet quantize see texts.
    rows = [f"{('ham', 'spam')[i % 2]}\t{text}\n" for i, text in enumerate(sentences(None))]
    (output / "calibration.tsv").write_text("".join(rows), encoding="utf-8")
    (output / "done").touch()


if __name__ == "__main__":
    main()
