"""Times every engine in alternation and prints the tables: python compare.py --help"""

import argparse
import datetime
import importlib.metadata
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
F32 = [("openvino", "f32"), ("onnxruntime", "f32"), ("onnxruntime", "plain f32"), ("ctranslate2", "f32"), ("pytorch", "f32")]
INT8 = [("openvino", "int8"), ("openvino", "auto int8"), ("onnxruntime", "int8"), ("onnxruntime", "plain int8"),
        ("ctranslate2", "int8"), ("pytorch", "int8")]
# What a user gets who asks for nothing: of OpenVINO bf16 on CPUs that multiply it, of onnxruntime f32.
BF16 = [("openvino", "as it comes"), ("onnxruntime", "f32"), ("onnxruntime", "plain f32")]


class Coprocess:
    """An engine that answers lines; it sleeps between its turns."""

    def __init__(self, label, command, environment):
        self.label = label
        self.errors = open(f"/tmp/peers-{os.getpid()}-{label.replace(' ', '-')}.log", "w+")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True, env=environment
        )
        self.ready = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            last = self.errors.read().strip().splitlines()[-1:] or ["no message"]
            raise RuntimeError(f"{self.label} ended: {last[0]}")
        return json.loads(line)

    def ask(self, ids, repeat):
        self.process.stdin.write(json.dumps({"ids": ids, "repeat": repeat}) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.errors.close()
        os.unlink(self.errors.name)


def cosine(rows, others):
    def one(a, b):
        dot = sum(x * y for x, y in zip(a, b))
        return dot / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5

    return statistics.mean(one(a, b) for a, b in zip(rows, others))


def compare_embeddings(engines, options):
    """Mean cosine of mean pooled embeddings against PyTorch's in f32, over held-out sentences of any length."""
    sentences = json.loads((pathlib.Path(options.prepared) / "sentences.json").read_text())
    sentences = sentences[:20] if options.quick else sentences
    embeddings = {engine.label: [engine.ask([ids], 1)["embedding"][0] for ids in sentences] for engine in engines}
    return {label: cosine(rows, embeddings["pytorch f32"]) for label, rows in embeddings.items()}


def make_ids(seed, batch, tokens):
    """Ids of ordinary words between [CLS] and [SEP], rows of equal length, so that nobody pads."""
    source = random.Random(f"{seed} {batch} {tokens}")
    return [[101] + [source.randrange(1996, 12000) for _ in range(tokens - 2)] + [102] for _ in range(batch)]


def start(options):
    environment = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    if options.isa:
        environment["MARTLET_ISA"] = options.isa
    if options.isa == "avx2":
        environment.update(
            ONEDNN_MAX_CPU_ISA="AVX2", DNNL_MAX_CPU_ISA="AVX2", MKL_ENABLE_INSTRUCTIONS="AVX2",
            ATEN_CPU_CAPABILITY="avx2", CT2_FORCE_CPU_ISA="AVX2",
        )
    wanted = []
    for precision in options.precision:
        model = options.model8 if precision == "int8" else options.model
        if model:
            wanted.append((f"martlet {precision}", [
                options.martlet, "bench", "forward", model, "--precision", precision, "--interactive"]))
    kinds = (F32 if "f32" in options.precision else [("pytorch", "f32")])
    kinds = kinds + (BF16 if "bf16" in options.precision else []) + (INT8 if "int8" in options.precision else [])
    kinds = list(dict.fromkeys(kinds))
    if options.compile:
        kinds = kinds + [("pytorch", "compiled")]
    for name, precision in kinds:
        if options.only and name not in options.only and (name, precision) != ("pytorch", "f32"):
            continue
        wanted.append((
            f"{name} {precision}",
            [sys.executable, str(HERE / "engine.py"), name, precision, options.model, options.prepared],
        ))
    engines = []
    for label, command in wanted:
        try:
            engines.append(Coprocess(label, command, environment))
        except (RuntimeError, OSError) as error:
            print(f"left out: {error}", file=sys.stderr)
    return engines


def measure(engines, ids, options):
    """Round robin: each engine in turn for a slice of time, several rounds; the median of all its runs."""
    repeat, times = {}, {engine.label: [] for engine in engines}
    for engine in engines:
        once = min(engine.ask(ids, 2)["ms"])
        repeat[engine.label] = max(1, min(400, int(options.slice_ms / once)))
    for turn in range(options.rounds):
        for engine in engines[turn % len(engines):] + engines[:turn % len(engines)]:
            times[engine.label].extend(engine.ask(ids, repeat[engine.label])["ms"])
    return {label: statistics.median(values) for label, values in times.items()}


def table(title, rows, labels, precision, cosines):
    ours = f"martlet {precision}"
    ends = {"f32": ("f32", "compiled"), "bf16": ("as it comes", "onnxruntime f32", "plain f32")}.get(precision, (precision,))
    peers = [label for label in labels if not label.startswith("martlet") and label.endswith(ends)]
    columns = ([ours] if ours in labels else []) + peers
    print(f"\n{title}, ms (median); ratio = the fastest peer's time / Martlet's\n")
    print("| batch × tokens | " + " | ".join(columns) + " | fastest peer | ratio |")
    print("|---" * (len(columns) + 3) + "|")
    for (batch, tokens), times in rows.items():
        best = min(peers, key=lambda label: times[label])
        ratio = f"**{times[best] / times[ours]:.2f}**" if ours in times else "–"
        cells = " | ".join(f"{times[label]:.2f}" for label in columns)
        print(f"| {batch} × {tokens} | {cells} | {best} | {ratio} |")
    cells = " | ".join(f"{cosines[label]:.5f}" for label in columns)
    print(f"| mean cosine | {cells} | | |", flush=True)


def describe(options, engines):
    fields = dict(
        (part.strip() for part in line.split(":", 1))
        for line in subprocess.run(["lscpu"], capture_output=True, text=True).stdout.splitlines() if ":" in line
    )
    flags = [f for f in ("avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16") if f in fields["Flags"].split()]
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("openvino", "onnxruntime", "ctranslate2", "torch"))
    print(f"{fields['Model name']}, family {fields.get('CPU family')} model {fields.get('Model')}, "
          f"{os.cpu_count()} cores; {' '.join(flags)}. {datetime.date.today()}. {versions}. "
          f"One thread, pinned to core {sorted(os.sched_getaffinity(0))}; seed {options.seed}.")
    for engine in engines:
        if engine.label.startswith("martlet"):
            print(f"{engine.label}: {json.dumps(engine.ready)}")
    if options.isa:
        print(f"Instruction set held at {options.isa} for Martlet, oneDNN, CTranslate2 and PyTorch; "
              "onnxruntime's own kernels have no such switch and use what the CPU has.")


