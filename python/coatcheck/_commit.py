"""The end of a request, in every integration: its session is committed before the headers go out, and once more for
what changed while the body was sent. What that takes is decided by the core (coatcheck/life_cycle.hpp)."""

from __future__ import annotations

from typing import Any

from coatcheck import _core
from coatcheck._core import END_BEGUN, STEP_DESTROY, STEP_MASK
from coatcheck._service import Service
from coatcheck.errors import SessionConflict, StoreError
from coatcheck.session import Session


def commit(service: Service, session: Session) -> str | None:
    """Ends the request's session; the values of the Set-Cookie headers, a line each, or None."""
    if session._ended:
        return None
    session._ended = True
    try:
        set_cookie = session._run(service.engine, session._plan(0))
    except (StoreError, SessionConflict) as error:
        if _stops(service, session, error):
            raise
        return None
    session._ended_well()
    service.prune_now_and_then(service.engine)
    return set_cookie or session._set_cookie  # type: ignore[return-value]  # an Engine's answer is no future


async def commit_async(service: Service, session: Session, engine: _core.AsyncEngine) -> str | None:
    """The same with an engine that is waited for."""
    if session._ended:
        return None
    session._ended = True
    try:
        call = session._run(engine, session._plan(0))
        set_cookie = call if call is None or isinstance(call, str) else await call
    except (StoreError, SessionConflict) as error:
        if _stops(service, session, error):
            raise
        return None
    session._ended_well()
    service.prune_now_and_then(engine)
    return set_cookie or session._set_cookie


def _stops(service: Service, session: Session, error: StoreError | SessionConflict) -> bool:
    """Whether a request goes no further after this end of its session."""
    if isinstance(error, SessionConflict):
        service.tell("conflict", error)
        return True
    session._failure = error
    # Who never looked is answered as if the store were there.
    if session._looked_at and service.on_unknown != "open":
        return True
    service.report(error)
    return False


def commit_late(service: Service, session: Session) -> None:
    """Stores what changed after the headers went out: possible where the browser has the cookie already."""
    if _late(service, session, service.engine) is not None:
        session._ended_well()


async def commit_late_async(service: Service, session: Session, engine: _core.AsyncEngine) -> None:
    """The same with an engine that is waited for."""
    call = _late(service, session, engine)
    if call is not None:
        await call[0]
        session._ended_well()


def _late(service: Service, session: Session, engine: Any) -> tuple[Any] | None:
    """The answer of the call that a late end takes, in a tuple; None where it takes none."""
    plan = session._plan(END_BEGUN)
    step = plan & STEP_MASK
    if step > STEP_DESTROY:
        service.tell_late(step)
    elif step:
        return (session._run(engine, plan),)
    return None
