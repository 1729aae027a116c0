"""Makes what Martlet's linear teacher is held against: scikit-learn's tf-idf weights and logistic regression.

    python3 Tests/Reference/ngram_teacher.py > Tests/TrainingTests/Fixtures/ngram_teacher.json

Needs: pip install scikit-learn. The texts are made here of a small grammar, three classes, some with words of another.
"""
import json
import random

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

random.seed(5)
words = {
    "food": "soup bread salt apple oven taste sweet".split(),
    "sport": "goal team race ball coach win sprint".split(),
    "money": "bank stock price bond loan rate profit".split(),
}
common = "the a of and was it very not good today".split()


def text(label):
    own = words[label] + words[random.choice(list(words))]
    return " ".join(random.choice(own if random.random() < 0.4 else common) for _ in range(random.randint(4, 12)))


labels = [random.choice(list(words)) for _ in range(150)]
texts = [text(label) for label in labels]
unseen = [text(random.choice(list(words))) for _ in range(20)]
vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"\w+")
rows = vectorizer.fit_transform(texts)
model = LogisticRegression(C=10, max_iter=5000, tol=1e-8).fit(rows, labels)
new = vectorizer.transform(unseen)
json.dump(
    {
        "labels": list(model.classes_),
        "texts": texts,
        "truths": [list(model.classes_).index(label) for label in labels],
        "unseen": unseen,
        # Ascending, since Martlet's features have no names.
        "weights": [sorted(round(float(v), 6) for v in new[i].data) for i in range(5)],
        "probabilities": [[round(float(p), 5) for p in row] for row in model.predict_proba(new)],
    },
    __import__("sys").stdout,
    indent=0,
)
print()
