"""Who did it: a person, a program's key, or an agent in a session."""

from dataclasses import dataclass

from console.models import ApiKey, User


@dataclass(frozen=True)
class Actor:
    """The author of a change, as the change remembers it.

    `id` is a public id whose prefix tells the kind (`user_`, `apikey_`, `sesn_`); `name` is what
    the author was called then; `event` is the session event that asked for the change, if any.
    """

    id: str
    name: str
    event: str = ""

    @classmethod
    def user(cls, user: User) -> "Actor":
        return cls(user.pk, user.name[:255])  # a first and a last name may be longer together

    @classmethod
    def api_key(cls, key: ApiKey) -> "Actor":
        return cls(key.pk, key.name)


def wire(actor_id: str) -> dict | None:
    """Describe an author as the API does (wire contract §7)."""
    kinds = {
        "user": ("user_actor", "user_id"),
        "apikey": ("api_actor", "api_key_id"),
        "sesn": ("session_actor", "session_id"),
    }
    kind = kinds.get(actor_id.partition("_")[0])
    return {"type": kind[0], kind[1]: actor_id} if kind else None
