"""Sort and compare paths byte by byte on PostgreSQL, as SQLite does and the API promises."""

from django.db import migrations


def collate(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for table in ("memory_memory", "memory_version"):
            schema_editor.execute(
                f'ALTER TABLE {table} ALTER COLUMN path TYPE varchar(1024) COLLATE "C"'
            )


class Migration(migrations.Migration):
    dependencies = [("memory", "0001_initial")]
    operations = [migrations.RunPython(collate, migrations.RunPython.noop, elidable=False)]
