"""`manage.py import_transcripts`: what it prints, imports and exits with."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from sessions import importing
from tests.sessions.foreign.conversations import CODE, OPENAI, PLAIN, TREE, lines, zipped

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = io.StringIO()
    call_command("import_transcripts", *map(str, arguments), stdout=out)
    return out.getvalue()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine" / "deep").mkdir(parents=True)
    (tmp_path / "mine" / "code.jsonl").write_bytes(lines(*CODE))
    (tmp_path / "mine" / "deep" / "talk.json").write_text(json.dumps(OPENAI))
    (tmp_path / "mine" / "picture.png").write_bytes(b"\x89PNG")
    return tmp_path / "mine"


def test_without_yes_the_plan_is_printed_and_nothing_imported(workspace, folder):
    told = run("lab", folder)
    assert "+ Find the heron (Claude Code, 3 messages, 1 calls, 2026-11-20 10:00 – " in told
    assert "left out 1: thoughts" in told and "skipped 1: files of other kinds (.png)" in told
    assert "Would import 2 of 2. Say --yes to import." in told
    assert not workspace.sessions.exists()


def test_with_yes_all_of_it_comes_in_and_once(workspace, folder, monkeypatch):
    monkeypatch.setattr(importing, "TOGETHER", 1)
    assert "Imported 2 as sessions of lab." in run("lab", folder, "--yes")
    again = run("lab", folder, "--yes")
    assert "= Find the heron" in again and "imported already: sesn_" in again
    assert "Imported 0" in again and workspace.sessions.count() == 2


def test_zips_come_in_and_the_assistant_of_a_text_can_be_named(workspace, tmp_path):
    (tmp_path / "export.zip").write_bytes(zipped({"conversations.json": json.dumps([TREE])}))
    (tmp_path / "talk.txt").write_text(PLAIN)
    files = tmp_path / "export.zip", tmp_path / "talk.txt"
    assert "the assistant is Bot" in run("lab", *files)
    run("lab", *files, "--yes", "--assistant", "Alice")
    text = workspace.sessions.get(title="talk")
    assert text.events.get(type="user.message").payload["content"][0]["text"] == "At 14:30."
    assert workspace.sessions.filter(title="The talk").exists()


def test_refused_files_are_told_and_the_others_come_in(workspace, folder):
    (folder / "bad\x1b[2J.txt").write_bytes(b"\xe4")
    (folder / "link.jsonl").symlink_to("/etc/passwd")
    out = io.StringIO()
    with pytest.raises(CommandError, match="2 files were refused") as error:
        call_command("import_transcripts", "lab", str(folder), "--yes", stdout=out)
    assert error.value.returncode == 3 and "\x1b" not in out.getvalue()
    assert "symbolic link" in out.getvalue() and "Save it as UTF-8" in out.getvalue()
    assert workspace.sessions.count() == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere", __file__), "There is no workspace"),
        (("lab", "/nowhere.jsonl"), "/nowhere.jsonl cannot be read"),
        (("lab", __file__), "No transcript was found"),
    ],
)
def test_errors_are_told_in_words(workspace, arguments, words):
    with pytest.raises(CommandError, match=words) as error:
        run(*arguments)
    assert error.value.returncode == 1
