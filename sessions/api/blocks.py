"""Content blocks as programs send them: text, images, documents, search results (wire contract §12.1)."""

import base64
import binascii
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from console.queries import Says


class Part(Schema):
    model_config = ConfigDict(extra="forbid", strict=True)


def _base64(data: Any) -> Any:
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ValueError("this is not base64") from None
    return data


_BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
Base64 = Annotated[
    str,
    StringConstraints(min_length=1),
    BeforeValidator(_base64),
    Says(contentEncoding="base64", pattern=_BASE64),
]


def _one_word(url: str) -> str:
    if len(url.split()) > 1 or url.endswith("://"):
        raise ValueError("this is not the address of anything")
    return url


Url = Annotated[
    str,
    StringConstraints(pattern="^https?://", max_length=8192),
    AfterValidator(_one_word),
]


class TextBlock(Part):
    type: Literal["text"]
    text: str


class Base64Image(Part):
    type: Literal["base64"]
    media_type: Literal["image/png", "image/jpeg", "image/gif", "image/webp"]
    data: Base64


class Base64Document(Part):
    type: Literal["base64"]
    media_type: Literal["application/pdf"]
    data: Base64


class PlainText(Part):
    type: Literal["text"]
    media_type: Literal["text/plain"]
    data: str


class FromUrl(Part):
    type: Literal["url"]
    url: Url


ImageSource = Annotated[Base64Image | FromUrl, Field(discriminator="type")]
DocumentSource = Annotated[Base64Document | PlainText | FromUrl, Field(discriminator="type")]


class ImageBlock(Part):
    type: Literal["image"]
    source: ImageSource


class DocumentBlock(Part):
    type: Literal["document"]
    source: DocumentSource
    title: str | None = None
    context: str | None = None


class Citations(Part):
    enabled: bool


class SearchResultBlock(Part):
    type: Literal["search_result"]
    source: str
    title: str
    content: Annotated[list[TextBlock], Field(min_length=1)]
    citations: Citations


Said = Annotated[TextBlock | ImageBlock | DocumentBlock, Field(discriminator="type")]
Returned = Annotated[
    TextBlock | ImageBlock | DocumentBlock | SearchResultBlock, Field(discriminator="type")
]


def is_empty(blocks: list[Any]) -> bool:
    """Whether a message says nothing: blank text, and nothing else."""
    return all(block.type == "text" and not block.text.strip() for block in blocks)
