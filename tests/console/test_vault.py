import pytest

from console import vault

SECRET = "sk-very-secret-0123456789"


def test_what_is_sealed_says_nothing_and_can_be_opened():
    sealed = vault.seal(SECRET)
    assert SECRET not in sealed
    assert vault.unseal(sealed) == SECRET
    assert vault.seal(SECRET) != sealed


def test_another_secret_key_opens_nothing(settings):
    sealed = vault.seal(SECRET)
    settings.SECRET_KEY = "another one"
    with pytest.raises(vault.Unreadable, match="SECRET_KEY changed"):
        vault.unseal(sealed)


def test_a_former_secret_key_still_opens(settings):
    sealed = vault.seal(SECRET)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another one", [settings.SECRET_KEY]
    assert vault.unseal(sealed) == SECRET


def test_what_was_tampered_with_is_not_opened():
    sealed = vault.seal(SECRET)
    with pytest.raises(vault.Unreadable):
        vault.unseal(sealed[:-6] + "AAAA==")
