"""Encryption of what the state must not show: AES-256-GCM with a key that the state itself holds only wrapped."""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dovetail.state.faults import wrong_key

KEY_BYTES = 32
_NONCE_BYTES = 12
_MARK_BYTES = 16
_FORM = b"\x01"
"""First byte of everything sealed: how it was sealed."""


class Seal:
    """Encrypts and decrypts, each content bound to what it is about: moved elsewhere, it does not open."""

    def __init__(self, key: bytes, *, place: str) -> None:
        self._place = place
        self._cipher = AESGCM(_derived(key, b"content"))
        self._mark_key = _derived(key, b"mark")

    def close(self, content: bytes, about: str) -> bytes:
        """The content, encrypted."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORM + nonce + self._cipher.encrypt(nonce, content, _FORM + about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """The content again; raises `StateFault` when the key, the content or what it is about is not the same."""
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, rest, sealed[:1] + about.encode())
        except (InvalidTag, ValueError) as error:
            raise wrong_key(self._place) from error

    def mark(self, *parts: str) -> bytes:
        """A keyed hash: the same for the same parts, and telling nothing about them."""
        framed = b"".join(len(part := text.encode()).to_bytes(4, "big") + part for text in parts)
        return hmac.digest(self._mark_key, framed, "sha256")[:_MARK_BYTES]


def new_key() -> bytes:
    """A fresh random key."""
    return os.urandom(KEY_BYTES)


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hashlib.blake2b(purpose, key=key[:64], digest_size=KEY_BYTES, person=b"dovetail-state").digest()
