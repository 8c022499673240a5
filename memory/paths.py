"""The rules for paths, texts and names: one place, one wording for browser, API and agent.

Source: wire contract §5 and §6.
"""

import re
import unicodedata

MAX_SEGMENTS = 20
MAX_PATH_BYTES = 1024
MAX_CONTENT_BYTES = 102_400
MAX_MEMORIES = 10_000


class Invalid(ValueError):
    """What was asked breaks a rule; the message says which, and what would be right."""


class InvalidMetadata(Invalid):
    """Too much metadata, or some that cannot be."""


def check_path(path: str) -> str:
    """Return the path when a memory may stand there; raise `Invalid` otherwise."""
    if not path.startswith("/"):
        raise Invalid("The path must start with a slash, like /notes/today.md.")
    segments = path[1:].split("/")
    if "" in segments:
        raise Invalid("The path must name a file: no empty part, no slash at the end.")
    if "." in segments or ".." in segments:
        raise Invalid("The path may not contain . or .. as a part.")
    if len(segments) > MAX_SEGMENTS:
        raise Invalid(f"The path has {len(segments)} parts; at most {MAX_SEGMENTS} are allowed.")
    _check_letters(path)
    return path


def _check_letters(path: str) -> None:
    for letter in path:
        if unicodedata.category(letter) in {"Cc", "Cf", "Cs"} or letter in "\u2028\u2029":
            raise Invalid(
                f"The path holds the invisible character U+{ord(letter):04X}; take it out."
            )
    size = len(path.encode())
    if size > MAX_PATH_BYTES:
        raise Invalid(f"The path is {size} bytes long; at most {MAX_PATH_BYTES} are allowed.")
    if not unicodedata.is_normalized("NFC", path):
        raise Invalid("The path is not in Unicode normal form C (NFC); type its accents anew.")


def check_prefix(prefix: str) -> str:
    """Return a folder prefix (it ends with a slash); raise `Invalid` otherwise."""
    if not prefix.startswith("/") or not prefix.endswith("/"):
        raise Invalid("path_prefix must start and end with a slash, like /notes/.")
    if "//" in prefix:
        raise Invalid("path_prefix may not contain an empty part.")
    _check_letters(prefix)
    return prefix


def check_folder(folder: str) -> str:
    """Return a folder that files can stand in, with its slash at the end; raise `Invalid` otherwise."""
    if folder != "/":
        check_path(check_prefix(folder)[:-1])
    return folder


def check_content(content: str) -> bytes:
    """Return the text's bytes when it can be a memory; raise `Invalid` otherwise."""
    try:
        data = content.encode()
    except UnicodeEncodeError:
        raise Invalid("The text is not valid Unicode: it holds half of a character pair.") from None
    if len(data) > MAX_CONTENT_BYTES:
        raise Invalid(
            f"The text is {len(data):,} bytes; a memory holds at most {MAX_CONTENT_BYTES:,}."
            " Split it into several files."
        )
    if "\x00" in content:
        raise Invalid("The text holds a NUL character; a memory is plain text.")
    return data


def check_name(name: str) -> str:
    """Return a store's name; raise `Invalid` when empty, too long or with control characters."""
    if not name.strip() or len(name) > 255:
        raise Invalid("The name must have 1 to 255 characters.")
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in name):
        raise Invalid("The name may not contain control characters.")
    return name


def check_description(description: str) -> str:
    if len(description) > 1024:
        raise Invalid("The description must have at most 1,024 characters.")
    if "\x00" in description:
        raise Invalid("The description may not contain a NUL character.")
    return description


def check_metadata(metadata: dict) -> dict:
    """Up to 16 pairs of strings: keys of 1–64 characters, values of up to 512."""
    if len(metadata) > 16:
        raise InvalidMetadata("metadata may have at most 16 entries.")
    for key, value in metadata.items():
        if not isinstance(key, str) or not 1 <= len(key) <= 64:
            raise InvalidMetadata("A metadata key must have 1 to 64 characters.")
        if not isinstance(value, str) or len(value) > 512:
            raise InvalidMetadata(
                f"The metadata value of {key!r} must be a string of up to 512 characters."
            )
        if "\x00" in key + value:
            raise InvalidMetadata("metadata may not contain a NUL character.")
    return metadata


def patch_metadata(metadata: dict, patch: dict) -> dict:
    """Apply a patch: a string sets the key, null takes it away (wire contract §3)."""
    merged = {**metadata, **patch}
    return check_metadata({key: value for key, value in merged.items() if value is not None})


def ancestors(path: str) -> list[str]:
    """The folders above a path, as the paths a file in their place would have."""
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(2, len(parts))]


def slug(name: str) -> str:
    """The folder a store is mounted under, from its name (wire contract §11)."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "store"
