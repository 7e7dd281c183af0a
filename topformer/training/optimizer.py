"""Optimizers and the learning rate, as published.

Source: hustvl/TopFormer at cc0f436, local_configs. Weight decay falls on every parameter, BatchNorm
and biases included: the published exceptions name parameters that do not exist. That of detectors:
mmdetection 2, configs/_base_/schedules/schedule_1x.py.
"""

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from topformer.training.recipe import Recipe

# Parameters of the body, by their names' beginning; all others are the head's.
BODY_PREFIX = "backbone."
# What a drop leaves of the learning rate.
DROP = 0.1


def build_optimizer(model: nn.Module, recipe: Recipe) -> Optimizer:
    """Make it with two groups, the body and the head; set rates with `set_learning_rate`."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    head = [p for name, p in named if not name.startswith(BODY_PREFIX)]
    body = [p for name, p in named if name.startswith(BODY_PREFIX)]
    rate = recipe.learning_rate
    groups = [
        {"params": body, "lr": rate, "rate_factor": 1.0},
        {
            "params": head,
            "lr": rate * recipe.head_rate_factor,
            "rate_factor": recipe.head_rate_factor,
        },
    ]
    if recipe.optimizer == "sgd":
        return SGD(groups, momentum=recipe.momentum, weight_decay=recipe.weight_decay)
    return AdamW(groups, betas=(recipe.beta1, recipe.beta2), weight_decay=recipe.weight_decay)


def learning_rate_at(step: int, recipe: Recipe) -> float:
    """Learning rate of the body at a step, counted from 0.

    It falls as (1 - step / iterations) ** power, or to a tenth at each of the recipe's drops;
    during warm-up it is multiplied by 1 - (1 - step / warmup) (1 - ratio). Source: mmcv 1.3.14,
    PolyLrUpdaterHook and StepLrUpdaterHook.
    """
    if recipe.rate_drops:
        passed = sum(step >= round(share * recipe.iterations) for share in recipe.rate_drops)
        rate = recipe.learning_rate * DROP**passed
    else:
        rate = recipe.learning_rate * (1 - step / recipe.iterations) ** recipe.poly_power
    if step < recipe.warmup_iterations:
        missing = (1 - step / recipe.warmup_iterations) * (1 - recipe.warmup_ratio)
        rate *= 1 - missing
    return rate


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Give every group its share of the body's rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["rate_factor"]
