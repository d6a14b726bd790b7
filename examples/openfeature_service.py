"""Which arm, as a feature flag: ``python -m examples.openfeature_service``."""

from pathlib import Path

from openfeature import api
from openfeature.evaluation_context import EvaluationContext

from serving.beside.attached import attach
from serving.beside.openfeature_provider import SelfrightProvider

selfright = attach(Path(__file__).with_name("beside.yaml"))
api.set_provider_and_wait(SelfrightProvider(selfright))
client = api.get_client()


def recommend(user: str) -> list[str]:
    arm = client.get_string_value("arm", "fallback", EvaluationContext(targeting_key=user))
    items = ["song-3", "song-1"] if arm == "primary" else ["song-1", "song-2"]
    selfright.request(user, sticky=True).served(items, arm=arm, model_version="7")
    return items


if __name__ == "__main__":
    print(recommend("ada"))
