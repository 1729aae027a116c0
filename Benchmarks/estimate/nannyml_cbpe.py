"""NannyML's confidence-based performance estimate of the same predictions that Martlet's was made of.

    nannyml_cbpe.py FOLDER

FOLDER is what estimate-benchmark wrote: label, predicted class, probabilities.
"""
import logging
import os
import sys
import warnings
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
import nannyml  # noqa: E402
import pandas as pd  # noqa: E402

folder = Path(sys.argv[1])


def read(name):
    frame = pd.read_csv(folder / name, sep="\t", header=None)
    classes = frame.shape[1] - 2
    frame.columns = ["label", "predicted"] + [f"p{i}" for i in range(classes)]
    return frame, {i: f"p{i}" for i in range(classes)}


reference, columns = read("reference.tsv")
accuracy = (reference.label == reference.predicted).mean()
print(f"NannyML {nannyml.__version__}, CBPE:")
errors = []
for path in sorted(folder.glob("20*.tsv")):
    frame, _ = read(path.name)
    estimator = nannyml.CBPE(
        y_true="label", y_pred="predicted", y_pred_proba=columns, metrics=["accuracy"],
        problem_type="classification_multiclass", chunk_size=len(frame))
    estimator.fit(reference)
    result = estimator.estimate(frame.drop(columns="label")).filter(period="analysis").to_df()
    estimate = float(result[("accuracy", "value")].iloc[0])
    truth = (frame.label == frame.predicted).mean()
    errors.append(abs(estimate - truth))
    print(f"{path.stem}  {len(frame)}  {truth * 100:.1f}  {estimate * 100:.1f}  off by {errors[-1] * 100:.1f}")
print(f"mean absolute error: {sum(errors) / len(errors) * 100:.2f} points")
