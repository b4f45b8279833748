"""The session object that applications see: a dict that holds what was read before the application can get at it.

Encoders that are written in C (json, orjson, pydantic) read a dict's storage and call none of its methods, so nothing
may be missing there. The copy to compare with is made when somebody first looks at the session through a method: what a
request changed is found so, also inside a nested list or dict, and a session that was only read is not written.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from coatcheck import _core
from coatcheck._core import (  # coatcheck/life_cycle.hpp
    END_CHANGED,
    END_FORCED,
    END_LOOKED,
    END_REMOVED,
    END_RENEWED,
    END_STORED,
    END_TOUCH_DUE,
    STEP_DESTROY,
    STEP_MASK,
    STEP_NOTHING,
    STEP_SAVES,
    STEP_TOUCH,
)
from coatcheck.errors import SessionGone, StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from coatcheck._service import Service

__all__ = ["Session"]

_R = TypeVar("_R")


class UnknownSession:
    """Stands in the storage of a session that the store did not answer for: whoever encodes that fails on it."""

    __slots__ = ()


_UNKNOWN = UnknownSession()


class Session(dict[str, Any]):
    """A dict of JSON values: str keys; dict, list, str, int, float, bool and None. Tuples come back as lists.

    ``clear()``, or removing the last key, of a stored session destroys it: that is logging out. Of a request that
    carries two live sessions, neither of which counts, ``clear()`` ends both, and so does whatever is stored.
    """

    __slots__ = (
        "_bound",
        "_cleared",
        "_ended",
        "_failure",
        "_forced",
        "_handle",
        "_header",
        "_lost",
        "_read",
        "_renewed",
        "_secure",
        "_service",
        "_set_cookie",
        "_told",
        "_wrote",
        "accessed",
    )

    _service: Service
    _header: str | bytes | None  # the Cookie header
    _secure: bool
    _handle: _core.Handle | None  # None: the request has no cookie, or the engine was closed
    _read: dict[str, Any] | None  # what was read, to compare with; None: this session is never saved
    _forced: bool
    _renewed: bool
    _bound: Callable[[], None] | None  # writes back what stands for this session in the application (coatcheck.fastapi)
    _cleared: bool  # by clear(): a logout, also where there was nothing to clear
    _ended: bool  # the response's headers have gone, or the commit has failed
    _set_cookie: str | None  # of a transaction, for the response
    _failure: StoreError | None  # why this session could not be read or written
    _wrote: bool  # something of this request was stored
    _told: bool  # the application's hook knows of that
    _lost: StoreError | None  # its record is there and can't be read
    accessed: bool

    @property
    def id(self) -> str | None:
        """The session id, the credential that the cookie carries; None while nothing is stored."""
        self.mark_accessed()
        return self._handle.id if self._handle is not None else None

    @property
    def sid(self) -> str | None:
        """The same as ``id``."""
        return self.id

    @property
    def new(self) -> bool:
        """Whether the request brought no session."""
        self.mark_accessed()
        return self._handle is None or self._handle.id is None

    @property
    def modified(self) -> bool:
        """Whether it differs from what was read, or did when it was stored. Set it to have the session written all the
        same."""
        return self._forced or self._wrote or (self._read is not None and not _core.same(self._read, self))

    @modified.setter
    def modified(self, value: bool) -> None:
        self.mark_accessed()
        self._forced = bool(value)
        if not value:
            self._wrote = False

    def regenerate(self) -> None:
        """Gives the session a new id when the response goes out, and ends it under the old one.

        Call it at login and whenever rights change, so that an id from before is worth nothing (session fixation).
        """
        if not self._give_up():
            self.mark_accessed()
        self._renewed = True

    def clear(self) -> None:
        """Logs out: the session ends with the request, also one whose record can't be read."""
        if not self._give_up():
            self.mark_accessed()
        self._cleared = True
        dict.clear(self)

    def transact(self, change: Callable[[dict[str, Any]], _R]) -> _R:
        """Changes the session as it is stored now, in one compare-and-set.

        ``change(data)`` runs again when another request wrote meanwhile, so it is to do nothing else. Answers what it
        answers. What the request changed otherwise stays, and is stored at its end. A session that is not stored yet is
        this request's alone: it is changed, and stored at the end. Raises SessionGone, SessionConflict (after
        ``conflict_retries`` rounds), StoreError, and what ``change`` raises.
        """
        steps = transaction(self, change)
        try:
            call = next(steps)
            while True:
                call = steps.send(call(self._service.engine))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    def mark_accessed(self) -> None:
        """Called by Starlette when ``request.session`` is looked at."""
        self.accessed = True

    def __reduce_ex__(self, protocol: Any, /) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        """Copies and pickles are plain dicts: a session belongs to its request."""
        return dict, (dict(self),)

    # What the middleware calls; not for applications.

    def _fill(self, handle: _core.Handle) -> None:
        """Puts what was read into the dict's storage; for a session that is not known, what no encoder takes."""
        text = handle.payload
        if text == "{}":
            return
        error: StoreError | None
        if text:
            try:
                dict.update(self, self._service.decode(text))
                return
            except (ValueError, RecursionError):
                if handle.status == "adopted":
                    return  # another package's: as if it were not there, and told of when somebody looks
                error = self._lost = StoreError(
                    "the session's record does not hold a JSON object", "ERR_RECORD_DAMAGED"
                )
        else:
            error = handle.error or StoreError("the session's record is empty", "ERR_RECORD_DAMAGED")
            if handle.unreadable:
                self._lost = error
        if self._service.on_unknown != "open":
            self._lose(error)

    def _lose(self, why: StoreError) -> None:
        """The session is not known: whoever looks at it is told, and no encoder takes it for an empty one."""
        self._failure = why
        dict.__setitem__(self, "coatcheck", _UNKNOWN)

    def _load(self) -> None:
        """Makes the copy to compare with. Raises StoreError when the store did not answer."""
        lost = self._lost
        if lost is not None:
            self._tell_lost(lost)
        if self._failure is not None:
            raise self._failure
        handle = self._handle
        if handle is None:  # the request has no cookie
            handle = self._handle = self._service.engine.open(None, self._secure)
        if lost is not None:
            pass  # and go on with an empty session that is never saved
        elif handle.status == "adopted" or handle.reason == "foreign":
            self._read = {}  # what another package held is a change of this request's
            if not dict.__len__(self):
                self._service.tell("damaged", _foreign())
        elif handle.payload:
            self._read = {}
            _core.fill(self._read, self)
        else:
            self._service.report(handle.error)  # and go on with an empty session that is never saved
        # From here on a plain dict, without the detour through _load.
        self.__class__ = self._loaded_class
        self.accessed = True

    def _tell_lost(self, why: StoreError) -> None:
        if not self._told:
            self._told = True
            self._service.tell("damaged", why)

    def _give_up(self) -> bool:
        """For a session whose record can't be read: what it holds from now on is a new one's.

        The record ends with the request. Nobody else may end it: it stays as it is, for whoever is to find out what
        happened, until a logout or a login says that it is not needed.
        """
        if self._lost is None:
            return False
        self._tell_lost(self._lost)
        self._lost = self._failure = None
        dict.clear(self)
        self._read = {}
        self._renewed = True
        self.__class__ = self._loaded_class
        self.accessed = True
        return True

    def _cookie_settings(self) -> str | None:
        """New settings of this session's cookie, as JSON text; None: as they were."""
        return None

    def _plan(self, begun: int) -> int:
        """What the request's end calls for, by the core's rules; ``begun``: END_BEGUN once the headers have gone."""
        if self._bound is not None:
            self._bound()
        handle, read = self._handle, self._read
        if handle is None or read is None or self._failure is not None:
            return 0
        facts = begun | END_LOOKED
        stored = handle.id is not None
        if stored:
            facts |= END_STORED | END_TOUCH_DUE if handle.touch_due else END_STORED
        if self._renewed:
            facts |= END_RENEWED
        if self._forced:
            facts |= END_FORCED
        if self:
            if not _core.same(read, self):
                facts |= END_CHANGED
        elif stored:
            facts |= END_REMOVED if read or self._renewed else 0
        elif handle.status == "adopted" or ((self._cleared or self._renewed) and handle.reason == "ambiguous"):
            facts |= END_REMOVED
        return self._service.end_table[facts]

    def _run(self, engine: Any, plan: int) -> str | Awaitable[str | None] | None:
        """Makes the call that the plan is of, if it is of one.

        Its answer is the values of the Set-Cookie headers, a line each, or None: from an Engine as it is, from an
        AsyncEngine in a future. ``_ended_well`` is to be called after it.
        """
        step = plan & STEP_MASK
        handle = self._handle
        if step == STEP_NOTHING or handle is None:
            return self._set_cookie
        if step == STEP_DESTROY:
            return engine.destroy(handle, self._secure)  # type: ignore[no-any-return]
        flags = _core.COMMIT_SECURE if self._secure else 0
        if step == STEP_TOUCH or not self._looked_at:
            return engine.commit(handle, None, flags, None)  # type: ignore[no-any-return]
        if plan & STEP_SAVES:
            flags |= _core.COMMIT_SAVE
        if self._renewed:
            flags |= _core.COMMIT_REGENERATE
        owner = self._service.owner
        if owner is None:
            return engine.commit(handle, self._service.encode(self), flags, self._cookie_settings())  # type: ignore[no-any-return]
        whose = owner(self) or ""  # "": nobody's
        return engine.commit(  # type: ignore[no-any-return]
            handle, self._service.encode(self), flags, self._cookie_settings(), whose
        )

    def _ended_well(self) -> None:
        """Takes what was stored as the state to compare with from now on."""
        handle = self._handle
        if handle is not None and handle.outcome == "untouched":
            self._service.tell_untouched(handle.untouched)
            return
        if handle is None or self._read is None or handle.outcome is None:
            return
        self._forced = self._renewed = self._cleared = False
        if handle.outcome == "gone":
            self._read = None
            self._service.tell("gone", gone())
        elif handle.outcome == "merged":
            # With what the other request wrote: a later commit would take its keys for removed ones.
            self._wrote = True
            self._read = self._service.decode(handle.payload)
            dict.clear(self)
            _core.fill(self, self._read)
        elif handle.outcome != "unchanged" and handle.outcome != "touched":
            self._wrote = True
            self._read = {}
            _core.fill(self._read, self)

    _looked_at: ClassVar[bool] = True
    _loaded_class: ClassVar[type[Session]]


