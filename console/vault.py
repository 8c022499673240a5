"""Secrets that have to be read again, such as a model endpoint's key: encrypted where they are kept.

The encryption key is derived from SECRET_KEY, so a copy of the database alone tells nothing. When
SECRET_KEY changes, SECRET_KEY_FALLBACKS keeps what was sealed before readable.
"""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Unreadable(Exception):
    """What was sealed cannot be opened: SECRET_KEY is another one now."""


def seal(secret: str) -> str:
    """Encrypt a secret for the database; the same secret looks different each time."""
    return _box().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """Return the secret. Raises `Unreadable`."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Unreadable("SECRET_KEY changed since this was stored.") from None


def _box() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derived(key)) for key in keys])


def _derived(key: str) -> bytes:
    recipe = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"reverie.vault")
    return urlsafe_b64encode(recipe.derive(key.encode()))