def main():
    parser = argparse.ArgumentParser(prog="Benchmarks/peers/run")
    parser.add_argument("--martlet", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--prepared", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--model", required=True, help="directory of the model")
    parser.add_argument("--model8", help="the same, from martlet quantize")
    parser.add_argument("--precision", default="f32,bf16,int8", type=lambda text: text.split(","))
    parser.add_argument("--isa", choices=["avx2"], help="hold all that have a switch at this instruction set")
    parser.add_argument("--tokens", default="8,16,32,64,128,256,512")
    parser.add_argument("--batch-tokens", default="16,32,64,128", help="tokens for the batches of 8 and 32")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--slice-ms", type=float, default=150, help="time of one engine's turn")
    parser.add_argument("--quick", action="store_true", help="batch 1 only, three short rounds")
    parser.add_argument("--compile", action="store_true", help="torch.compile as well")
    parser.add_argument("--only", type=lambda text: text.split(","), help="these peers alone")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", help="write the measurements to this JSON file as well")
    options = parser.parse_args()
    shapes = [(1, int(t)) for t in options.tokens.split(",")]
    if options.quick:
        options.rounds, options.slice_ms = 3, 60
    else:
        shapes += [(b, int(t)) for b in (8, 32) for t in options.batch_tokens.split(",") if t]
    engines = start(options)
    describe(options, engines)
    cosines = compare_embeddings(engines, options)
    rows = {}
    for batch, tokens in shapes:
        rows[batch, tokens] = measure(engines, make_ids(options.seed, batch, tokens), options)
        print(f"{batch} × {tokens}: " + ", ".join(f"{k} {v:.2f}" for k, v in rows[batch, tokens].items()),
              file=sys.stderr, flush=True)
    labels = [engine.label for engine in engines]
    for precision in options.precision:
        table(f"**{precision}**", rows, labels, precision, cosines)
    if options.save:
        saved = {f"{b}x{t}": times for (b, t), times in rows.items()}
        pathlib.Path(options.save).write_text(json.dumps({"ms": saved, "cosine": cosines}, indent=1))
    for engine in engines:
        engine.close()


if __name__ == "__main__":
    main()
