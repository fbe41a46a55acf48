"""What results over seeds and over rows bear: is a direction more than chance, where does the next value lie?

Ten runs that agree are not yet a law. `sign_test` asks the seeds, `paired_bootstrap` asks the rows of a test set (seeds
that deal the same rows anew say nothing of other rows), `prediction_interval` says where one more run lies.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

SIGNIFICANT = 0.01  # a direction is claimed below this p
MISSED = 0.01  # share of seeds not yet seen that may miss a bound


class Interval(NamedTuple):
    """Two ends, both included."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return self.low <= value <= self.high  # type: ignore[operator]


def sign_test(differences: ArrayLike) -> float:
    """Return the two-sided p of a sign test: how often a fair coin is as one-sided as `differences` (seeds,).

    Zeros say nothing and are left out (Dixon and Mood, 1946); without any other the answer is 1. Raises ValueError
    where one is not a number: a run without a result is no evidence for a side.
    """
    from scipy.stats import binomtest  # slow to import, and a lesson's claims do not need it

    signs = np.sign(np.asarray(differences, dtype=float))
    if missing := int(np.isnan(signs).sum()):
        raise ValueError(f"{missing} of {signs.size} differences are not numbers")
    above = int((signs > 0).sum())
    count = int((signs != 0).sum())
    return float(binomtest(above, count).pvalue) if count else 1.0


def paired_bootstrap(
    statistic: Callable[..., float],
    *columns: Sequence[Any],
    confidence: float = 0.99,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return the percentile interval of `statistic(*columns)` when whole rows are drawn anew (Efron, 1979).

    `columns`: arrays of equal length, such as labels and two models' predictions, drawn with the same rows. A
    difference between models is more than these rows' chance when the interval leaves out 0. Raises ValueError where
    the statistic is not a number for some of the draws, as when a class is missing there.
    """
    from scipy.stats import bootstrap

    found = bootstrap(
        columns,
        statistic,
        paired=True,
        vectorized=False,
        method="percentile",
        confidence_level=confidence,
        n_resamples=resamples,
        rng=np.random.default_rng(seed),
    )
    if missing := int(np.isnan(found.bootstrap_distribution).sum()):
        raise ValueError(f"the statistic is not a number in {missing} of {resamples} resamples")
    return Interval(float(found.confidence_interval.low), float(found.confidence_interval.high))


def prediction_interval(
    values: Sequence[float], error: float, *, freedom: int | None = None
) -> Interval:
    """Return where one more value lies, but for a share `error` of such intervals: mean and t quantile.

    Exact for normal values with `freedom` left out (Hahn and Meeker, Statistical Intervals, 1991, section 4.7); fewer
    degrees of freedom make it wider, for values with heavier tails. Raises ValueError for fewer than two values.
    """
    from scipy.stats import t

    count = len(values)
    if count < 2:
        raise ValueError(f"{count} values: a prediction interval needs at least 2")
    if min(values) == max(values):
        return Interval(values[0], values[0])  # their mean may be rounded
    tail = t.ppf(1 - error / 2, min(count - 1, freedom or count))
    reach = tail * np.std(values, ddof=1) * np.sqrt(1 + 1 / count)
    center = np.mean(values)
    return Interval(float(center - reach), float(center + reach))


def has_margin(
    values: Sequence[float], *, at_least: float | None = None, at_most: float | None = None
) -> bool:
    """Tell whether one more value keeps the limits but for one time in a hundred, by the t prediction interval.

    One-sided: the limit is compared with mean and quantile .99 of t. Values that are all equal, as a share of few runs
    can be, must lie inside their limits: on one, they cannot say how close the next value comes.
    """
    span = prediction_interval(values, 2 * MISSED)
    return (at_least is None or span.low > at_least) and (at_most is None or span.high < at_most)
