"""What is true of the memory layer at rest, whatever happened to it before."""

import hashlib

from memory import paths
from memory.models import Blob, Memory, Operation, Store, Version


def check() -> None:
    """Raise AssertionError for the first thing that is not so; looks at everything there is."""
    for store in Store.objects.all():
        check_store(store)
    check_texts()


def check_store(store: Store) -> None:
    """Each head is its memory's last version, no paths overlap, and the counts are true."""
    memories = list(store.memories.select_related("blob", "head"))
    assert store.memory_count == len(memories), store
    assert store.size == sum(memory.blob.size for memory in memories), store
    last = {version.memory_id: version for version in store.versions.order_by("pk")}
    for memory in memories:
        head = last.pop(memory.pk)
        assert memory.head == head and head.operation != Operation.DELETED, memory
        assert (memory.path, memory.blob_id) == (head.path, head.blob_id), memory
    for version in last.values():
        assert version.operation == Operation.DELETED or version.redacted_at, version
    files = {memory.path for memory in memories}
    assert len(files) == len(memories), store
    for path in files:
        assert files.isdisjoint(paths.ancestors(path)), path
    assert not store.versions.exclude(redacted_at=None).exclude(path=None, blob=None).exists()


def check_texts() -> None:
    """Hashes and sizes are true, every text that is used exists, and no other stays."""
    kept = set()
    for blob in Blob.objects.all():
        data = blob.content.encode()
        assert (blob.size, blob.sha256) == (len(data), hashlib.sha256(data).hexdigest()), blob
        kept.add(blob.pk)
    used = set(Memory.objects.values_list("blob_id", flat=True))
    used.update(Version.objects.exclude(blob=None).values_list("blob_id", flat=True))
    assert kept == used, kept ^ used
    stores = set(Store.objects.values_list("pk", flat=True))
    assert stores.issuperset(Memory.objects.values_list("store_id", flat=True))
    assert stores.issuperset(Version.objects.values_list("store_id", flat=True))
