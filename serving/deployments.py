"""The Ray Serve application: a router in front of one deployment per arm outside its process."""

from __future__ import annotations

from typing import Any

from ray import serve

from controller.settings import Settings
from serving.arm import ArmReplica
from serving.replica_scaler import deployment_of
from serving.router_replica import RouterReplica, deployed_arms

ROUTER_REPLICAS = 2
_EVERY_DEPLOYMENT: dict[str, Any] = {
    "health_check_period_s": 1.0,
    "health_check_timeout_s": 3.0,
    "graceful_shutdown_wait_loop_s": 0.2,
    "graceful_shutdown_timeout_s": 2.0,
    "logging_config": {"enable_access_log": False, "log_level": "WARNING"},
}


def application(settings: Settings) -> Any:
    """Ready for `serve.run`. Queues are finite: what does not fit is an error the router covers."""
    settings_json = settings.model_dump_json()
    arms = {
        name: serve.deployment(
            name=deployment_of(name),
            num_replicas=settings.arms[name].replicas,
            ray_actor_options={"num_cpus": 0.1},
            max_ongoing_requests=64,
            max_queued_requests=64,
            **_EVERY_DEPLOYMENT,
        )(ArmReplica).bind(settings_json, name)
        for name in deployed_arms(settings)
    }
    router = serve.deployment(
        name="router",
        num_replicas=ROUTER_REPLICAS,
        ray_actor_options={"num_cpus": 0.1},
        max_ongoing_requests=256,
        max_queued_requests=256,
        **_EVERY_DEPLOYMENT,
    )(RouterReplica)
    return router.bind(settings_json, arms)
