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
        ("vacation carryover?", "en"),
        ("Quantos dias de férias eu tenho?", "pt"),
        ("quantos dias de ferias posso vender", "pt"),
        ("como peço reembolso", "pt"),
        ("¿Cuántos días de vacaciones tengo?", "es"),
        ("puedo trabajar desde casa los viernes", "es"),
        ("Combien de jours de congé ai-je ?", "fr"),
        ("puis-je travailler de chez moi le vendredi", "fr"),
        ("Wie viele Urlaubstage habe ich?", "de"),
        ("kann ich meine Überstunden auszahlen lassen", "de"),
        ("Quanti giorni di ferie ho?", "it"),
        ("Hoeveel vakantiedagen heb ik?", "nl"),
        ("Hur många semesterdagar har jag?", "sv"),
        ("Ile dni urlopu mi przysługuje?", "pl"),
        ("Сколько дней отпуска?", "ru"),
        ("有給休暇は何日ありますか", "ja"),
        ("我有多少天年假？", "zh"),
        ("연차 휴가는 며칠입니까?", "ko"),
        ("كم عدد أيام الإجازة السنوية؟", "ar"),
        ("मुझे कितने दिन की छुट्टी मिलती है?", "hi"),
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
        ("los permisos y las vacaciones", "permiso vacacion", "es"),
        ("les congés payés", "congé payé", "fr"),
        ("die Überstunden", "Überstunde", "de"),
        ("giorni di ferie", "di feria giorno", "it"),
        ("отпуска", "отпуск", "ru"),
        ("401(k) at Clef's", "401 k Clef", "en"),
        ("o 13º salário", "13o salario", "pt"),
        ("the 2nd week", "2 week", "en"),
    ],
)
def test_inflections_of_a_word_become_one_term(text: str, same: str, language: str) -> None:
    assert sorted(terms(text, language).split()) == sorted(terms(same, language).split())


@pytest.mark.parametrize(
    ("text", "part", "language"),
    [
        ("社員は結婚休暇を五日間取得できます", "結婚休暇は何日ですか", "ja"),
        ("员工结婚时可享受五天带薪婚假", "结婚可以休息几天", "zh"),
        ("직원에게는 5일의 유급 휴가를", "유급 휴가는 며칠", "ko"),
        ("พนักงานมีสิทธิลาพักร้อน", "ลาพักร้อนกี่วัน", "th"),
    ],
)
def test_texts_without_blanks_share_pairs_of_characters(text: str, part: str, language: str) -> None:
    shared = set(content_words(text, language)) & set(content_words(part, language))
    assert shared
    assert all(len(term) > 1 and term.isascii() for term in shared)


def test_marks_stay_in_their_words() -> None:
    assert len(content_words("कर्मचारी को छुट्टी मिलती है।", "hi")) == 5
    assert content_words("27日間", "ja")[0] == "27"


def test_the_standard_analyzer_does_not_change_terms() -> None:
    """The analyzer splits at other characters than letters and digits, and lowercases: it must find nothing to do."""
    text = terms("E-mail: hr@Clef.io, R$ 1.500,00 às férias!", "pt")
    assert text == "mail hr clef io r 1 500 00 fer"


def test_an_unknown_language_keeps_all_words() -> None:
    assert content_words("The leaves of férias", "") == ["the", "leaves", "of", "ferias"]


def test_names_exclude_stop_words_and_numbers() -> None:
    assert names("Quantas semanas a Clef dá em 2024 to the Célia-Paulo AB?") == {"semanas", "clef", "celia", "paulo"}
