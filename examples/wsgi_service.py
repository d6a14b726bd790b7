"""A WSGI service under Selfright, with probes: ``python -m examples.wsgi_service``.

In Flask the middleware is ``app.wsgi_app = SelfrightWSGI(app.wsgi_app, selfright)``.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from wsgiref.simple_server import make_server

from serving.beside.attached import attach
from serving.beside.drawn_request import DrawnRequest
from serving.beside.wsgi import SelfrightWSGI

POPULAR = ["song-1", "song-2", "song-3"]


def answer(ask: DrawnRequest) -> dict[str, object]:
    """Users' requests and probes alike: whatever arm ``ask`` names."""
    items = sorted(POPULAR, reverse=True) if ask.arm == "primary" else POPULAR
    return {"items": items, "token": ask.served(items, model_version="7")}


selfright = attach(Path(__file__).with_name("beside.yaml"), probe_with=answer)


def service(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    user = parse_qs(environ["QUERY_STRING"])["user"][0]
    body = json.dumps(answer(selfright.request(user))).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]


app = SelfrightWSGI(service, selfright)

if __name__ == "__main__":
    make_server("127.0.0.1", 8080, app).serve_forever()
