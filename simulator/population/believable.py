"""Traffic and users whose figures lie in the ranges measured on real services.

A test measures them: dispersion, lag-1 correlation, peak ratio, extremes, rank-CTR curve, tails.
"""

from __future__ import annotations

from simulator.spec import Traffic, Users

TRAFFIC = Traffic(
    rate_per_s=0.2,
    day_ratio=2.2,
    week_ratio=1.3,
    burstiness=0.3,
    memory=0.7,
    shots_per_day=4.0,
)
"""At the rate of the measured series, about 60 visits in 5 minutes; another rate keeps the shape
(only the ratio of variance to mean grows with it)."""
USERS = Users()
"""As every scenario has them unless it says otherwise. Better items stand higher, so clicks fall
faster with rank than looks do."""
