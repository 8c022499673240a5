"""What people reply to an agent that waits or failed: decisions, results, another try."""

from functools import partial

from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from console.access import workspace_view
from console.actors import Actor
from console.htmx import wants_fragment
from memory.paths import Invalid
from sessions import afterthoughts, conversation
from sessions.conversation import Refused
from sessions.views import done, find


@workspace_view(role="editor")
@require_POST
def retry(request, workspace, pk):
    return _reply(request, workspace, pk, afterthoughts.try_again)


@workspace_view(role="editor")
@require_POST
def withdraw(request, workspace, pk, event_pk):
    """Take back a message that waits."""
    verb = partial(afterthoughts.withdraw, event_id=event_pk)
    return _reply(request, workspace, pk, verb)


@workspace_view(role="editor")
@require_POST
def decide(request, workspace, pk, event_pk):
    """Allow or deny a call that waits for permission."""
    allow, message = request.POST.get("verdict") == "allow", request.POST.get("message", "")
    verb = partial(conversation.decide, call=event_pk, allow=allow, message=message)
    return _reply(request, workspace, pk, verb)


@workspace_view(role="editor")
@require_POST
def decide_all(request, workspace, pk):
    """Allow or deny all the calls that were seen to wait for permission."""
    allow, calls = request.POST.get("verdict") == "allow", request.POST.getlist("call")
    verb = partial(conversation.decide_all, calls=calls, allow=allow)
    return _reply(request, workspace, pk, verb)


@workspace_view(role="editor")
@require_POST
def answer(request, workspace, pk, event_pk):
    """Give a custom tool's result in place of the program."""
    text, is_error = request.POST.get("text", ""), "is_error" in request.POST
    verb = partial(conversation.answer, call=event_pk, text=text, is_error=is_error)
    return _reply(request, workspace, pk, verb)


def _reply(request, workspace, pk, verb):
    session = find(workspace, pk)
    try:
        verb(session, by=Actor.user(request.user))
    except (Invalid, Refused) as error:
        if wants_fragment(request):
            return trigger_client_event(
                HttpResponse(status=204), "toast", {"tone": "warn", "text": str(error)}
            )
        messages.error(request, str(error))
    return done(request, session)
