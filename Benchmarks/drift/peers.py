"""What other programs find in the streams that drift-benchmark wrote, beside what Martlet found in them.

    peers.py FOLDER [RUNS]

Runs whichever of alibi-detect, Evidently and river is installed; the first wants another NumPy than the last, so they live in
two environments (requirements.txt, requirements-alibi.txt) and the script is run in each.

Those that compare windows look at the latest 500 texts every 125 texts. A look has a quarter of 1 %, so that 500 texts have
1 % as with Martlet, and columns share it (Bonferroni). Each column has all the reference that Martlet has for it.
"""
import logging
import statistics
import sys
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
WINDOW, STRIDE = 500, 125
LEVEL = 0.01 * STRIDE / WINDOW
CATEGORIES = {"script", "language", "class"}
folder = Path(sys.argv[1])
runs = int(sys.argv[2]) if len(sys.argv) > 2 else 20


def table(name, width):
    return np.fromfile(folder / name, np.float32).reshape(-1, width)


class Columns:
    """Tests each column of a window by itself."""

    def __init__(self, columns, reference, test, level):
        self.columns, self.test, self.level = columns, test, level
        self.reference = [reference[~np.isnan(reference[:, i]), i] for i in range(len(columns))]

    def is_drift(self, window):
        return any(self.test(r, window[:, i], c in CATEGORIES) <= self.level / len(self.columns)
                   for i, (c, r) in enumerate(zip(self.columns, self.reference)))


def with_alibi():
    from alibi_detect.cd import ChiSquareDrift, ClassifierDrift, KSDrift
    from sklearn.linear_model import LogisticRegression

    def test(reference, window, is_category):
        kind = ChiSquareDrift if is_category else KSDrift
        detector = kind(reference.reshape(-1, 1), p_val=0.01)
        return float(np.min(detector.predict(window.reshape(-1, 1), drift_type="feature")["data"]["p_val"]))

    class Classifier:
        def __init__(self, columns, reference):
            self.kept = [i for i, c in enumerate(columns) if c not in CATEGORIES and c != "unseen_trigram_share"]
            rows = reference[:, self.kept]
            rows = rows[~np.isnan(rows).any(axis=1)]
            self.center, self.scale = rows.mean(0), rows.std(0) + 1e-6
            self.detector = ClassifierDrift(
                (rows - self.center) / self.scale, LogisticRegression(max_iter=500), p_val=LEVEL, backend="sklearn",
                preds_type="probs", binarize_preds=False, n_folds=3, seed=1)

        def is_drift(self, window):
            return bool(self.detector.predict((window[:, self.kept] - self.center) / self.scale)["data"]["is_drift"])

    return {"alibi-detect, KS and χ² by column": lambda c, r: Columns(c, r, test, LEVEL),
            "alibi-detect, classifier": Classifier}


def with_evidently():
    import pandas as pd
    from evidently.legacy.calculations import stattests
    from evidently.legacy.core import ColumnType

    def p_value(reference, window, is_category):
        method = stattests.chi_stat_test if is_category else stattests.ks_stat_test
        return float(method.func(
            pd.Series(reference), pd.Series(window), ColumnType.Categorical if is_category else ColumnType.Numerical,
            LEVEL)[0])

    class Index(Columns):
        """Evidently's own limit: an index above 0.1."""

        def is_drift(self, window):
            return any(float(stattests.psi_stat_test.func(
                pd.Series(r), pd.Series(window[:, i]),
                ColumnType.Categorical if c in CATEGORIES else ColumnType.Numerical, 0.1)[0]) >= 0.1
                for i, (c, r) in enumerate(zip(self.columns, self.reference)))

    return {"Evidently, KS and χ² by column": lambda c, r: Columns(c, r, p_value, LEVEL),
            "Evidently, PSI above 0.1": lambda c, r: Index(c, r, None, 0)}


def row(program, scenario, delays, limit, alarms, windows):
    found = "" if limit is None else f"{sum(d <= limit for d in delays)} of {len(delays)}"
    median = "" if not delays else f"{statistics.median_high(delays)}"
    print(f"{program:36} {scenario:24} {median:>7} {found:>9} {f'{alarms} in {windows}' if windows else ''}")


AIMS = {"20 % of another kind": 500, "spam from 13 % to 26 %": 600, "5 % corrupted": 1000}
streams, labels = defaultdict(list), []
for line in (folder / "index.tsv").read_text().splitlines():
    base, name, seed, change, delay, columns = line.split("\t")
    if int(seed) <= runs:
        entry = (base, int(seed), int(change), int(delay), columns.split(","))
        (labels if name == "labels" else streams[name]).append(entry)

detectors = {}
for maker in (with_alibi, with_evidently):
    try:
        detectors |= maker()
    except ImportError as error:
        print(f"{maker.__name__[5:]} is not here: {error}", file=sys.stderr)
print(f"{'':36} {'':24} {'median':>7} {'within':>9} false alarms in windows of 500")
for name, entries in streams.items():
    aim = AIMS.get(name)
    if name == "no change":
        row("Martlet", name, [], None, sum(e[3] for e in entries), len(entries) * 10)
    elif aim:
        row("Martlet", name, [e[3] for e in entries], aim, 0, 0)
    else:
        continue
    for program, make in detectors.items():
        delays, alarms, windows = [], 0, 0
        for base, _, change, _, columns in entries:
            stream = table(f"{base}.f32", len(columns))
            detector = make(columns, table(f"{base}.reference.f32", len(columns)))
            if name == "no change":
                # A window counts once, however often it is looked at.
                for start in range(0, len(stream), WINDOW):
                    ends = [e for e in range(start + STRIDE, start + WINDOW + 1, STRIDE) if e >= WINDOW]
                    alarms += any(detector.is_drift(stream[e - WINDOW:e]) for e in ends)
                    windows += 1
                continue
            delay = 3 * aim
            for end in range(WINDOW, min(len(stream), change + 3 * aim) + 1, STRIDE):
                if end > change and detector.is_drift(stream[end - WINDOW:end]):
                    delay = end - change
                    break
            delays.append(delay)
        row(program, name, delays, aim, alarms, windows)

try:
    from river import drift
    from river.drift import binary

    makers = {"river, ADWIN": drift.ADWIN, "river, Page–Hinkley": lambda: drift.PageHinkley(mode="up"),
              "river, Page–Hinkley, threshold 10": lambda: drift.PageHinkley(mode="up", threshold=10),
              "river, DDM": binary.DDM}
except ImportError as error:
    print(f"river is not here: {error}", file=sys.stderr)
    makers = {}
name = "labels of a class flipped"
row("Martlet", name, [e[3] for e in labels], 400, 0, 0)
for program, make in makers.items():
    delays, early = [], 0
    for base, _, change, _, _ in labels:
        detector, delay = make(), 1200
        for index, (label, predicted) in enumerate(table(f"{base}.f32", 2)):
            detector.update(bool(label != predicted))
            if detector.drift_detected and index < change:
                early += 1
            elif detector.drift_detected:
                delay = index + 1 - change
                break
        delays.append(delay)
    print(end="")
    row(program, name, delays, 400, early, len(labels) * change // 500)
