"""Who is served and what they like: users, items, moods, trends, clicks. Knows nothing of HTTP."""

from __future__ import annotations

from simulator.population.generated_population import generated
from simulator.population.people import Population
from simulator.population.rated_population import from_ratings

__all__ = ["Population", "from_ratings", "generated"]
