"""Zips that mean harm, or were merely made badly: each is refused in words, and the rest comes in."""

import io
import os
import socket
import stat
import struct
import zipfile

import pytest

from memory import layouts, packing, paths, zips
from memory.archives import Archive, Reading
from memory.layouts import KINDS
from memory.zips import Unreadable

pytestmark = pytest.mark.once
GOOD = {"good.md": "# Good\n"}


def zip_of(files: dict[str, str | bytes], **options) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return file


def with_mode(name: str, mode: int, text: str = "x") -> io.BytesIO:
    file = zip_of(GOOD)
    with zipfile.ZipFile(file, "a") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, text)
    return file


def read(file: io.BytesIO) -> Reading:
    return Archive(file).read()


def reasons(file: io.BytesIO) -> dict[str, str]:
    return {found.name: found.reason for found in read(file).files}


def refused(file: io.BytesIO, name: str) -> str:
    """Why `name` is refused, in an archive whose good file is not."""
    found = reasons(file)
    assert found["good.md"] == ""
    return found[name]


# -- Names


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../up.md", "leads out"),
        ("a/../../up.md", "leads out"),
        ("/etc/passwd", "absolute"),
        ("C:/windows.md", "absolute"),
        ("c:evil.md", "absolute"),
        ("a\\..\\b.md", "backslash"),
        ("\\\\host\\share.md", "backslash"),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(name, reason):
    assert reason in refused(zip_of(GOOD | {name: "x"}), name)


def test_a_name_cut_off_by_a_nul_is_refused():
    file = zip_of(GOOD | {"a.md_.exe": "x"})
    file = io.BytesIO(file.getvalue().replace(b"a.md_.exe", b"a.md\0.exe"))
    assert "NUL" in refused(file, "a.md\ufffd.exe")


def test_two_files_of_one_name_are_both_refused():
    file = zip_of(GOOD | {"two.md": "1"})
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning):
        archive.writestr("two.md", "2")
    assert "several files" in refused(file, "two.md")


def test_case_twins_are_two_files():
    assert set(reasons(zip_of({"A.md": "1", "a.md": "2"})).values()) == {""}


def test_utf8_names_are_known_even_where_the_zip_does_not_say_so():
    file = zip_of({"é.md": "x"})
    data = bytearray(file.getvalue())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(signature) + flags
        data[at : at + 2] = struct.pack("<H", struct.unpack("<H", data[at : at + 2])[0] & ~0x800)
    assert reasons(io.BytesIO(bytes(data))) == {"é.md": ""}


# -- Kinds of files


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (stat.S_IFLNK | 0o777, "symbolic link"),
        (stat.S_IFIFO | 0o644, "no ordinary file"),
        (stat.S_IFCHR | 0o644, "no ordinary file"),
    ],
)
def test_links_and_special_files_are_refused(mode, reason):
    assert reason in refused(with_mode("special.md", mode, "/etc/passwd"), "special.md")


def test_an_encrypted_file_is_refused():
    file = zip_of({"good.md": "x", "secret.md": "y"})
    data = bytearray(file.getvalue())
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    assert "encrypted" in refused(io.BytesIO(bytes(data)), "secret.md")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compression_is_refused(method):
    file = zip_of(GOOD)
    with zipfile.ZipFile(file, "a", method) as archive:
        archive.writestr("odd.md", "x" * 100)
    assert "unusual" in refused(file, "odd.md")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("héllo".encode("utf-16"), "UTF-16"),
        ("héllo".encode("utf-16-le"), "NUL"),
        ("héllo".encode("latin-1"), "not UTF-8 text (byte 2)"),
        (b"\x89PNG\r\n\0", "NUL"),
        (b"\xed\xa0\x80", "not UTF-8"),
        (b"x" * (paths.MAX_CONTENT_BYTES + 1), "larger than 102,400 bytes"),
        (zip_of(GOOD).getvalue(), "NUL"),
    ],
)
def test_what_is_no_utf8_text_of_the_right_size_is_refused(data, reason):
    assert reason in refused(zip_of(GOOD | {"odd.md": data}), "odd.md")


