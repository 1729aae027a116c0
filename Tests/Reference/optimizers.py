"""Makes the weights that Martlet's optimisers are held against: 100 steps of PyTorch's on a fixed problem.

    python3 Tests/Reference/optimizers.py > Tests/TrainingTests/Fixtures/optimizers.json

Needs: pip install torch. The problem: sum of c (w - t)^2 / 2 + 0.1 cos(3 w) over a matrix of 7 x 5 (with decay) and a vector
of 6 (without). PyTorch has no Lion: it is written here from algorithm 2 of Chen et al. (2023).
"""
import json

import torch

torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(3)


def numbers(*shape, low=-1.0, high=1.0):
    # Values that single precision holds exactly.
    return (torch.randint(0, 4096, shape, generator=generator) / 4096.0) * (high - low) + low


shapes = {"matrix": (7, 5), "vector": (6,)}
start = {k: numbers(*s) for k, s in shapes.items()}
target = {k: numbers(*s, low=-2, high=2) for k, s in shapes.items()}
slope = {k: numbers(*s, low=0.5, high=2) for k, s in shapes.items()}


class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr, betas, weight_decay):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    def step(self):
        with torch.no_grad():
            for group in self.param_groups:
                b1, b2 = group["betas"]
                for p in group["params"]:
                    m = self.state[p].setdefault("m", torch.zeros_like(p))
                    c = b1 * m + (1 - b1) * p.grad
                    p -= group["lr"] * (torch.sign(c) + group["weight_decay"] * p)
                    m.mul_(b2).add_(p.grad, alpha=1 - b2)


def run(make):
    weights = {k: torch.nn.Parameter(v.clone()) for k, v in start.items()}
    optimizer = make([{"params": [weights["matrix"]], "weight_decay": 0.1}, {"params": [weights["vector"]], "weight_decay": 0.0}])
    for _ in range(100):
        optimizer.zero_grad()
        loss = sum((slope[k] * (w - target[k]) ** 2 / 2 + 0.1 * torch.cos(3 * w)).sum() for k, w in weights.items())
        loss.backward()
        optimizer.step()
    return {k: w.detach().flatten().tolist() for k, w in weights.items()}


o = torch.optim
print(json.dumps({
    "start": {k: v.flatten().tolist() for k, v in start.items()},
    "target": {k: v.flatten().tolist() for k, v in target.items()},
    "slope": {k: v.flatten().tolist() for k, v in slope.items()},
    "sgd": run(lambda p: o.SGD(p, lr=0.01)),
    "momentum": run(lambda p: o.SGD(p, lr=0.01, momentum=0.9)),
    "nesterov": run(lambda p: o.SGD(p, lr=0.01, momentum=0.9, nesterov=True)),
    "adam": run(lambda p: o.Adam(p, lr=0.01)),
    "adamw": run(lambda p: o.AdamW(p, lr=0.01)),
    "lion": run(lambda p: Lion(p, lr=2**-10, betas=(0.9, 0.99), weight_decay=0)),
    "rmsprop": run(lambda p: o.RMSprop(p, lr=0.002, alpha=0.99)),
    "rmsprop-momentum": run(lambda p: o.RMSprop(p, lr=0.0003, alpha=0.99, momentum=0.9)),
    "adafactor": run(lambda p: o.Adafactor(p, lr=0.002, eps=(torch.finfo(torch.float32).eps, 1e-3))),
}))
