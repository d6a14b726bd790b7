"""A model server as an arm: ``uvicorn examples.remote_arm:app --port 8090``, and in the settings

arms:
  primary: {share: 1.0, deadline_ms: 100, url: "http://127.0.0.1:8090/recommend"}
  fallback: {share: 0.0, in_process: true}
"""

from fastapi import FastAPI
from pydantic import BaseModel

CATALOGUE = [f"song-{n}" for n in range(100)]
app = FastAPI()


class Query(BaseModel):
    request_id: str
    user_hash: str
    k: int
    wants_inputs: bool


@app.post("/recommend")
async def recommend(query: Query) -> dict[str, object]:
    first = int(query.user_hash, 16) % len(CATALOGUE)
    items = (CATALOGUE[first:] + CATALOGUE[:first])[: query.k]
    slate = [{"item_id": item, "score": 1.0 / (place + 1)} for place, item in enumerate(items)]
    return {"items": slate, "model_version": "7", "inputs": {"first": first}}
