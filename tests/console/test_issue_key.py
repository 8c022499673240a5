from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from console.models import Role
from tests import factories


def issue(*arguments: str) -> str:
    output = StringIO()
    call_command("issue_key", *arguments, stdout=output)
    return output.getvalue()


def test_the_secret_stands_alone_and_works(workspace):
    said = issue("CI", "--role", "owner")
    assert said == f"{said.strip()}\n"
    assert factories.Api(said.strip()).get("/v1/agents").status_code == 200
    assert workspace.api_keys.get().role == Role.OWNER


def test_a_name_alone_makes_an_editor(workspace):
    issue("CI")
    assert workspace.api_keys.get().role == Role.EDITOR


def test_several_workspaces_need_a_word_which(workspace):
    other = factories.make_workspace("Other")
    with pytest.raises(CommandError, match="lab, other"):
        issue("CI")
    issue("CI", "--workspace", "other")
    assert other.api_keys.count() == 1


@pytest.mark.parametrize("arguments", [("CI", "--workspace", "nope"), ("",), ("x" * 101,)])
def test_what_makes_no_sense_makes_no_key(workspace, arguments):
    with pytest.raises(CommandError):
        issue(*arguments)
    assert not workspace.api_keys.exists()


def test_before_the_first_start_there_is_nowhere_to_put_a_key(db):
    with pytest.raises(CommandError, match="no workspace yet"):
        issue("CI")
