"""`manage.py up`: the whole of Reverie with one command."""

import asyncio
import contextlib
import errno
import fcntl
import os
import socket
import sys
import time
from argparse import SUPPRESS
from collections.abc import Iterator

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connections

from console import preparation, roles, supervisor, trouble
from console.accounts import FirstSignIn
from console.environment import unusable
from console.models import Membership, Role

PORT_PATIENCE = 2.0  # seconds; the children of a killed predecessor may still be going
BACKLOG = 2048


class Command(BaseCommand):
    help = "Set up what is missing, then run web, worker and scheduler until Ctrl-C."
    requires_system_checks = ()  # they run once, below, and not in every child

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only",
            choices=["prepare", *roles.ROLES],
            help="run one process by itself, without the set-up, or only the set-up",
        )
        parser.add_argument(
            "--sample", action="store_true", help="begin a new house with a store to look around in"
        )
        parser.add_argument("--leash", type=int, help=SUPPRESS)
        parser.add_argument("--socket", type=int, help=SUPPRESS)

    def handle(
        self, *, only: str | None, sample: bool, leash: int | None, socket: int | None, **options
    ) -> None:
        os.umask(0o077)  # what agents remember is nobody else's business on this machine
        if leash is not None:
            supervisor.obey(leash)
        if only == "prepare":
            self._say(_way_in(self._prepare(sample)))
        elif only == "web":
            roles.web(_inherited(socket))
        elif only:
            roles.ROLES[only]()
        else:
            self._run_all(sample)

    def _run_all(self, sample: bool) -> None:
        with _alone(), _listener() as listener:
            way_in = _way_in(self._prepare(sample))
            connections.close_all()
            all_of_it = supervisor.Supervisor(roles.ROLES, listener, self._say)
            greeting = f"Reverie is ready: {settings.PUBLIC_URL}\n{way_in}\nCtrl-C stops it."
            code = asyncio.run(all_of_it.run(greeting))
            preparation.put_away()
        sys.exit(code)

    def _prepare(self, sample: bool) -> FirstSignIn | None:
        self.check()
        try:
            preparation.shut_out_others()
            preparation.migrate()
            preparation.collect_static()
            first = preparation.seed(sample)  # last: its password is told only now
        except DatabaseError as error:
            said = str(error).strip().partition("\n")[0]
            if trouble.of(error) is trouble.FULL:
                raise _unusable(said) from None
            raise CommandError(f"The database cannot be used: {said}. See DATABASE_URL.") from None
        except OSError as error:
            raise _unusable(error.strerror) from None
        return first

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _way_in(first: FirstSignIn | None) -> str:
    if first:
        return (
            f"Sign in as {first.owner.username} with the password {first.password}\n"
            "It is shown only now; change it on the page Password."
        )
    owner = Membership.objects.filter(role=Role.OWNER).select_related("user").first()
    if owner is None:
        return "Nobody owns a workspace yet."
    name = owner.user.get_username()
    return f"Sign in as {name}. For a new password: python manage.py changepassword {name}"


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Refuse to run twice on one data folder: two schedulers would ring everything twice."""
    try:
        lock = (settings.HOME / "up.lock").open("a+")
    except OSError as error:
        raise _unusable(error.strerror) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CommandError(
                f"Reverie is running on {settings.HOME} already (process {lock.read()})."
                " Stop it first, or set REVERIE_HOME to another folder."
            ) from None
        lock.truncate(0)
        with contextlib.suppress(OSError):  # a full disk, say; the lock is held without a name too
            lock.write(str(os.getpid()))
            lock.flush()
        yield


def _unusable(why: str | None) -> CommandError:
    return CommandError(unusable(settings.HOME, why))


def _listener() -> socket.socket:
    is_any = settings.HOST == "::" and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
    end = time.monotonic() + PORT_PATIENCE
    while True:
        try:
            return socket.create_server(
                (settings.HOST, settings.PORT),
                family=family,
                backlog=BACKLOG,
                dualstack_ipv6=is_any,
            )
        except OSError as trouble:
            if trouble.errno != errno.EADDRINUSE:
                where = f"{settings.HOST}:{settings.PORT}"
                raise CommandError(f"Cannot listen on {where}: {trouble.strerror}.") from None
            if time.monotonic() > end:
                raise CommandError(f"Port {settings.PORT} is taken; set PORT.") from None
        time.sleep(0.1)


def _inherited(descriptor: int | None) -> socket.socket | None:
    return None if descriptor is None else socket.socket(fileno=descriptor)
