"""Is it alive, is it ready, and how is it doing: for supervisors and Prometheus."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from vpp.api.door import Check, DoorDep, door_of_request
from vpp.api.identity import identify
from vpp.api.problems import ProblemError, problem, responses
from vpp.domain.access import Role

EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8"

health_router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: str = Field(examples=["alive"])


class Ready(BaseModel):
    """Everything that the service needs is there."""

    status: str = Field(examples=["ready"])
    epoch: int = Field(description="Rises at every start of the controller.")
    checks: list[str] = Field(description="What was looked at.")


@health_router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Alive:
    """Answers as long as the event loop runs; looks at nothing else."""
    return Alive(status="alive")


@health_router.get(
    "/readyz", response_model=Ready, responses=responses(503), summary="Is everything there that it needs?"
)
async def readyz(request: Request, door: DoorDep) -> Ready | Response:
    """Looks at the stores, the link to the broker and the controller's cycle; 503 names what is missing."""
    names = list(door.readiness)
    found = await asyncio.gather(*(_look(door.readiness[name], door.facts.check_within_s) for name in names))
    missing = {name: reason for name, reason in zip(names, found, strict=True) if reason is not None}
    if door.stopping.is_set():
        missing["service"] = "it is going down"
    if missing:
        detail = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
        return problem(503, detail=detail, type_suffix="not-ready", instance=request.url.path, missing=missing)
    return Ready(status="ready", epoch=door.epoch, checks=names)


async def _may_read_metrics(request: Request) -> None:
    """Nothing when metrics are open, or for operators and admins; otherwise 401 or 403."""
    if door_of_request(request).facts.metrics_open:
        return
    identity = await identify(request)
    if identity is None:
        raise ProblemError(401, "metrics need an operator's API key here", headers={"WWW-Authenticate": "Bearer"})
    if identity.principal.role not in {Role.OPERATOR, Role.ADMIN}:
        raise ProblemError(403, "metrics are for operators")


@health_router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **responses(401, 403)},
    summary="Figures for Prometheus",
)
async def metrics(_: Annotated[None, Depends(_may_read_metrics)], door: DoorDep) -> Response:
    """Prometheus's text format. Open where nobody but this machine can ask, otherwise for operators."""
    return Response(door.metrics.exposition(), headers={"Content-Type": EXPOSITION_TYPE})


async def _look(check: Check, within_s: float) -> str | None:
    try:
        async with asyncio.timeout(within_s):
            return await check()
    except TimeoutError:
        return f"no answer within {within_s:g} s"
