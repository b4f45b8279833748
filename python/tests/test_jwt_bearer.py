"""Bearer tokens in front of real applications: Starlette, WSGI and FastAPI; RFC 6750's answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from coatcheck import jwt
from coatcheck.bearer import Auth, Bearer, BearerMiddleware, WSGIBearer
from coatcheck.errors import ConfigError
from fastapi import Depends, FastAPI, Security
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

KEY = jwt.Key.generate("ES256", kid="k1")
OTHER = jwt.Key.generate("ES256", kid="k1")
OPTIONS: dict[str, Any] = {"audience": "api", "issuer": "login", "cookie": "token", "scopes": ["read"]}

Ask = Callable[..., tuple[int, dict[str, str], Any]]


def token(key: jwt.Key = KEY, **claims: Any) -> str:
    given = {"iss": "login", "aud": "api", "sub": "ada", "scope": "read write", "exp": int(time.time()) + 60, **claims}
    return jwt.Signer(key).sign(given)


def asgi(**options: Any) -> Ask:
    def show(request: Request) -> JSONResponse:
        auth = request.state.auth
        return JSONResponse(None if auth is None else auth.claims)

    inner = Starlette(routes=[Route("/", show)])
    client = TestClient(BearerMiddleware(inner, KEY.public_key(), **{**OPTIONS, **options}))

    def ask(headers: list[tuple[str, str]]) -> tuple[int, dict[str, str], Any]:
        answer = client.get("/", headers=headers)
        return answer.status_code, dict(answer.headers), answer.json()

    return ask


def fastapi(**options: Any) -> Ask:
    app = FastAPI()
    bearer = Bearer(KEY.public_key(), **{**OPTIONS, **options})

    @app.get("/")
    async def show(auth: Auth | None = Depends(bearer)) -> Any:  # noqa: B008
        return None if auth is None else auth.claims

    client = TestClient(app)

    def ask(headers: list[tuple[str, str]]) -> tuple[int, dict[str, str], Any]:
        answer = client.get("/", headers=headers)
        return answer.status_code, dict(answer.headers), answer.json()

    return ask


def wsgi(**options: Any) -> Ask:
    seen: list[Any] = []

    def inner(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.append(environ["coatcheck.auth"])
        start_response("200 OK", [])
        return [b""]

    app = WSGIBearer(inner, KEY.public_key(), **{**OPTIONS, **options})

    def ask(headers: list[tuple[str, str]]) -> tuple[int, dict[str, str], Any]:
        environ: dict[str, Any] = {}
        setup_testing_defaults(environ)
        for name, value in headers:
            name = "HTTP_" + name.upper()
            environ[name] = f"{environ[name]},{value}" if name in environ else value
        got: list[Any] = []
        body = b"".join(
            app(environ, lambda status, head, exc_info=None: got.extend((status, head)) or (lambda _: None))
        )
        del body
        auth = seen.pop() if seen else None
        return int(got[0][:3]), {name.lower(): value for name, value in got[1]}, auth and auth.claims

    return ask


@pytest.fixture(params=[asgi, wsgi, fastapi])
def build(request: pytest.FixtureRequest) -> Callable[..., Ask]:
    made: Callable[..., Ask] = request.param
    return made


def bearer(value: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {value}")]


def test_a_good_token(build: Callable[..., Ask]) -> None:
    ask = build()
    good = token()
    for headers in (bearer(good), [("authorization", f"bEARER  {good}")], [("cookie", f"a=b; token={good}")]):
        status, _, claims = ask(headers)
        assert status == 200
        assert claims["sub"] == "ada"
    assert ask([*bearer(good), ("cookie", f"token={good}")])[0] == 200  # the same one twice is one


def test_no_token(build: Callable[..., Ask]) -> None:
    for headers in ([], [("authorization", "Basic YTpi")], [("cookie", "token=")]):
        status, answer, _ = build(realm='a"b')(headers)
        assert status == 401
        assert answer["www-authenticate"] == r'Bearer realm="a\"b"'
    assert build(optional=True)([])[::2] == (200, None)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: token(OTHER),
        lambda: token(exp=1),
        lambda: token(aud="other"),
        lambda: token(iss="other"),
        lambda: "not.a.token",
        lambda: jwt.encode({"aud": "api", "iss": "login"}, "k" * 32),
    ],
)
def test_a_token_that_does_not_hold(build: Callable[..., Ask], bad: Callable[[], str]) -> None:
    for optional in (False, True):  # optional is for requests without a token
        status, headers, claims = build(optional=optional)(bearer(bad()))
        assert status == 401
        assert headers["www-authenticate"].startswith('Bearer error="invalid_token", error_description="')
        assert "\n" not in headers["www-authenticate"]
        assert not isinstance(claims, dict) or "sub" not in claims


@pytest.mark.parametrize("claims", [{"sub": 42}, {"jti": 7}, {"iss": 5}, {"aud": ["api", 1]}, {"sub": None}])
def test_claims_of_another_type(build: Callable[..., Ask], claims: dict[str, Any]) -> None:
    (claim,) = claims
    open_to_all = {"audience": None, "any_audience": True, "issuer": None}
    fields = {"iss": "login", "aud": "api", "scope": "read", **claims}
    with pytest.raises(jwt.InvalidTokenError, match=f"claim {claim} is not a string"):
        jwt.Signer(KEY).sign(fields)
    tokens = [jwt.Signer(KEY, loose_types=True).sign(fields)]
    if claim != "iss":  # PyJWT signs the others
        tokens.append(jwt.encode(fields, KEY, algorithm="ES256"))
    for other in tokens:
        status, headers, _ = build(**open_to_all)(bearer(other))
        assert status == 401
        assert headers["www-authenticate"].startswith('Bearer error="invalid_token"')
        status, _, got = build(**open_to_all, loose_types=True)(bearer(other))
        assert (status, got[claim]) == (200, claims[claim])
        if claim in ("iss", "aud"):  # not taken for what is expected
            assert build(loose_types=True)(bearer(other))[0] == 401


def test_not_enough_scope(build: Callable[..., Ask]) -> None:
    for scope in ("write", "", "readwrite", 7):
        status, headers, _ = build()(bearer(token(scope=scope)))
        assert status == 403
        assert 'error="insufficient_scope"' in headers["www-authenticate"]
        assert 'scope="read"' in headers["www-authenticate"]
    assert build()(bearer(token(scope=None, scp=["read"])))[0] == 403  # `scope` counts where it is there
    claims = {"iss": "login", "aud": "api", "scp": ["read"]}
    assert build()(bearer(jwt.Signer(KEY).sign(claims)))[0] == 200


def test_two_credentials(build: Callable[..., Ask]) -> None:
    ask = build()
    for headers in (
        [*bearer(token()), *bearer(token())],
        [*bearer(token()), ("cookie", f"token={token(sub='eve')}")],
        [("cookie", f"token={token()}; token={token()}")],
        [("authorization", "Bearer a b")],
        [("authorization", "Bearer")],
    ):
        status, answer, _ = ask(headers)
        assert status == 400
        assert 'error="invalid_request"' in answer["www-authenticate"]


def test_fastapi_scopes_per_route() -> None:
    app = FastAPI()
    guard = Bearer(KEY, audience="api", issuer="login")

    @app.get("/")
    async def show(auth: Auth = Security(guard, scopes=["orders:read"])) -> Any:  # noqa: B008
        return auth.subject

    client = TestClient(app)
    assert client.get("/", headers=dict(bearer(token()))).status_code == 403
    answer = client.get("/", headers=dict(bearer(token(scope="orders:read"))))
    assert (answer.status_code, answer.json()) == (200, "ada")


def test_fastapi_tells_openapi() -> None:
    app = FastAPI()
    guard = Bearer(KEY, audience="api", scheme_name="Login")

    @app.get("/")
    async def show(auth: Auth = Security(guard, scopes=["orders:read"])) -> Any:  # noqa: B008
        return auth.subject

    document = app.openapi()
    scheme = document["components"]["securitySchemes"]["Login"]
    assert scheme == {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert document["paths"]["/"]["get"]["security"] == [{"Login": ["orders:read"]}]


def test_flask() -> None:
    import flask

    app = flask.Flask(__name__)
    app.wsgi_app = WSGIBearer(app.wsgi_app, KEY, audience="api")  # type: ignore[method-assign]

    @app.get("/")
    def show() -> Any:
        return flask.jsonify(flask.request.environ["coatcheck.auth"].scopes)

    client = app.test_client()
    assert client.get("/", headers=dict(bearer(token()))).json == ["read", "write"]
    refused = client.get("/")
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_options_that_contradict() -> None:
    with pytest.raises(ConfigError):
        Bearer()
    with pytest.raises(ConfigError):
        Bearer(KEY, jwks="https://issuer.example/jwks")
    with pytest.raises(TypeError):
        Bearer(KEY, audiance="api")


def test_a_websocket_without_a_token_is_not_opened() -> None:
    from starlette.websockets import WebSocketDisconnect

    client = TestClient(BearerMiddleware(Starlette(), KEY))
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/"):
        pass
