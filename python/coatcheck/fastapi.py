"""Sessions and bearer tokens as FastAPI dependencies.

``session: Session[Cart]`` is the request's session as a model of the application's own: a pydantic model, a dataclass,
or a TypedDict. What is changed in it is stored. It stands on ``coatcheck.starlette.SessionMiddleware``.

``auth: Auth = Depends(bearer)``, or ``Security(bearer, scopes=[...])``: bearer tokens, as one of FastAPI's security
schemes. The OpenAPI document names it, and each route with the scopes that it needs.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import Depends
from fastapi.openapi.models import HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from coatcheck import _core
from coatcheck._guard import Auth, BearerError, Guard, Keys
from coatcheck.errors import ConfigError, PayloadError
from coatcheck.session import Session as AnySession

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from coatcheck._guard import BearerOptions

__all__ = ["Bearer", "Session", "session_of"]

_T = TypeVar("_T")


def session_of(model: type[_T]) -> Callable[[HTTPConnection], _T]:
    """A dependency that gives the request's session as ``model``; ``Session[model]`` is short for it.

    A TypedDict is the session itself, looked at first. Of another model the fields are read from the session, and
    written back when the response goes out, where they changed; other members stay as they are. A session that does
    not fit raises PayloadError, which names the fields: give fields that sessions of before lack a default.
    """
    adapter = TypeAdapter(model)
    is_dict = isinstance(model, type) and issubclass(model, dict)

    def dependency(connection: HTTPConnection) -> _T:
        session = connection.session
        if not isinstance(session, AnySession):
            raise ConfigError(
                "Session needs coatcheck.starlette.SessionMiddleware, in a mode of ours", "ERR_INVALID_STATE"
            )
        try:
            # A session that holds nothing yet begins with the model's defaults.
            value = adapter.validate_python(dict(session))
        except ValidationError as why:
            fields = ", ".join(".".join(map(str, one["loc"])) or "itself" for one in why.errors(include_input=False))
            name = getattr(model, "__name__", "its model")
            raise PayloadError(f"the session does not fit {name}: {fields}", "ERR_NOT_SERIALISABLE") from None
        if is_dict:
            return session  # type: ignore[return-value]  # which has these members
        _bind(session, adapter, value)
        return value

    return dependency


def _bind(session: AnySession, adapter: TypeAdapter[Any], value: Any) -> None:
    before = _core.copy(adapter.dump_python(value, mode="json"))

    def write_back() -> None:
        nonlocal before
        now = adapter.dump_python(value, mode="json")
        if _core.same(before, now):
            return
        for name in before.keys() - now.keys():
            session.pop(name, None)
        session.update({name: one for name, one in now.items() if name not in before or before[name] != one})
        before = _core.copy(now)

    session._bound = write_back


if TYPE_CHECKING:
    Session = Annotated[_T, "the request's session"]
else:

    class Session:
        """``session: Session[Cart]``: see ``session_of``."""

        def __class_getitem__(cls, model: Any) -> Any:
            return Annotated[model, Depends(session_of(model))]


class Bearer(SecurityBase):
    """Gives the request's ``Auth``, which is ``request.state.auth`` too. ``scheme_name``: in the OpenAPI document."""

    def __init__(
        self, keys: Keys | None = None, *, scheme_name: str = "Bearer", **options: "Unpack[BearerOptions]"
    ) -> None:
        self.guard = Guard(keys, **options)
        self.model = HTTPBearer(bearerFormat="JWT")
        self.scheme_name = scheme_name

    # Not in text: FastAPI reads these annotations to know what to pass.
    async def __call__(self, connection: HTTPConnection, needed: SecurityScopes) -> Auth | None:
        try:
            auth = await self.guard.check_scope(connection.scope, needed.scopes)
        except BearerError as why:
            raise HTTPException(why.status, str(why), why.headers) from why
        connection.state.auth = auth
        return auth
