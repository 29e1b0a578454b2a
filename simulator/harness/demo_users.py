"""Who can log in to a demonstration: the operator, the administrator, and one participant of each kind."""

from dataclasses import dataclass
from typing import Any

from simulator.scenario import Scenario
from vpp.domain.access import Role

PASSWORD = "beichen-demo"  # noqa: S105 - meant to be known: it opens a simulated district on this machine only
PARTICIPANT_NAMES = {
    "industry": "factory",
    "charging_operator": "charging",
    "commerce": "building",
    "residential_charging": "residents",
}


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """One account.

    Attributes:
        who: In words, for people.
    """

    name: str
    role: Role
    who: str
    participant_id: str | None = None

    def as_setting(self) -> dict[str, Any]:
        """As ``demo_users`` of ``controller.yaml`` wants it."""
        told = {"name": self.name, "password": PASSWORD, "role": self.role.value}
        return told if self.participant_id is None else told | {"participant_id": self.participant_id}


def demo_logins(scenario: Scenario) -> tuple[DemoLogin, ...]:
    """The accounts; of each class of customer the enrolled participant with the largest typical load."""
    return (
        DemoLogin("operator", Role.OPERATOR, "grid operator / 电网调度"),
        DemoLogin("admin", Role.ADMIN, "administrator / 管理员"),
        *_participants(scenario),
    )


def _participants(scenario: Scenario) -> tuple[DemoLogin, ...]:
    district = scenario.district
    owner_of = {site.id: site.participant_id for site in district.sites}
    load_kw: dict[str, float] = {}
    for resource in district.resources:
        if resource.id in scenario.enrolled:
            owner = owner_of[resource.site_id]
            load_kw[owner] = load_kw.get(owner, 0.0) + resource.typical_kw
    logins: list[DemoLogin] = []
    for customer_class, name in PARTICIPANT_NAMES.items():
        of_class = [p for p in district.participants if p.customer_class == customer_class and p.id in load_kw]
        if of_class:
            largest = max(of_class, key=lambda p: (load_kw[p.id], p.id))
            logins.append(DemoLogin(name, Role.PARTICIPANT, f"{largest.name} / {largest.name_zh}", largest.id))
    return tuple(logins)
