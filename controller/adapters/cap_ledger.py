"""The cap on all services in memory, by the same rule as the script in Redis. Time is given."""

from __future__ import annotations

from controller.ports import Reserved


class CapLedger:
    """Grants by cap name: (when, service and key) for each single action."""

    def __init__(self) -> None:
        self._granted: dict[str, list[tuple[float, tuple[str, str]]]] = {}
        self._longest_s: dict[str, float] = {}

    def reserve(
        self, cap: str, service: str, key: str, cost: int, count: int, per_s: float, now_s: float
    ) -> Reserved:
        """As `PlanStore.reserve`. Who names another span does not shorten the others' memory."""
        if not 1 <= cost <= count:
            raise ValueError(f"a cost of {cost} can never be granted; accepted: 1 to {count}")
        longest_s = self._longest_s[cap] = max(per_s, self._longest_s.get(cap, 0.0))
        kept = [each for each in self._granted.get(cap, ()) if each[0] > now_s - longest_s]
        times = sorted(at_s for at_s, _ in kept if at_s > now_s - per_s)
        granted = any(who == (service, key) and at_s > now_s - per_s for at_s, who in kept)
        if not granted and len(times) + cost <= count:
            granted = True
            kept += [(now_s, (service, key))] * cost
            times += [now_s] * cost
        self._granted[cap] = kept
        in_the_way = 1 if granted else len(times) + cost - count
        return Reserved(granted, len(times), times[in_the_way - 1] + per_s - now_s)
