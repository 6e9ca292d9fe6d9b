"""Days and times as Excel counts them: days since 1900 (with a day too many) or 1904, times as parts of a day."""

from __future__ import annotations

import datetime as dt

_DAY_US = 86_400_000_000
_NOISE_US = 1.5
"""Below this a time is taken for the nearest thousandth of a second: a 64-bit float cannot tell them apart."""
_FALSE_DAY = 60
"""29 February 1900, which never was."""
_LAST_DAY = 2_958_465
_FROM_1904 = 1_462


def day(serial: int, *, is_1904: bool) -> str:
    """The day of a number; `ValueError` where there is none.

    >>> day(1, is_1904=False), day(61, is_1904=False), day(45658, is_1904=False), day(0, is_1904=True)
    ('1900-01-01', '1900-03-01', '2025-01-01', '1904-01-01')
    """
    if is_1904:
        serial += _FROM_1904
    if (serial < 1 or serial == _FALSE_DAY) or serial > _LAST_DAY:
        raise ValueError(serial)
    start = dt.date(1899, 12, 31) if serial < _FALSE_DAY else dt.date(1899, 12, 30)
    return (start + dt.timedelta(days=serial)).isoformat()


def moment(serial: float, *, is_1904: bool) -> str:
    """The day and the time of a number.

    >>> moment(45658.5, is_1904=False)
    '2025-01-01 12:00:00'
    """
    whole, part = divmod(serial, 1)
    microseconds = _microseconds(part)
    days, microseconds = int(whole) + microseconds // _DAY_US, microseconds % _DAY_US
    return f"{day(days, is_1904=is_1904)} {_clock(microseconds)}"


def time_of_day(serial: float) -> str:
    """The time of a part of a day; `ValueError` where it rounds to a whole one.

    >>> time_of_day(0.75)
    '18:00:00'
    """
    return _clock(_microseconds(serial))


def serial_of(value: object, *, is_1904: bool) -> str:
    """The number of a day, of a day and a time, or of a time, with as many digits as tell it from others.

    >>> serial_of(dt.date(2025, 1, 1), is_1904=False), serial_of(dt.time(18), is_1904=False)
    ('45658', '0.75')
    """
    if isinstance(value, dt.time):
        return repr(_part(value))
    if not isinstance(value, dt.date):
        raise TypeError(value)
    days = (value.date() if isinstance(value, dt.datetime) else value).toordinal() - dt.date(1899, 12, 30).toordinal()
    if days <= _FALSE_DAY:
        days -= 1
    if is_1904:
        days -= _FROM_1904
    return repr(days + _part(value.time())) if isinstance(value, dt.datetime) else str(days)


def _part(value: dt.time) -> float:
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return (seconds * 1_000_000 + value.microsecond) / _DAY_US


def _microseconds(part: float) -> int:
    exact = part * _DAY_US
    thousandths = round(exact / 1000) * 1000
    return thousandths if abs(exact - thousandths) <= _NOISE_US else round(exact)


def _clock(microseconds: int) -> str:
    if not 0 <= microseconds < _DAY_US:
        raise ValueError(microseconds)
    return (dt.datetime(1, 1, 1) + dt.timedelta(microseconds=microseconds)).time().isoformat()
