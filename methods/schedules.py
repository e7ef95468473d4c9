"""Learning-rate schedules: a rate computed from the step alone needs no saved scheduler.

:func:`linear_decay` is that of StarGAN, DIAT and CycleGAN (constant, and from half of the steps on linear to zero, as
in the paper), of the cartoon rows (the same), and of DTN and IcGAN (constant by default). The fraction is each method's
setting ``decay_from``. :func:`one_cycle` is that of the judges, of DTN's f and of the face recogniser. MixDL's rows
train at a constant rate, as their papers do. A method sets its rates at the beginning of ``training_step``; IcGAN's
decay starts anew in each of its two phases.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch.optim import Optimizer


def one_cycle(step: int, steps: int, warm_up: float = 0.2) -> float:
    """Learning-rate factor in (0, 1]: a linear rise over the first ``warm_up`` of the steps, then linear to zero.

    Source: Smith & Topin 2018, arXiv 1708.07120, without the change of momentum.
    """
    position = (step + 1) / (steps + 1)
    return min(position / warm_up, (1 - position) / (1 - warm_up))


def linear_decay(step: int, steps: int, decay_from: float) -> float:
    """Learning-rate factor in (0, 1]: 1 up to the fraction ``decay_from`` of the steps, then linear to zero."""
    if decay_from >= 1:
        return 1.0
    return min(1.0, (1 - step / steps) / (1 - decay_from))


def set_learning_rates(optimizers: Mapping[str, Optimizer], factor: float, **rates: float) -> None:
    """Give every optimiser ``factor`` times its rate, e.g. ``set_learning_rates(self.opt, 0.5, g=1e-4, d=2e-4)``.

    Names that are not among the optimisers are passed over: a method without D still names its rate.
    """
    for name in optimizers.keys() & rates.keys():
        for group in optimizers[name].param_groups:
            group["lr"] = rates[name] * factor
