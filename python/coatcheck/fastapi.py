"""Bearer tokens as a FastAPI dependency: ``auth: Auth = Depends(bearer)``, or ``Security(bearer, scopes=[...])``.

It is one of FastAPI's security schemes: the OpenAPI document names it, and each route with the scopes that it needs.
"""

from typing import TYPE_CHECKING

from fastapi.openapi.models import HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from coatcheck._guard import Auth, BearerError, Guard, Keys

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from coatcheck._guard import BearerOptions

__all__ = ["Bearer"]


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
