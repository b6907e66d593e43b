from pathlib import Path

import pytest

from dev.evaluation.questions import read_questions
from lambda_src.hr_qa.language import content_words, detect, names, terms

QUESTIONS = Path(__file__).resolve().parents[3] / "dev" / "evaluation" / "questions" / "dev.jsonl"


def test_the_language_of_every_question_is_detected() -> None:
    wrong = [
        (question.question, detect(question.question))
        for question in read_questions(QUESTIONS)
        if detect(question.question) != question.language
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How much leave do I have?", "en"),
        ("sick leave for my kid", "en"),
        ("vacation carryover?", ""),
        ("Quantos dias de férias eu tenho?", "pt"),
        ("posso vender ferias", "pt"),
        ("como peço reembolso", "pt"),
        ("¿Cuántos días de vacaciones tengo?", "es"),
        ("puedo trabajar desde casa los viernes", "es"),
        ("Combien de jours de congé ai-je ?", "fr"),
        ("puis-je travailler de chez moi le vendredi", "fr"),
        ("Wie viele Urlaubstage habe ich?", "de"),
        ("kann ich meine Überstunden auszahlen lassen", "de"),
        ("有給休暇は何日ありますか", ""),
        ("Сколько дней отпуска?", ""),
        ("12345 !!", ""),
        ("", ""),
    ],
)
def test_the_language_of_short_questions_is_detected(text: str, language: str) -> None:
    assert detect(text) == language


@pytest.mark.parametrize(
    ("text", "same", "language"),
    [
        ("the policies of companies", "Policy company", "en"),
        ("How many business days?", "business day", "en"),
        ("FÉRIAS e licenças remuneradas", "feria licença remunerada", "pt"),
        ("as condições", "condicao", "pt"),
        ("los días y las vacaciones", "dia vacacion", "es"),
        ("les congés payés", "congé payé", "fr"),
        ("die Überstunden", "Überstunde", "de"),
        ("401(k) at Clef's", "401 k Clef", "en"),
    ],
)
def test_inflections_of_a_word_become_one_term(text: str, same: str, language: str) -> None:
    assert sorted(terms(text, language).split()) == sorted(terms(same, language).split())


def test_the_standard_analyzer_does_not_change_terms() -> None:
    """The analyzer splits at other characters than letters and digits, and lowercases: it must find nothing to do."""
    text = terms("E-mail: hr@Clef.io, R$ 1.500,00 às férias!", "pt")
    assert text == "mail hr clef io r 1 500 00 feria"


def test_an_unknown_language_keeps_all_words() -> None:
    assert content_words("The leaves of férias", "") == ["the", "leaves", "of", "ferias"]


def test_names_exclude_stop_words_and_numbers() -> None:
    assert names("Quantas semanas a Clef dá em 2024 to the Célia-Paulo AB?") == {"semanas", "clef", "celia", "paulo"}
