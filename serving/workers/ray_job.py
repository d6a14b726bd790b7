"""One retraining on Ray, as a process of its own: ``python -m serving.workers.ray_job``.

The order comes on stdin, the result leaves as the last line of stdout, both JSON. A process,
because a Ray that dies ends its drivers: the workers, who also notify people of it, must be none.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import ray
import ray.exceptions

from models.artifact import Trained
from models.train import TooLittle
from serving.workers.results import Done, Failed, Refused, Result
from serving.workers.retrain import RetrainOrder, fulfil, learn

SPARE_WAIT_S = 10.0
"""How long to wait for a spare CPU before refusing."""
ASK_EVERY_S = 0.5
REACH_TIMEOUT_S = 2.0
CONNECT_LIMIT_S = 60.0
"""Ray itself tries for minutes to reach a cluster that is gone."""


def main() -> int:
    """Always 0 when a result was said."""
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    request: dict[str, Any] = json.loads(sys.stdin.read())
    order = RetrainOrder.from_text(request["order"])
    result = run_on_ray(order, request["address"], float(request["cpus"]))
    _say(result)
    return 0


def run_on_ray(order: RetrainOrder, address: str, cpus: float) -> Result:
    """Connect, wait for a spare CPU, train as one remote task, register."""
    unanswered = threading.Timer(CONNECT_LIMIT_S, _give_up, (address,))
    unanswered.start()
    try:
        _reach(address)
        ray.init(address=address, namespace="selfright-workers", log_to_driver=False)
    except (ConnectionError, RuntimeError, OSError, ValueError) as error:
        return Failed(f"Ray at {address}: {_first_line(error)}")
    finally:
        unanswered.cancel()
    try:
        if not _wait_for_spare(cpus):
            return Refused(f"no spare CPU on Ray for {SPARE_WAIT_S:.0f} s ({cpus:g} needed)")
        remote = ray.remote(num_cpus=cpus, max_retries=0)(learn)

        def learn_there(what: RetrainOrder) -> Trained | TooLittle:
            return ray.get(remote.remote(what))

        return fulfil(order, learn_there)
    except ray.exceptions.RayTaskError as error:
        return Failed(f"training: {_first_line(error.cause)}", again=False)
    except (ray.exceptions.RayError, ConnectionError) as error:
        return Failed(f"Ray: {_first_line(error)}")
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raise OSError at once where nothing listens; words like ``auto`` are Ray's to resolve."""
    parts = urlsplit(address if "://" in address else f"ray://{address}")
    if parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), REACH_TIMEOUT_S).close()


def _give_up(address: str) -> None:
    """Ray's connecting cannot be interrupted, only the process can."""
    _say(Failed(f"Ray at {address} did not answer within {CONNECT_LIMIT_S:.0f} s"))
    os._exit(0)


def _end_with_parent(parent: int) -> None:
    """A worker that was killed cannot end us, and nobody would take our result."""
    while os.getppid() == parent:
        time.sleep(ASK_EVERY_S)
    os._exit(1)


def _say(result: Result) -> None:
    print(json.dumps(result_to_document(result)), flush=True)


def _wait_for_spare(cpus: float) -> bool:
    deadline_s = time.monotonic() + SPARE_WAIT_S
    while _resources().get("CPU", 0.0) < cpus:
        if time.monotonic() > deadline_s:
            return False
        time.sleep(ASK_EVERY_S)
    return True


def _resources() -> dict[str, float]:
    free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
    return free


def result_to_document(result: Result) -> dict[str, Any]:
    """Plain JSON types; the inverse is `result_from_document`."""
    match result:
        case Done(detail, version):
            return {"end": "done", "detail": detail, "version": version}
        case Refused(detail):
            return {"end": "refused", "detail": detail}
        case Failed(detail, again):
            return {"end": "failed", "detail": detail, "again": again}


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


if __name__ == "__main__":
    sys.exit(main())
