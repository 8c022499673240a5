"""What people think better of: a message that still waits is taken back, a failed turn tried again."""

from django.db import transaction

from console.actors import Actor
from sessions import events, transcript
from sessions.conversation import Refused, check_open, held, wake
from sessions.models import Event, Session


@transaction.atomic
def withdraw(session: Session, event_id: str, *, by: Actor) -> Event:
    """Take back a message that no turn has taken up yet; the log keeps it. Raises `Refused`."""
    thread, session = held(session)
    check_open(session)
    sent = thread.events.filter(pk=event_id, type="user.message").first()
    if sent is None:
        raise Refused("There is no such message in this session.")
    if sent.processed_at is None:
        return events.withdraw(sent, by.name)
    if sent.is_withdrawn:
        return sent
    raise Refused("The agent has this message already; stop the turn instead.")


@transaction.atomic
def try_again(session: Session, *, by: Actor) -> None:
    """Ask the model again where the last turn was given up. Raises `Refused`."""
    thread, session = held(session)
    check_open(session)
    if not transcript.has_failed(thread):
        raise Refused("The last turn has not failed, so there is nothing to try again.")
    wake(session, thread, why={transcript.AGAIN: by.name})