def test_the_largest_text_comes_in():
    assert reasons(zip_of({"big.md": b"x" * paths.MAX_CONTENT_BYTES})) == {"big.md": ""}


def test_a_byte_order_mark_is_left_out_and_that_is_said():
    file = zip_of({"bom.md": "\ufeff# Title\n"})
    archive = Archive(file)
    (found,) = archive.read().files
    assert (archive.text(found), found.size) == ("# Title\n", 8)
    assert "byte order mark" in found.note


def test_a_damaged_file_is_refused_and_the_others_are_not():
    file = zip_of(GOOD | {"torn.md": "the text that is torn"})
    data = file.getvalue().replace(b"the text that is torn", b"the text that is TORN")
    assert "damaged" in refused(io.BytesIO(data), "torn.md")


# -- Archives as a whole


# Named by hand: a zip holds the time, and workers that run side by side must agree on names.
@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04", b"not a zip", zip_of(GOOD).getvalue()[:-30]],
    ids=["empty", "a signature", "text", "cut off"],
)
def test_what_is_no_zip_is_said_to_be_none(data):
    with pytest.raises(Unreadable, match="not a zip"):
        Archive(io.BytesIO(data))


def test_a_bomb_of_one_file_costs_no_more_than_a_memory():
    file = zip_of(GOOD | {"bomb.md": b" " * 50_000_000}, compression=zipfile.ZIP_DEFLATED)
    assert "larger than" in refused(file, "bomb.md")


def test_a_bomb_of_many_files_is_refused_as_a_whole():
    bomb = b" " * paths.MAX_CONTENT_BYTES
    file = zip_of({f"{n}.md": bomb for n in range(170)}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(Unreadable, match="unpacks to far more"):
        read(file)


def test_a_file_that_lies_about_its_size_is_read_no_further_than_it_says():
    file = zip_of({"good.md": "x", "liar.md": b" " * 50_000}, compression=zipfile.ZIP_DEFLATED)
    data = bytearray(file.getvalue())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 10)
    assert "damaged" in refused(io.BytesIO(bytes(data)), "liar.md")


def test_more_entries_than_anybody_needs_are_counted_before_they_are_read(monkeypatch):
    monkeypatch.setattr(zips, "MAX_ENTRIES", 20)
    assert len(read(zip_of({f"{n}.md": "" for n in range(20)})).files) == 20
    with pytest.raises(Unreadable, match="more than 20 files"):
        Archive(zip_of({f"{n}.md": "" for n in range(21)}))


def test_only_the_names_that_are_not_the_utf8_they_claim_are_refused():
    texts = GOOD | {"é.md": "x", "größe.md": "y", "z.md": "z"}
    data = zip_of(texts).getvalue().replace("é".encode(), b"\xff\xfe")
    told = reasons(io.BytesIO(data))
    [wrong] = told.keys() - texts.keys()
    assert "unknown encoding" in told.pop(wrong)
    assert told == {"good.md": "", "größe.md": "", "z.md": ""}
    archive = Archive(io.BytesIO(data))
    assert {archive.text(found) for found in archive.read().files if not found.reason} >= {"y", "z"}


def test_wrong_names_are_found_behind_what_stands_before_the_zip():
    data = zip_of({"é.md": "x", "z.md": "z"}).getvalue().replace("é".encode(), b"\xff\xfe")
    assert sorted(reasons(io.BytesIO(b"#!/bin/sh\n" + data)).values())[0] == ""


def test_what_no_store_needs_is_skipped_and_counted():
    files = dict.fromkeys((".git/HEAD", ".git/objects/ab", "node_modules/x/README.md"), "x")
    reading = read(zip_of(GOOD | files | {"__MACOSX/._good.md": "x", "a/.DS_Store": "x"}))
    assert [found.name for found in reading.files] == ["good.md"]
    assert reading.skipped == {
        "version control": 2,
        "packages and caches": 1,
        "left by an operating system": 2,
    }


