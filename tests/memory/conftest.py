"""What the tests of memory share: a browser."""

import pytest

from tests.browser import chromium


@pytest.fixture(scope="module")
def browser():
    # No longer: while Playwright runs, its thread may start no other, nor ask Django's database.
    with chromium() as browser:
        yield browser
