"""Makes each engine's own form of an encoder's directory, at its best: python prepare.py MODEL OUTPUT TEXTS|- f32[,int8]

OUTPUT/onnx/model.onnx        exported by torch.onnx with dynamic axes
OUTPUT/onnxruntime/f32.onnx   fused by onnxruntime's transformer optimizer (attention, GELU, layer norm)
OUTPUT/onnxruntime/int8.onnx  that, by quantize_dynamic; plain-int8.onnx without the fusion
OUTPUT/openvino/{f32,int8}    converted; int8 by nncf's post-training quantisation of weights and activations
OUTPUT/ctranslate2/{f32,int8}
OUTPUT/calibration.txt        the 300 texts that nncf and martlet quantize are given
OUTPUT/sentences.json         ids of 200 texts, on which the embeddings are compared
"""

import json
import pathlib
import sys

import numpy as np

# Of every five texts three calibrate; the embeddings of the other two are compared.
CALIBRATION_SHARE = (3, 5)


def export_onnx(model_path, path):
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(model_path, attn_implementation="eager").eval()
    ids = torch.randint(1000, 5000, (2, 16))
    inputs = (ids, torch.ones_like(ids), torch.zeros_like(ids))
    names = ["input_ids", "attention_mask", "token_type_ids"]
    if getattr(model.config, "type_vocab_size", 0) < 2:
        inputs, names = inputs[:2], names[:2]
    fixed = {"use_cache": False} if hasattr(model.config, "use_cache") and model.config.model_type.startswith("qwen") else {}

    class HiddenStates(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, *inputs):
            return self.model(**dict(zip(names, inputs)), **fixed).last_hidden_state

    axes = {name: {0: "batch", 1: "tokens"} for name in names + ["hidden"]}
    torch.onnx.export(
        HiddenStates(), inputs, str(path), input_names=names, output_names=["hidden"],
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )
    return model.config


def make_onnxruntime(source, config, folder, has_int8):
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    fused = optimizer.optimize_model(
        str(source), model_type="bert", num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size, optimization_options=FusionOptions("bert"), opt_level=1,
    )
    print("onnxruntime fused:", fused.get_fused_operator_statistics(), file=sys.stderr)
    fused.save_model_to_file(str(folder / "f32.onnx"))
    for model, name in ((folder / "f32.onnx", "int8"), (source, "plain-int8")) if has_int8 else ():
        # The fused nodes are of onnxruntime's own domain, whose types shape inference does not know.
        quantize_dynamic(
            str(model), str(folder / f"{name}.onnx"), weight_type=QuantType.QInt8, per_channel=True,
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )


def make_openvino(source, tokenizer, texts, folder, has_int8):
    import openvino

    model = openvino.convert_model(str(source))
    openvino.save_model(model, str(folder / "f32.xml"), compress_to_fp16=False)
    if not has_int8:
        return
    import nncf

    def encode(text):
        encoded = tokenizer(text, truncation=True, max_length=256, return_tensors="np")
        ids = encoded["input_ids"].astype(np.int64)
        values = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        return {item.get_any_name(): values[item.get_any_name()] for item in model.inputs}

    quantized = nncf.quantize(
        model, nncf.Dataset(texts, encode), model_type=nncf.ModelType.TRANSFORMER, subset_size=len(texts),
    )
    openvino.save_model(quantized, str(folder / "int8.xml"), compress_to_fp16=False)


def make_ctranslate2(model_path, folder, has_int8):
    from ctranslate2.converters import TransformersConverter

    for name, quantization in (("f32", "float32"), ("int8", "int8"))[:1 + has_int8]:
        converter = TransformersConverter(str(model_path))
        converter.convert(str(folder / name), quantization=quantization, force=True)


def sentences(path):
    """500 texts: the last column of a tab-separated file, or the built-in ones."""
    if path:
        lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
        return [line.split("\t")[-1] for line in lines[:: max(1, len(lines) // 500)]][:500]
    subjects = ["The committee", "A small bakery", "My older brother", "The new telescope", "Nobody in town",
                "The central bank", "An early train", "Our neighbour's dog", "The reviewer", "This software"]
    verbs = ["announced on Monday that", "quietly forgot that", "was surprised to learn that", "hopes that",
             "insists that", "wrote a long letter saying that", "cannot believe that", "will never admit that",
             "warned the whole village in 1987 that", "remembers how"]
    ends = ["the bridge will close for repairs.", "prices rose by four percent last year!",
            "it rained during the whole festival?", "nobody had read the manual.",
            "two planets were visible before dawn."]
    return [f"{s} {v} {e}" for s in subjects for v in verbs for e in ends]


def attempt(name, make, *arguments):
    """One converter that fails must not stop the others."""
    try:
        make(*arguments)
    except Exception as error:
        print(f"{name}: not converted: {error!r}", file=sys.stderr)


def main():
    model_path, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    texts = sentences(sys.argv[3] if sys.argv[3] != "-" else None)
    has_int8 = "int8" in sys.argv[4].split(",")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_path)
    for name in ("onnx", "onnxruntime", "openvino", "ctranslate2"):
        (output / name).mkdir(parents=True, exist_ok=True)
    source = output / "onnx" / "model.onnx"
    config = export_onnx(model_path, source)
    attempt("onnxruntime's fusion", make_onnxruntime, source, config, output / "onnxruntime", has_int8)
    used, of = CALIBRATION_SHARE
    calibration = [t for i, t in enumerate(texts) if i % of < used]
    (output / "calibration.txt").write_text("\n".join(calibration) + "\n", encoding="utf-8")
    make_openvino(source, tokenizer, calibration, output / "openvino", has_int8)
    held_out = [tokenizer(t, truncation=True, max_length=256)["input_ids"] for i, t in enumerate(texts) if i % of >= used]
    (output / "sentences.json").write_text(json.dumps(held_out))
    attempt("ctranslate2", make_ctranslate2, model_path, output / "ctranslate2", has_int8)
    (output / "done").touch()


if __name__ == "__main__":
    main()