def test_a_reading_survives_being_kept():
    reading = read(zip_of(GOOD | {"../x": "x", "bom.md": "\ufeffx"}))
    assert Reading.from_json(reading.as_json()) == reading


# -- A folder of this machine


def test_a_folder_is_read_like_an_archive_and_links_are_not_followed(tmp_path):
    folder = tmp_path / "notes"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.md").write_text("a")
    (folder / "secret.md").symlink_to("/etc/passwd")
    (folder / "all").symlink_to("/etc")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(folder / "door"))
        packed = io.BytesIO()
        packing.pack_folder(folder, packed)
    found = reasons(packed)
    assert found.pop("notes/deep/a.md") == ""
    assert {name for name, reason in found.items() if "symbolic link" in reason} == {
        "notes/secret.md",
        "notes/all",
    }
    assert "no ordinary file" in found["notes/pipe"] and "no ordinary file" in found["notes/door"]


# -- What it is, and where it goes


def laid_out(names: list[str], kind: str = "", **options) -> tuple[str, dict[str, str]]:
    reading = read(zip_of(dict.fromkeys(names, "x")))
    kind = kind or layouts.detect(reading)
    layout = layouts.lay_out(reading, kind, **options)
    return kind, {found.name: path for found, path in layout.files}


@pytest.mark.parametrize(
    ("names", "kind", "placed"),
    [
        (["notes/a.md", "notes/b/c.md"], "files", ["a.md", "b/c.md"]),
        (["a.md", "b/c.py"], "files", ["a.md", "b/c.py"]),
        (
            ["repo-1f2e/.gitignore", "repo-1f2e/README.md", "repo-1f2e/src/x.py"],
            "checkout",
            ["README.md"],
        ),
        (
            ["repo/.git/HEAD", "repo/README.md", "repo/docs/a.txt"],
            "checkout",
            ["README.md", "docs/a.txt"],
        ),
        (
            [
                ".claude/projects/-home-me-app/memory/MEMORY.md",
                ".claude/projects/-home-me-app/memory/deep/b.md",
                ".claude/projects/-home-me-app/chat.jsonl",
            ],
            "memory",
            ["MEMORY.md", "deep/b.md"],
        ),
        (
            ["projects/-home-me-a/memory/MEMORY.md", "projects/-home-me-b/memory/MEMORY.md"],
            "memory",
            ["-home-me-a/MEMORY.md", "-home-me-b/MEMORY.md"],
        ),
        (["memory/MEMORY.md", "memory/a.md"], "memory", ["MEMORY.md", "a.md"]),
        (
            [
                *("app/CLAUDE.md", "app/web/CLAUDE.local.md", "app/.claude/rules/style.md"),
                *(f"app/src/{n}.py" for n in range(12)),
                "app/README.md",
            ],
            "claude",
            [".claude/rules/style.md", "CLAUDE.md", "web/CLAUDE.local.md"],
        ),
    ],
)
def test_what_it_is_is_told_from_its_names(names, kind, placed):
    told, paths_of = laid_out(names)
    assert (told, sorted(paths_of.values())) == (kind, sorted(placed))


def test_the_folder_around_everything_can_be_kept():
    assert laid_out(["notes/a.md"], "files", strip=False)[1] == {"notes/a.md": "notes/a.md"}


def test_every_kind_counts_what_it_leaves_out():
    reading = read(zip_of(dict.fromkeys(["a.md", "b.py", "CLAUDE.md", "p/memory/x.md"], "x")))
    for kind in KINDS.keys() - {"export"}:
        layout = layouts.lay_out(reading, kind)
        assert len(layout.files) + sum(layout.skipped.values()) == 4