Session._loaded_class = Session


def gone() -> SessionGone:
    """What a request hears whose session was ended while it was under way."""
    return SessionGone(
        "the session was destroyed or expired while this request was under way; its changes were not stored",
        "ERR_SESSION_GONE",
    )


def _foreign() -> StoreError:
    return StoreError("what another package stored for this session can't be read (migrate_from)", "ERR_RECORD_DAMAGED")


def _waited(value: Any) -> Callable[[Any], Any]:
    return lambda engine: value


def _commit(arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    return lambda engine: engine.commit(*arguments)


def transaction(session: Session, change: Callable[[dict[str, Any]], Any]) -> Generator[Callable[[Any], Any], Any, Any]:
    """The steps of ``transact``: yields functions of an engine, and is sent what they answer."""
    session.mark_accessed()
    handle, service = session._handle, session._service
    if handle is None or session._read is None:
        raise session._failure or StoreError("the session can't be stored", "ERR_STORE_UNAVAILABLE")
    if service.in_cookie:
        raise UsageError(
            "transact: the session is in its cookie, so there is nothing to compare with", "ERR_INVALID_STATE"
        )
    identifier = handle.id
    if identifier is None:
        return change(session)
    handle = yield lambda engine: engine.load(identifier)
    flags = _core.COMMIT_EXACT | (_core.COMMIT_SECURE if session._secure else 0)
    attempt = 0
    while True:
        if handle.error is not None:
            raise handle.error
        if handle.id is None:
            raise gone()
        data = service.decode(handle.payload)
        answer = change(data)
        if isawaitable(answer):
            answer = yield _waited(answer)
        arguments = (handle, service.encode(data), flags | attempt << 8, None)
        if service.owner is not None:
            arguments += (service.owner(data) or "",)  # type: ignore[assignment]
        set_cookie = yield _commit(arguments)
        if handle.outcome != "stale":
            break
        attempt += 1
    if handle.outcome == "gone":
        raise gone()
    kept = _core.merge_payloads(service.encode(session._read), service.encode(session), handle.payload)
    session._handle = handle
    session._read = service.decode(handle.payload)
    session._set_cookie = set_cookie or session._set_cookie
    dict.clear(session)
    _core.fill(session, service.decode(kept))
    return answer


_S = TypeVar("_S", bound=Session)

# Every way in which Python code can look into a dict or change it, save clear(), which looks first itself.
_WAYS_IN = (
    *("__contains__", "__delitem__", "__eq__", "__getitem__", "__ior__", "__iter__", "__len__", "__ne__", "__or__"),
    *("__reduce_ex__", "__repr__", "__reversed__", "__ror__", "__setitem__", "copy", "get", "items", "keys"),
    *("pop", "popitem", "setdefault", "update", "values"),
)


def _through_load(name: str) -> Callable[..., Any]:
    def way_in(self: Session, /, *args: Any, **kwargs: Any) -> Any:
        self._load()
        return getattr(self, name)(*args, **kwargs)

    way_in.__name__ = name
    return way_in


def pending_class(loaded: type[_S]) -> type[_S]:
    """The class of a session that nobody has looked at yet: it becomes a ``loaded`` one at the first look.

    Changing an object's class is unusual. It spares a request that never looks at its session the copy, the comparison
    and the headers of one that does, and leaves an object afterwards whose methods are dict's own.
    """

    def mark_accessed(self: Session) -> None:
        # Flask and Starlette call this before the application has the object. One whose record can't be read must
        # get that far, for clear() and regenerate(); every other way in raises, and no encoder takes the storage.
        if self._failure is not None and self._lost is not None:
            self._tell_lost(self._lost)
        else:
            self._load()

    def set_modified(self: Session, value: bool) -> None:
        self._load()
        self.modified = value

    def plan(self: Session, begun: int) -> int:
        handle = self._handle
        if handle is None or begun or handle.status != "found":
            return 0
        facts = END_STORED | END_TOUCH_DUE if handle.touch_due else END_STORED
        return self._service.end_table[facts]

    def get_false(self: Session) -> bool:
        return False

    def set_accessed(self: Session, value: bool) -> None:
        if value:
            self.mark_accessed()

    body: dict[str, Any] = {name: _through_load(name) for name in _WAYS_IN}
    body.update(
        __slots__=(),
        __module__=loaded.__module__,
        __doc__=loaded.__doc__,
        __hash__=None,
        _loaded_class=loaded,
        _looked_at=False,
        _plan=plan,
        mark_accessed=mark_accessed,
        accessed=property(get_false, set_accessed),
        modified=property(get_false, set_modified),
    )
    return type("Pending" + loaded.__name__, (loaded,), body)


_PendingSession = pending_class(Session)


def start(
    service: Service,
    header: str | bytes | None,
    secure: bool,
    handle: _core.Handle | None = None,
    of: type[Session] = _PendingSession,
) -> Session:
    """A session for one request, read where ``handle`` does not say what was read; ``of`` is from ``pending_class``."""
    session = of()
    session._service = service
    session._header = header
    session._secure = secure
    session._bound = session._read = session._failure = session._set_cookie = session._lost = None
    session._forced = session._renewed = session._cleared = session._ended = session._told = session._wrote = False
    if handle is None and header is not None:
        if type(header) is str and "," in header:  # of a WSGI server that joins headers so
            header = _core.split_joined_cookies(header, service.engine.cookie_name(secure))
        try:
            handle = service.engine.open(header, secure)
        except StoreError as error:  # the engine was closed
            session._lose(error)
    session._handle = handle
    if handle is not None:
        session._fill(handle)
    return session
