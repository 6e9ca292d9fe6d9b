"""A foreign connector, whose slips end as errors of Dovetail: a person gets words, and a run knows what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from dovetail.errors import DovetailError, SystemFault
from dovetail.systems import protocol
from dovetail.systems.protocol import Source

_PROTOCOLS: tuple[type, ...] = tuple(
    found
    for name, found in vars(protocol).items()
    if isinstance(found, type) and getattr(found, "_is_protocol", False) and found.__module__ == protocol.__name__
)
"""Every protocol, those of transactions and passages included."""


def guarded(connector: object, name: str) -> Source:
    """The same connector with the same capabilities; an exception that is none of Dovetail's leaves as `SystemFault`
    (DV-371), without its words, which may hold values."""
    found: Source = _guarded(connector, name)
    return found


def _guarded(inner: Any, name: str) -> Any:
    """An object with the verbs of all protocols that the inner one keeps."""
    verbs = {
        verb
        for kept in _PROTOCOLS
        if isinstance(inner, kept)
        for verb, part in vars(kept).items()
        if callable(part) and not verb.startswith("_")
    }
    parts: dict[str, Any] = {verb: _verb(inner, verb, name) for verb in sorted(verbs)}
    parts["__getattr__"] = lambda _, attribute: getattr(inner, attribute)
    parts["__repr__"] = lambda _: repr(inner)
    return type(type(inner).__name__, (), parts)()


def _verb(inner: Any, verb: str, name: str) -> Callable[..., Any]:
    def call(_: object, *arguments: Any, **named: Any) -> Any:
        with _words(name, verb):
            answer = getattr(inner, verb)(*arguments, **named)
        if isinstance(answer, AbstractContextManager):
            return _entered(answer, name, verb)
        return _given(answer, name, verb) if isinstance(answer, Iterator) else answer

    return call


def _given(batches: Iterator[Any], name: str, verb: str) -> Iterator[Any]:
    """What an iterator gives; it is closed when it is left early."""
    try:
        while True:
            with _words(name, verb):
                try:
                    batch = next(batches)
                except StopIteration:
                    return
            yield batch
    finally:
        close = getattr(batches, "close", None)
        if close is not None:
            close()


@contextmanager
def _entered(manager: AbstractContextManager[Any], name: str, verb: str) -> Iterator[Any]:
    """A transaction or passage; what is raised inside its block is not the connector's, and passes as it is."""
    with _words(name, verb):
        value = manager.__enter__()
    try:
        yield _guarded(value, name)
    except BaseException as raised:
        with _words(name, verb, but=raised):
            is_swallowed = manager.__exit__(type(raised), raised, raised.__traceback__)
        if not is_swallowed:
            raise
    else:
        with _words(name, verb):
            manager.__exit__(None, None, None)


@contextmanager
def _words(name: str, verb: str, but: BaseException | None = None) -> Iterator[None]:
    try:
        yield
    except DovetailError:
        raise
    except Exception as error:
        if error is but:
            raise
        raise SystemFault(
            f"the connector {name!r} let an error of its own through: {type(error).__name__} in {verb}",
            where=name,
            hint="tell the people who wrote it: exceptions of a driver must become a class of dovetail.errors",
            code="DV-371",
        ) from error
