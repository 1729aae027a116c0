"""Makes the fixture of drift measures as Evidently gives them.

    python3 Tests/Reference/health_peers.py > Tests/HealthTests/Fixtures/peers.json

Needs: pip install -r Benchmarks/drift/requirements.txt. Categories that both sides have, because Evidently puts 0.0001 in
the place of an empty one; its Wasserstein distance is in standard deviations of the reference, and its χ² takes the reference
for exact, which ours does not. river's detectors and
alibi-detect's maximum mean discrepancy are in health_tests.py.
"""
import json
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
from evidently.legacy.calculations import stattests  # noqa: E402
from evidently.legacy.core import ColumnType  # noqa: E402

rng = np.random.default_rng(5)
cases = []
for n, m, tilt in [(300, 200, 0.0), (1200, 500, 0.4), (80, 900, 1.0)]:
    weights = np.exp(-tilt * np.arange(5) / 4)
    reference = pd.Series(np.r_[np.arange(5), rng.integers(0, 5, n)]).astype(str)
    current = pd.Series(np.r_[np.arange(5), rng.choice(5, m, p=weights / weights.sum())]).astype(str)
    left, right = rng.normal(0, 2, n).round(3), rng.normal(tilt, 2.2, m).round(3)

    def value(test, a, b, kind):
        return float(test.func(pd.Series(a), pd.Series(b), kind, 0.1)[0])

    category, number = ColumnType.Categorical, ColumnType.Numerical
    cases.append({
        "reference": [int((reference == str(i)).sum()) for i in range(5)],
        "current": [int((current == str(i)).sum()) for i in range(5)],
        "psi": value(stattests.psi_stat_test, reference, current, category),
        "jensen_shannon": value(stattests.jensenshannon_stat_test, reference, current, category),
        "left": left.tolist(), "right": right.tolist(),
        "wasserstein": value(stattests.wasserstein_stat_test, left, right, number) * float(np.std(left)),
    })
print(json.dumps(cases))
