"""What people send to be imported: loose files, folders or a zip, kept as one zip until they decide."""

from collections.abc import Callable, Sequence
from functools import wraps
from io import BytesIO
from typing import IO

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import RequestDataTooBig, TooManyFilesSent
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.db import transaction
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.shortcuts import redirect
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from console.models import User, Workspace
from memory import packing
from memory.archives import Archive
from memory.models import Store, Upload
from memory.zips import Unreadable, is_zip

KEPT = 3  # uploads of one person that wait at the same time
TOO_MUCH = (
    f"This is more than can be sent at once: {settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024**2} MB, or"
    f" {settings.DATA_UPLOAD_MAX_NUMBER_FILES:,} files. Send a zip of the texts alone, or use"
    " manage.py on the server (import_store, import_transcripts)."
)
UNREADABLE = "What was sent could not be read: a file's path may be too long. Send it as a zip."
LEFT_OUT = "left out before sending: version control, packages and caches"


# -- Receiving ----------------------------------------------------------------------------


class _Parser(MultiPartParser):
    """Keeps the folders of a file's name, which Django cuts off; nothing is stored under it here."""

    def sanitize_file_name(self, file_name: str) -> str:
        return file_name


class _File(InMemoryUploadedFile):
    """A file with the `path` that it was sent under: `notes/today.md`."""

    path = ""


class _Handler(FileUploadHandler):
    """Receives files with the paths that browsers send for a folder.

    The request's size is limited already, so all of it can stay in memory.
    """

    parsing = False

    def handle_raw_input(self, input_data, META, content_length, boundary, encoding=None):
        if self.parsing:
            return None
        self.parsing = True
        return _Parser(META, input_data, [self], encoding).parse()

    def new_file(self, *args, **kwargs) -> None:
        super().new_file(*args, **kwargs)
        self.file = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> _File:
        self.file.seek(0)
        given = (self.file, self.field_name, self.file_name, self.content_type, file_size)
        file = _File(*given, self.charset, self.content_type_extra)
        file.path = self.file_name
        return file


def keep_paths(request: HttpRequest) -> None:
    """Let the files of this request keep their folders; before anything asks for the form."""
    request.upload_handlers = [_Handler(request)]


def takes_folders(view: Callable) -> Callable:
    """For a view that takes files: they come with their paths (see `_Handler`)."""
    protected = csrf_protect(view)

    @csrf_exempt  # which reads the form too early; `protected` checks it afterwards
    @wraps(view)
    def inside(request: HttpRequest, *args, **kwargs):
        keep_paths(request)
        try:
            request.POST  # noqa: B018 - read here, where its failure can still be told in words
        except (RequestDataTooBig, TooManyFilesSent):
            messages.error(request, TOO_MUCH)
            return redirect(request.get_full_path())
        except MultiPartParserError:
            messages.error(request, UNREADABLE)
            return redirect(request.get_full_path())
        return protected(request, *args, **kwargs)

    return inside


def as_zip(files: Sequence[_File]) -> tuple[IO[bytes], str]:
    """One zip of what was sent, and what to call it. Raises `Unreadable` when that is nothing."""
    if not files:
        raise Unreadable("Choose a zip, a folder or some files to import.")
    first = files[0]
    if len(files) == 1 and (first.name.lower().endswith(".zip") or is_zip(first.read(4))):
        first.seek(0)
        return first.file, first.name
    packed = BytesIO()
    for file in files:
        file.seek(0)
    packing.pack(((file.path, file) for file in files), packed)
    tops = {file.path.partition("/")[0] for file in files}
    return packed, tops.pop() if len(tops) == 1 else f"{len(files)} files"


# -- Keeping ------------------------------------------------------------------------------


@transaction.atomic
def keep(
    workspace: Workspace,
    store: Store | None,
    user: User,
    files: Sequence[_File],
    *,
    left_out: int = 0,
) -> Upload:
    """Read what was sent and keep it for a day, or until the same person sends a few more.

    Without a store it becomes a new one. `left_out` files were not even sent. Raises `Unreadable`.
    """
    packed, name = as_zip(files)
    reading = Archive(packed).read()
    if left_out > 0:
        reading.skipped[LEFT_OUT] = left_out
    packed.seek(0)
    upload = Upload.objects.create(
        workspace=workspace,
        store=store,
        user=user,
        name=name.replace("\0", "")[-255:],
        data=packed.read(),
        reading=reading.as_json(),
    )
    mine = Upload.objects.filter(user=user).order_by("-pk").values_list("pk", flat=True)
    Upload.objects.filter(pk__in=list(mine[KEPT:])).delete()
    return upload


def archive_of(upload: Upload) -> Archive:
    return Archive(BytesIO(upload.data))
