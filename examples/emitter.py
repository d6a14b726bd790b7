"""The same without HTTP, for gRPC, queues and batch jobs: ``python -m examples.emitter``."""

from pathlib import Path

from serving.beside.attached import attach

selfright = attach(Path(__file__).with_name("beside.yaml"))


def recommend(user: str) -> tuple[list[str], str]:
    with selfright.request(user, segments={"platform": "ios"}) as ask:
        if ask.arm == "primary":
            try:
                items = your_model(user)
                return items, ask.served(items, model_version="7")
            except TimeoutError:
                ask.failed("timeout")
        items = ["song-1", "song-2"]
        return items, ask.served(items, arm="fallback")


def your_model(user: str) -> list[str]:
    """Stands for a call to a model server, which has nothing for some users."""
    if user.startswith("new-"):
        raise TimeoutError
    return ["song-3", "song-1"]


if __name__ == "__main__":
    slate, token = recommend("ada")
    selfright.outcome(token, clicked_positions=[0])
    print(slate)
