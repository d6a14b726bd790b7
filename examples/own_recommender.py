"""A recommender of your own inside Selfright's serving. In the settings:

arms:
  primary: {share: 1.0, recommender: "examples.own_recommender:RecentFirst"}
  fallback: {share: 0.0, in_process: true}
"""

from models.recommender import FeatureValues, Scored

CATALOGUE = tuple(f"song-{n}" for n in range(100))


class RecentFirst:
    """What the user clicked lately, then a turn through the catalogue."""

    version = "recent-first-1"

    def recommend(self, user_id: int, k: int, features: FeatureValues) -> Scored:
        first = user_id % len(CATALOGUE)
        turned = CATALOGUE[first:] + CATALOGUE[:first]
        items = tuple(dict.fromkeys((*features.recent_items, *turned)))[:k]
        scores = tuple(1.0 / (place + 1) for place in range(len(items)))
        return Scored(items, scores, {"recent_items": float(len(features.recent_items))})
