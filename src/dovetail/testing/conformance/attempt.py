"""Calls that may fail: in time, with an error of ours, in words that hold no password."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from urllib.parse import quote

from dovetail.errors import DovetailError
from dovetail.testing.conformance.verdict import broken, expect


def attempted(call: Callable[[], object], *, within_s: float, secret: str = "") -> object:
    """What the call gives, or the error of ours that it ends with."""
    ends: list[object] = []
    faults: list[BaseException] = []

    def run() -> None:
        try:
            ends.append(call())
        except BaseException as fault:  # noqa: BLE001 - told to the other thread
            faults.append(fault)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(within_s)
    expect(not thread.is_alive(), f"a call does not end within {within_s:g} s")
    if not faults:
        return ends[0]
    (fault,) = faults
    if isinstance(fault, AssertionError):
        raise fault
    if not isinstance(fault, DovetailError):
        broken(f"{type(fault).__name__} leaves the connector, which is no error of ours: {fault}")
    tells_nothing(fault, secret)
    return fault


def tells_nothing(fault: DovetailError, secret: str) -> None:
    """Expect that neither the error nor what caused it holds the password."""
    told = "".join([repr(fault), str(fault), fault.hint, *traceback.format_exception(fault)])
    expect(not tells(told, secret), f"the error {type(fault).__name__} {fault.code} tells the password")


def tells(words: str, secret: str) -> bool:
    """Whether the secret stands in the words, as it is or as a URL spells it."""
    return bool(secret) and (secret in words or quote(secret, safe="") in words)
