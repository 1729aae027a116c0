"""Makes the fixture that Martlet's statistics are held against, with SciPy.

    python3 Tests/Reference/health_statistics.py > Tests/HealthTests/Fixtures/statistics.json

Needs: pip install numpy scipy.
"""
import json

import numpy as np
from scipy import special, stats
from scipy.spatial import distance

rng = np.random.default_rng(7)
cases = []
for n, m, shift in [(50, 80, 0.0), (200, 150, 0.4), (500, 500, 1.5), (30, 1000, 0.1)]:
    a = np.round(rng.normal(0, 1, n), 3)
    b = np.round(rng.normal(shift, 1.2, m), 3)
    p = np.histogram(a, bins=[-9, -1, 0, 1, 2, 9])[0] + 1
    q = np.histogram(b, bins=[-9, -1, 0, 1, 2, 9])[0] + 1
    chi = stats.chi2_contingency(np.array([p, q]), correction=False)
    ps, qs = p / p.sum(), q / q.sum()
    cases.append({
        "left": a.tolist(), "right": b.tolist(), "reference": p.tolist(), "current": q.tolist(),
        "ks": stats.ks_2samp(a, b, method="asymp").statistic,
        "wasserstein": stats.wasserstein_distance(a, b),
        "jensen_shannon": distance.jensenshannon(ps, qs),
        "psi": float(((qs - ps) * np.log(qs / ps)).sum()),
        "entropy": stats.entropy(ps),
        "chi": [chi.statistic, chi.pvalue],
    })
pvalues = [0.001, 0.2, 0.03, 0.04, 0.9, 0.012]
print(json.dumps({
    "cases": cases,
    "gamma": [[a, x, special.gammaincc(a, x)] for a, x in [(0.5, 0.1), (1, 2), (5, 3), (5, 12), (30, 25), (100, 130)]],
    "fisher": [[a, n, b, m, stats.fisher_exact([[a, n - a], [b, m - b]], alternative="greater").pvalue] for a, n, b, m in [(8, 10, 64, 635), (31, 60, 64, 635), (3, 25, 1, 400), (120, 1000, 200, 2000), (5, 5, 0, 3)]],
    "pvalues": pvalues, "adjusted": stats.false_discovery_control(pvalues).tolist(),
    "wilson": [[s, n, *stats.binomtest(s, n).proportion_ci(0.95, method="wilson")] for s, n in [(0, 10), (7, 10), (753, 762)]],
}))
