import pytest

from lambda_src.document_reader.cleaning import (
    CELL_LINE_END,
    HYPHEN_AT_LINE_END,
    clean,
    join_broken_words,
    join_hyphenated_words,
    words,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain  words\t and\u00a0spaces ", "plain words and spaces"),
        ("zero\u200bwidth\u2060 bidi\u202e\u2066 soft\u00adhyphen", "zerowidth bidi softhyphen"),
        ("tags\U000e0041\U000e0042 and selectors\ufe0f\U000e0101", "tags and selectors"),
        ("controls\x00\x1b\x7f", "controls"),
        ("private \ue000glyphs", "private glyphs"),
        ("\ufb01nal of\ufb01ce", "final office"),
        ("½ day, 5 m², 1º", "½ day, 5 m², 1º"),
        ("fe\u0301rias", "férias"),
    ],
)
def test_invisible_characters_are_removed(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize("mark", ["\x02", HYPHEN_AT_LINE_END])
def test_both_hyphen_marks_are_recognized(mark: str) -> None:
    assert join_hyphenated_words(clean(f"reimburse{mark}ment"), set()) == "reimbursement"


@pytest.mark.parametrize(
    ("split", "vocabulary", "joined"),
    [
        ("employ|ees stay", "employees", "employees stay"),
        ("reimburse|ment", "", "reimbursement"),
        ("a two|week trip", "the week", "a two-week trip"),
        ("check|in", "check-in", "check-in"),
        ("Non|Federal", "", "Non-Federal"),
        ("COVID|19", "", "COVID-19"),
        ("see opm.gov/retirement|services", "", "see opm.gov/retirement-services"),
        ("cpc.benefits|retirement@gsa.gov", "", "cpc.benefits-retirement@gsa.gov"),
        ("state|of|the|art", "of the art", "state-of-the-art"),
        ("ends with|", "", "ends with-"),
    ],
)
def test_a_word_split_at_a_line_end_keeps_only_a_real_hyphen(split: str, vocabulary: str, joined: str) -> None:
    assert join_hyphenated_words(split.replace("|", HYPHEN_AT_LINE_END), words(vocabulary)) == joined


def test_split_words_are_not_in_the_vocabulary() -> None:
    assert words(f"A full-time em{HYPHEN_AT_LINE_END}ployee") == {"a", "full-time", "full", "time"}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Licença", "maternidad", "e"], "Licença maternidade"),
        (["Licença", "maternidad", "e\t120 dias", "corridos"], "Licença maternidade\t120 dias corridos"),
        (["Departamento", "e", "chefia"], "Departamento e chefia"),
        (["para", "colaborador", "es conforme o gestor"], "para colaboradores conforme o gestor"),
        (["Departamento", "e chefia"], "Departamento e chefia"),
        (["Full-time", "employees", "20"], "Full-time employees 20"),
        (["Employees", "and managers"], "Employees and managers"),
    ],
)
def test_words_that_a_narrow_cell_breaks_are_joined(lines: list[str], expected: str) -> None:
    assert join_broken_words(CELL_LINE_END.join(lines), {"colaboradores", "maternidad", "e"}) == expected
