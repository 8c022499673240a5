"""What the tests of memory share: one Reverie and one browser for all that drive its pages."""

import pytest

from tests.browser import chromium
from tests.stack import running_stack


@pytest.fixture(scope="session")
def stack():
    with running_stack() as stack:
        yield stack


@pytest.fixture(scope="session")
def browser():
    with chromium() as browser:
        yield browser
