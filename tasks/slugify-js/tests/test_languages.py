"""Letters with marks, letters that English lacks, and both ways in which Unicode writes them."""

import unicodedata

import pytest


@pytest.mark.criterion("languages", points=3)
@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Smørrebrød på Ærø", "smorrebrod-pa-aero"),
        ("Œuvre complète", "oeuvre-complete"),
        ("Łódź", "lodz"),
        ("Đặng Þór", "dang-thor"),
        ("Žluťoučký kůň", "zlutoucky-kun"),
        ("GROẞE STRAẞE", "grosse-strasse"),
        ("İstanbul", "istanbul"),
    ],
    ids=["danish", "french", "polish", "hooks", "czech", "capital-sharp", "dotted"],
)
def test_letters_are_rewritten(program, text, slug):
    assert program(stdin=text + "\n").stdout == slug + "\n"


@pytest.mark.criterion("languages", points=3)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_both_ways_of_writing_marks_give_one_slug(program, form):
    text = unicodedata.normalize(form, "Čeština, Ångström, Việt, naïve")
    assert program(stdin=text + "\n").stdout == "cestina-angstrom-viet-naive\n"


@pytest.mark.criterion("languages", points=1)
def test_compatible_characters_are_taken_apart(program):
    assert program(stdin="ﬁne m² №5 Ⅷ\n").stdout == "fine-m2-no5-viii\n"


@pytest.mark.criterion("languages", points=1)
def test_other_scripts_part_words(program):
    assert program(stdin="Tokyo 東京 2026\n東京\n").stdout == "tokyo-2026\nuntitled\n"
