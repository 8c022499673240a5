"""Content blocks as programs send them: text, images, documents, search results (wire contract §12.1)."""

import base64
import binascii
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints


class Part(Schema):
    model_config = ConfigDict(extra="forbid")


def _base64(data: Any) -> Any:
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ValueError("this is not base64") from None
    return data


Base64 = Annotated[str, StringConstraints(min_length=1), BeforeValidator(_base64)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://\S+$", max_length=8192)]


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
