"""What a page shows of an exception: the script's own frames, whatever the exception does."""

from pathlib import Path

from scriptapps.runtime.error_report import LONGEST_MESSAGE, describe_exception


def raised(function):
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("it raised nothing")


def report(error, folder=None, **options):
    options.setdefault("show_details", True)
    return describe_exception(error, folder or Path(__file__).parent, reference="ref", **options)


def test_type_text_and_frames():
    shown = report(raised(lambda: int("x")))
    assert shown.type == "ValueError"
    assert "invalid literal" in shown.message
    assert [frame.file for frame in shown.frames] == [Path(__file__).name] * 2
    assert "int(" in shown.frames[-1].source


def test_frames_of_others_are_left_out(tmp_path):
    assert not report(raised(lambda: int("x")), tmp_path).frames


def test_without_details_only_the_reference():
    shown = report(raised(lambda: int("secret")), show_details=False)
    assert shown.reference == "ref"
    assert "secret" not in str(shown)
    assert not shown.frames
    assert not shown.type


def test_causes_and_contexts():
    def chain():
        try:
            int("x")
        except ValueError as error:
            raise KeyError("y") from error

    assert "Caused by ValueError" in report(raised(chain)).message


def test_a_circle_of_causes_ends():
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert report(one).message.count("Caused by") == 1


def test_members_of_a_group():
    shown = report(ExceptionGroup("several", [ValueError(str(n)) for n in range(9)]))
    assert "- ValueError: 0" in shown.message
    assert "and 4 more" in shown.message


def test_an_exception_that_cannot_be_shown():
    class Rude(Exception):
        def __str__(self):
            raise RuntimeError("no")

    assert "cannot be shown" in report(Rude()).message


def test_text_that_is_no_valid_unicode():
    assert "\\udcff" in report(ValueError("\udcff")).message


def test_a_long_text_is_cut():
    assert len(report(ValueError("x" * 10**6)).message) <= LONGEST_MESSAGE


def test_endless_recursion_shows_its_end():
    def recurse():
        recurse()

    shown = report(raised(recurse))
    assert shown.type == "RecursionError"
    assert len(shown.frames) == 50


def test_a_syntax_error_in_what_was_imported():
    shown = report(raised(lambda: compile("x = = 1", str(Path(__file__).parent / "other.py"), "exec")))
    assert shown.frames[-1].file == "other.py"
    assert "^" in shown.frames[-1].source
