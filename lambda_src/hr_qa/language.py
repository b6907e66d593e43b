"""Detects the language of a short text, and turns its words into search terms."""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")
# Frequent words that identify a language and carry no meaning in a search. Accents are kept: they help, too.
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
# Letters and endings that are specific to a language, or nearly so.
_PATTERNS = {
    "pt": re.compile(r"[ãõç]|lh[aeo]|nh[aeo]\b|ência|ções"),
    "es": re.compile(r"[ñ¿¡]|ción\b|dad\b|ll[aeo]"),
    "fr": re.compile(r"[çèêëîïôûœ]|\b[cdjlnst]['’]|eux\b|\bqu['’]|tion\b"),
    "de": re.compile(r"[äöüß]|sch|ung\b|keit\b|\bge\w+t\b"),
    "en": re.compile(r"\w(?:'|’)(?:s|t|re|ve|ll|m)\b|ing\b|tion\b|\bth|ght"),
}


def detect(text: str) -> str:
    """ "en", "pt", "es", "fr" or "de"; "" when it is unclear, or for another language."""
    lower = text.lower()
    words = _WORD.findall(lower)
    if not words:
        return ""
    scores = {
        language: sum(word in stop_words for word in words) + 0.5 * len(_PATTERNS[language].findall(lower))
        for language, stop_words in _STOP_WORD_SETS.items()
    }
    best, second = sorted(scores, key=lambda language: -scores[language])[:2]
    clear = scores[best] >= 1 and scores[best] > scores[second]
    return best if clear and scores[best] >= 0.05 * len(words) else ""


def terms(text: str, language: str) -> str:
    """Search terms for a field with the standard analyzer: lower case, no accents, no stop words, stemmed."""
    return " ".join(content_words(text, language))


def content_words(text: str, language: str) -> list[str]:
    """The search terms of a text in order, with repetitions."""
    stop_words = _STOP_WORD_SETS.get(language, frozenset())
    return [stem(fold(word), language) for word in _WORD.findall(text.lower()) if word not in stop_words]


def names(text: str) -> set[str]:
    """Words that may be the same in another language: no numbers, no short words, no stop words of any language."""
    words = _WORD.findall(text.lower())
    return {fold(word) for word in words if len(word) >= 3 and word.isalpha() and word not in _ALL_STOP_WORDS}


def fold(word: str) -> str:
    """The word without accents, which people often omit."""
    if word.isascii():
        return word
    decomposed = unicodedata.normalize("NFKD", word)
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def stem(word: str, language: str) -> str:
    """One form for the frequent inflections of a word."""
    for ending, replacement, min_stem in _ENDINGS.get(language, ()):
        if word.endswith(ending) and len(word) - len(ending) >= min_stem:
            return word[: len(word) - len(ending)] + replacement
    return word


# Ending, replacement, and the least length of the stem. The first match applies.
_ENDINGS: dict[str, tuple[tuple[str, str, int], ...]] = {
    "en": (("sses", "ss", 1), ("ies", "y", 2), ("ss", "ss", 0), ("us", "us", 0), ("is", "is", 0), ("s", "", 2)),
    "pt": (
        ("coes", "cao", 1), ("oes", "ao", 2), ("aes", "ao", 2), ("ais", "al", 2), ("eis", "el", 2), ("res", "r", 2),
        ("zes", "z", 2), ("ns", "m", 2), ("ss", "ss", 0), ("s", "", 2),
    ),
    "es": (("ces", "z", 2), ("iones", "ion", 2), ("res", "r", 2), ("ss", "ss", 0), ("s", "", 2)),
    "fr": (("aux", "al", 2), ("ss", "ss", 0), ("s", "", 2), ("x", "", 3)),
    "de": (("en", "", 3), ("er", "", 3), ("es", "", 3), ("e", "", 3), ("s", "", 3), ("n", "", 3)),
}  # fmt: skip
