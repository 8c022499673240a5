"""What a first start lays out: an environment and one agent that works without any key."""

from console.models import Workspace
from sessions import agents

RESEARCH_ASSISTANT = """\
You are a research assistant who remembers. Help the person with their questions, notes and
follow-ups. When a memory store is mounted, look there before you answer, and save what the person
tells you that will matter later: events attended, people, decisions, links, dates, follow-ups. Answer
briefly and name the files you used. When you do not know, say so."""


def first_start(workspace: Workspace) -> None:
    """Fill a new workspace with a default environment and the agent "Research assistant"."""
    agents.create_environment(workspace, "Default", description="Where tools run by default.")
    config = agents.blank_config("Research assistant", "builtin")
    config |= {
        "description": "Remembers what you tell it, and finds it again.",
        "system": RESEARCH_ASSISTANT,
        "tools": [agents.ALL_FILE_TOOLS],
    }
    agents.create(workspace, config)
