"""What differs between two submissions: told line by line, and never at a price that a stranger sets."""

from __future__ import annotations

from assessor.web import changes
from assessor.web.changes import Sign


def told(before: bytes, after: bytes) -> list[str]:
    (change,) = changes.changes({"a.py": before}, {"a.py": after})
    return [f"{line.sign}{line.text}" for line in change.lines if line.sign is not Sign.PLACE]


def test_one_changed_line_is_told_with_three_around_it() -> None:
    before = b"".join(b"line %d\n" % number for number in range(20))
    after = before.replace(b"line 9\n", b"nine\n")
    assert told(before, after) == [
        *(" line 6", " line 7", " line 8"),
        *("-line 9", "+nine"),
        *(" line 10", " line 11", " line 12"),
    ]


def test_place_says_where_the_lines_are_on_both_sides() -> None:
    before = b"".join(b"line %d\n" % number for number in range(20))
    (change,) = changes.changes({"a": before}, {"a": before.replace(b"line 9\n", b"")})
    assert change.lines[0].text == "lines 7 to 13 before, 7 to 12 now"


def test_files_that_came_and_went_are_told_whole_and_equal_ones_not_at_all() -> None:
    found = changes.changes({"old": b"a\n", "same": b"x"}, {"new": b"b\n", "same": b"x"})
    assert [(one.path, one.what, [line.text for line in one.lines[1:]]) for one in found] == [
        ("new", "new", ["b"]),
        ("old", "removed", ["a"]),
    ]


def test_ends_of_lines_alone_are_said_to_differ() -> None:
    (change,) = changes.changes({"a": b"x\r\ny\r\n"}, {"a": b"x\ny\n"})
    assert (change.lines, change.untold) == ((), "only ends of lines differ")


def test_bytes_that_are_no_text_are_not_shown() -> None:
    (change,) = changes.changes({"a": b"\xff\xfe"}, {"a": b"x"})
    assert (change.lines, change.untold) == ((), "it is no text")


def test_files_that_differ_all_over_are_not_compared_line_by_line() -> None:
    before = b"".join(b"%d\n" % (number % 2) for number in range(2000))
    after = b"".join(b"%d\n" % (number % 3) for number in range(2000))
    (change,) = changes.changes({"a": before}, {"a": after})
    assert (change.lines, change.untold) == ((), "too many lines differ to be compared here")


def test_many_files_share_what_may_be_compared() -> None:
    before = {f"{at:02}": b"".join(b"%d\n" % number for number in range(400)) for at in range(5)}
    after = {path: b"".join(b"x%d\n" % number for number in range(400)) for path in before}
    found = changes.changes(before, after)
    assert [bool(one.lines) for one in found] == [True, True, False, False, False]


def test_what_is_too_much_to_show_is_not_shown() -> None:
    (change,) = changes.changes({}, {"a": b"x\n" * (changes.SHOWN + 1)})
    assert (change.lines, change.untold) == ((), "there is too much to show here")
