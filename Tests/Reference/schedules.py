"""Makes the learning rates that Martlet's schedules are held against, with PyTorch and transformers.

    python3 Tests/Reference/schedules.py > Tests/TrainingTests/Fixtures/schedules.json

Needs: pip install torch transformers. Each case has the rates of all 1,000 steps.
"""
import json
import math

import torch
import transformers as hf
from torch.optim import lr_scheduler as ts

STEPS, PEAK = 1000, 3e-4


def optimizer(rate=PEAK):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)


def run(make, rate=PEAK):
    o = optimizer(rate)
    scheduler = make(o)
    rates = []
    for _ in range(STEPS):
        rates.append(o.param_groups[0]["lr"])
        o.step()
        scheduler.step()
    return rates


def warm(shape, steps):
    """A shape of PyTorch's behind a linear warm-up, step by step as the definition has it."""
    tail = run(shape)
    return [PEAK * i / steps for i in range(steps)] + tail[: STEPS - steps]


def paper(o):
    d, w = 512, 100
    return ts.LambdaLR(o, lambda s: min(max(s, 1e-9) ** -0.5, s * w ** -1.5) * d ** -0.5)


def plateau():
    generator = torch.Generator().manual_seed(5)
    losses = [2 * math.exp(-i / 60) + 0.3 * torch.rand(1, generator=generator, dtype=torch.float64).item() for i in range(STEPS)]
    o = optimizer()
    scheduler = ts.ReduceLROnPlateau(o, factor=0.3, patience=12, threshold=1e-4, cooldown=5, min_lr=PEAK * 1e-3, eps=PEAK * 1e-8)
    rates = []
    for loss in losses:
        scheduler.step(loss)
        rates.append(o.param_groups[0]["lr"])
    return {"losses": losses, "rates": rates}


print(json.dumps({
    "constant": run(lambda o: hf.get_constant_schedule_with_warmup(o, 100)),
    "linear": run(lambda o: hf.get_linear_schedule_with_warmup(o, 100, STEPS)),
    "cosine": run(lambda o: hf.get_cosine_schedule_with_warmup(o, 100, STEPS)),
    "cosine-floor": run(lambda o: ts.CosineAnnealingLR(o, STEPS, eta_min=PEAK * 0.1)),
    "cosine-restarts": warm(lambda o: ts.CosineAnnealingWarmRestarts(o, 100, 2), 100),
    "cosine-restarts-1": run(lambda o: ts.CosineAnnealingWarmRestarts(o, 130, 1, eta_min=PEAK * 0.05)),
    "polynomial": run(lambda o: hf.get_polynomial_decay_schedule_with_warmup(o, 100, STEPS, lr_end=PEAK * 0.02, power=3)),
    "exponential": warm(lambda o: ts.ExponentialLR(o, 0.01 ** (1 / 900)), 100),
    "inverse-sqrt": run(lambda o: hf.get_inverse_sqrt_schedule(o, 100)),
    "inverse-sqrt-cold": run(lambda o: hf.get_inverse_sqrt_schedule(o, 0)),
    "paper": run(paper, 1.0),
    "step": warm(lambda o: ts.StepLR(o, 250, 0.3), 100),
    "one-cycle": run(lambda o: ts.OneCycleLR(o, PEAK, total_steps=STEPS + 1)),
    "wsd": run(lambda o: hf.get_wsd_schedule(o, 100, 180, num_training_steps=STEPS)),
    "wsd-1-sqrt": run(lambda o: hf.get_wsd_schedule(o, 100, 180, num_training_steps=STEPS, decay_type="1-sqrt")),
    "wsd-linear": run(lambda o: hf.get_wsd_schedule(o, 0, 250, num_training_steps=STEPS, decay_type="linear", min_lr_ratio=0.1)),
    "plateau": plateau(),
}))
