"""Each arm's deployment has as many replicas as the plan says, and nobody else says how many.

It asks Serve's controller what Ray's own REST door `…/deployments/NAME/scale` asks it: only the
number changes, so no replica restarts. An application that is scaled so (`external_scaler_enabled`)
has no autoscaler of Ray's.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable

from controller.errors import Unavailable
from controller.settings import Settings
from serving.plan_watch import PlanWatch
from serving.router_replica import deployed_arms

CALL_TIMEOUT_S = 2.0
SetReplicas = Callable[[str, int], None]
"""Deployment and number; raises Unavailable."""
_log = logging.getLogger(__name__)


def deployment_of(arm: str) -> str:
    """The name of an arm's deployment."""
    return f"arm-{arm}"


class ReplicaScaler:
    """One for an application. What could not be set is tried again at the next turn."""

    def __init__(self, settings: Settings, set_replicas: SetReplicas) -> None:
        arms = deployed_arms(settings)
        self._usual = {arm: settings.arms[arm].replicas for arm in arms}
        self._held = dict(self._usual)
        self._set_replicas = set_replicas
        self._watch = PlanWatch(settings)
        self._fault = ""

    def turn(self) -> None:
        """Read the plan, and bring the deployments in line with it; takes seconds at most."""
        self._watch.load()
        planned = self._watch.table.held.arms
        for arm, usual in self._usual.items():
            # A plan that says nothing of it leaves it to the settings.
            said = planned[arm].replicas if arm in planned else None
            self._bring(arm, usual if said is None else said)

    def _bring(self, arm: str, wanted: int) -> None:
        if wanted == self._held[arm]:
            return
        try:
            self._set_replicas(deployment_of(arm), wanted)
        except Unavailable as error:
            if str(error) != self._fault:
                _log.warning("arm %s stays at %d replicas: %s", arm, self._held[arm], error)
            self._fault = str(error)
            return
        _log.info("arm %s goes from %d to %d replicas", arm, self._held[arm], wanted)
        self._held[arm], self._fault = wanted, ""


def serve_scaler(application: str) -> SetReplicas:
    """For an application of the cluster that this process is connected to."""
    ray = importlib.import_module("ray")
    context = importlib.import_module("ray.serve.context")
    common = importlib.import_module("ray.serve._private.common")
    errors = importlib.import_module("ray.exceptions")
    serve_errors = importlib.import_module("ray.serve.exceptions")

    def set_replicas(deployment: str, replicas: int) -> None:
        which = common.DeploymentID(name=deployment, app_name=application)
        try:
            controller = context._get_global_client()._controller
            asked = controller.update_deployment_replicas.remote(which, replicas)
            ray.get(asked, timeout=CALL_TIMEOUT_S)
        except (errors.RayError, serve_errors.RayServeException) as error:
            said = str(error).strip().splitlines() or [type(error).__name__]
            raise Unavailable(f"Ray Serve did not take it: {said[-1]}") from error

    return set_replicas
