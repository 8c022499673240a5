"""What programs and forms send, as routes and views take it."""

import pytest

from console.queries import whole_number


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("0", 0), ("9" * 18, 10**18 - 1)]
    + [(other, None) for other in ("", None, "x", "-1", "1.5", "²", "9" * 19, "9" * 9000)],
)
def test_only_what_a_column_can_hold_is_a_number(text, number):
    assert whole_number(text) == number
