"""Makes the fixture that Martlet's drift tests, detectors and calibration are held against.

    python3 Tests/Reference/health_tests.py > Tests/HealthTests/Fixtures/tests.json

Needs: pip install numpy scipy scikit-learn river. Maximum mean discrepancy follows alibi-detect's definition (Gaussian
kernel, median heuristic, unbiased estimate), written out here because the package itself pulls in a deep-learning stack.
"""
import json

import numpy as np
from river import drift
from river.drift import binary
from scipy import special, stats
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

rng = np.random.default_rng(11)


def moments(a):
    return [len(a), a.mean(), a.var(ddof=1)]


def shift(a, b):
    interval = stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.95)
    ratio = b.var(ddof=1) / a.var(ddof=1)
    f = stats.f(len(b) - 1, len(a) - 1)
    return {"reference": moments(a), "current": moments(b), "mean": [b.mean() - a.mean(), *interval],
            "ratio": [ratio, ratio / f.ppf(0.975), ratio / f.ppf(0.025)]}


def mmd(x, y):
    z = np.vstack([x, y])
    d = ((z[:, None] - z[None]) ** 2).sum(-1)
    n = len(z)
    # alibi_detect.utils.pytorch.kernels.sigma_median with x == y.
    sigma2 = 0.5 * np.sort(d.ravel())[n + (d.size - n) // 2 - 1]
    k = np.exp(-d / (2 * sigma2))
    a, b = len(x), len(y)
    kxx, kyy, kxy = k[:a, :a], k[a:, a:], k[:a, a:]
    value = ((kxx.sum() - np.trace(kxx)) / (a * (a - 1)) + (kyy.sum() - np.trace(kyy)) / (b * (b - 1)) - 2 * kxy.mean())
    return sigma2, value


def region_wealth(cells):
    """The bets of Sequential/RankPartition.swift, from their definition."""
    edges = [.001, .002, .005, .01, .02, .05, .1, .15, .2, .3, .4, .5, .6, .7, .8, .85, .9, .95, .98, .99, .995, .998,
             .999]
    pairs = [(2, 20), (4, 18), (6, 16), (8, 14), (10, 12)]
    total = sum(cells)
    below = np.cumsum(cells)[:-1]
    regions = [(1 - e, total - below[i]) for i, e in enumerate(edges)]
    regions += [(edges[i] + 1 - edges[j], below[i] + total - below[j]) for i, j in pairs]
    logs = []
    for mass, k in regions:
        least = min(mass, 1 - mass)
        for c in (max(4, .5 / least), max(40, 2 / least)):
            logs.append(special.betaln(k + c * mass, total - k + c * (1 - mass)) - special.betaln(c * mass, c * (1 - mass))
                        - k * np.log(mass) - (total - k) * np.log1p(-mass))
    return special.logsumexp(logs) - np.log(len(logs))


normal = rng.normal(0, 1, 120)
vectors = rng.normal(0, 1, (60, 4)).astype(np.float32)
moved = rng.normal(0.3, 1.1, (45, 4)).astype(np.float32)
rows = np.vstack([vectors, moved]).astype(float)
domain = np.r_[np.zeros(60), np.ones(45)]
model = LogisticRegression(C=1.0, tol=1e-12, max_iter=10000).fit(rows, domain)
scores = np.round(rng.normal(0, 1, 90), 1)
truth = (rng.random(90) < 1 / (1 + np.exp(-scores))).astype(int)
positives, negatives = scores[truth == 1], scores[truth == 0]
mann = stats.mannwhitneyu(positives, negatives, alternative="greater", method="asymptotic", use_continuity=False)

confidence = np.round(rng.uniform(0.3, 1, 80), 2)
correct = rng.random(80) < confidence
isotonic = IsotonicRegression(out_of_bounds="clip").fit(confidence, correct)
grid = np.linspace(0.2, 1, 33)

stream = np.r_[rng.random(700) < 0.1, rng.random(600) < 0.35, rng.random(500) < 0.05].astype(float)


def changes(detector, values):
    found = []
    for index, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            found.append(index)
    return found


page = {}
for mode in ["up", "down", "both"]:
    page[mode] = changes(drift.PageHinkley(threshold=8, mode=mode), stream)
adwin = drift.ADWIN()
adwin_changes, widths = [], []
for index, value in enumerate(stream):
    adwin.update(value)
    widths.append(adwin.width)
    if adwin.drift_detected:
        adwin_changes.append(index)
ddm = binary.DDM()
warnings, drifts = [], []
for index, value in enumerate(stream):
    ddm.update(bool(value))
    if ddm.drift_detected:
        drifts.append(index)
    elif ddm.warning_detected:
        warnings.append(index)

cells = [int(c) for c in rng.integers(0, 30, 24)]
# Close to uniform p-values, so that no one bet outweighs the others, in and beyond the tables' size.
mass = np.diff([0, .001, .002, .005, .01, .02, .05, .1, .15, .2, .3, .4, .5, .6, .7, .8, .85, .9, .95, .98, .99, .995,
                .998, .999, 1])
tilted = mass * np.linspace(0.8, 1.2, 24)
drawn = [rng.multinomial(n, m / m.sum()).tolist() for n, m in [(40, mass), (300, mass), (300, tilted), (3000, mass)]]
print(json.dumps({
    "shifts": [shift(normal, rng.normal(0.4, 1.5, 75)), shift(normal, rng.normal(0, 1, 500))],
    "student": [[p, v, stats.t.ppf(p, v)] for p, v in [(0.975, 5), (0.995, 47.3), (0.6, 900)]],
    "fisher": [[p, m, n, stats.f.ppf(p, m, n)] for p, m, n in [(0.975, 5, 9), (0.025, 74, 119)]],
    "beta": [[a, b, x, special.betainc(a, b, x)] for a, b, x in [(0.5, 0.5, 0.3), (2, 7, 0.9), (60, 40, 0.61)]],
    "mmd": {"reference": vectors.tolist(), "current": moved.tolist(), "result": list(mmd(vectors.astype(float), moved.astype(float)))},
    "logistic": [*model.coef_[0].tolist(), float(model.intercept_[0])],
    "auc": {"positives": positives.tolist(), "negatives": negatives.tolist(), "auc": roc_auc_score(truth, scores), "p": mann.pvalue},
    "isotonic": {"confidence": confidence.tolist(), "correct": correct.tolist(), "grid": grid.tolist(), "value": isotonic.predict(grid).tolist()},
    "stream": stream.astype(int).tolist(), "page_hinkley": page, "adwin": adwin_changes, "adwin_widths": widths[::97],
    "ddm": {"warnings": warnings, "drifts": drifts},
    "wealth": [{"cells": c, "log": region_wealth(c)} for c in (cells, [5] * 24, [0] * 23 + [40], [90] * 24, *drawn)],
}))
