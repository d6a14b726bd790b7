"""A FastAPI service under Selfright: ``uvicorn examples.fastapi_service:app``."""

from pathlib import Path

from fastapi import FastAPI

from serving.beside.asgi import SelfrightASGI
from serving.beside.attached import attach

POPULAR = ["song-1", "song-2", "song-3"]
selfright = attach(Path(__file__).with_name("beside.yaml"))
app = FastAPI()
app.add_middleware(SelfrightASGI, selfright=selfright)


def recommended(user: str) -> list[str]:
    """Stands for your model."""
    return sorted(POPULAR, key=lambda item: hash((item, user)))


@app.get("/for-you")
def for_you(user: str) -> dict[str, object]:
    ask = selfright.request(user)
    items = recommended(user) if ask.arm == "primary" else POPULAR
    token = ask.served(items, model_version="7")
    return {"items": items, "token": token}
