"""What people send to be imported: zips, folders, and more than a plan takes."""

import io
import json
import stat
import zipfile

import pytest

from sessions import importing
from tests.sessions.foreign.clients import carry_out, send
from tests.sessions.foreign.conversations import CODE, TREE, lines, zipped

pytestmark = pytest.mark.django_db


def test_a_zip_is_read_file_by_file_and_trusted_in_nothing(as_bob, workspace):
    files = {
        "export/conversations.json": json.dumps([TREE]),
        "export/chat.html": "<html>",
        "export/notes.txt": "Nobody speaks here.",
        "../slip.jsonl": lines(*CODE),
        "__MACOSX/._x.jsonl": "x",
        "again/talk.json": json.dumps(TREE),
    }
    page = send(as_bob, ("export.zip", zipped(files))).content.decode()
    assert "1 transcript found" in page and "The talk" in page
    assert "leads out of the archive" in page and "No messages were found" in page
    assert "1 × files of other kinds (.html)" in page and "left by an operating system" in page
    assert "1 × conversations that were sent twice" in page
    assert "2 × messages of other branches" in page


def test_what_a_folder_holds_beside_transcripts_is_counted_not_refused(workspace, bob):
    files = [("mine/code.jsonl", lines(*CODE)), ("mine/a.png", b"x"), ("mine/.git/a.txt", b"x")]
    kept = importing.plan(workspace, bob, files)
    assert len(kept.reading["transcripts"]) == 1 and kept.reading["refused"] == []
    assert dict(kept.reading["skipped"]) == {"files of other kinds (.png)": 1, "version control": 1}


def test_links_in_a_zip_and_damaged_zips_are_refused(workspace, bob):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        link = zipfile.ZipInfo("link.jsonl")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    kept = importing.plan(workspace, bob, [("a.zip", packed.getvalue()), ("b.zip", b"PK")])
    [link, damaged] = kept.reading["refused"]
    assert link[0] == "a.zip/link.jsonl" and "symbolic link" in link[1]
    assert damaged[0] == "b.zip" and "not a zip" in damaged[1]


def test_a_bomb_is_refused_and_names_the_way_for_large_files(workspace, bob, monkeypatch):
    monkeypatch.setattr(importing, "MOST_UNPACKED", 1000)
    bomb = zipped({"a.jsonl": b" " * 2000})
    kept = importing.plan(workspace, bob, [("bomb.zip", bomb)])
    [[name, why]] = kept.reading["refused"]
    assert name == "bomb.zip"
    assert "unpacks to far more" in why and "import_transcripts" in why


def test_a_zip_without_transcripts_says_what_was_in_it(as_bob):
    answer = send(as_bob, ("pics.zip", zipped({"a.png": "x", "b.png": "x"})), follow=False)
    assert answer.status_code == 422
    assert "Skipped: 2 × files of other kinds (.png)" in answer.content.decode()


def test_what_does_not_fit_in_a_plan_is_next_when_it_is_sent_again(as_bob, workspace, monkeypatch):
    monkeypatch.setattr(importing, "MOST", 2)
    talks = [[{"role": "user", "content": f"Question {n}"}] for n in range(3)]
    file = ("talks.json", json.dumps([{"messages": talk} for talk in talks]).encode())
    first = send(as_bob, file)
    assert "1 further conversation did not fit" in first.content.decode()
    carry_out(as_bob, first, 0, 1)
    second = send(as_bob, file)
    assert "1 transcript found" in second.content.decode()
    carry_out(as_bob, second, 0)
    assert workspace.sessions.count() == 3
