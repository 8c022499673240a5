"""`manage.py doctor`: say what is configured, what can be reached and what is missing."""

from django.core.management.base import BaseCommand

from console import doctor
from console.doctor import Verdict


class Command(BaseCommand):
    help = "Say what is configured, reachable and missing; exit code 1 when something is broken."
    requires_system_checks = []

    def handle(self, **options) -> None:
        styles = {
            Verdict.OK: self.style.SUCCESS,
            Verdict.NOTE: self.style.WARNING,
            Verdict.BROKEN: self.style.ERROR,
        }
        broken = 0
        for finding in doctor.examine():
            mark = styles[finding.verdict](f"{finding.verdict:<8}")
            self.stdout.write(f"{mark}{finding.subject + ':':<19}{finding.text}")
            broken += finding.verdict == Verdict.BROKEN
        if broken:
            raise SystemExit(1)
