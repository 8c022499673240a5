"""What the tests of memory share: one Reverie for all that drive its pages."""

import pytest

from tests.browser import chromium
from tests.stack import running_stack


@pytest.fixture(scope="session")
def stack():
    with running_stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def browser():
    # No longer: while Playwright runs, its thread may start no other, nor ask Django's database.
    with chromium() as browser:
        yield browser
