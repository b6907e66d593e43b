"""Reading a text without a model: sentences, and what reports say in words that can be listed."""

import re

_TAGGED = re.compile(r"<([A-Za-z_][\w-]*)>\s*(.*?)\s*</\1>", re.DOTALL)
_SPLIT = re.compile(r"(?<=[.!?])(?<!\b[Nn]o\.)(?<!\b[A-Z]\.)\s+(?=[A-ZÀ-Ý0-9\"'(])|\s*[\n;]+\s*")
# A line this long that goes on in the next one was wrapped by an editor, not ended by its writer.
_WRAPPED = re.compile(r"(?m)^(.{60,}[^\s.!?:;])\n(?=[^\s*•-])")
_ENDED = re.compile(r"[.!?][\"')\]]*$")
_BULLET = re.compile(r"^(?:[-*•]|\d+[.)])\s+")
_LABEL = re.compile(r"^[A-Z][\w /-]{2,24}:\s*$")

# What a sentence about each of these says, in English, Portuguese, Spanish and German. Looked up by the stem of a
# field's name; a field with another name takes the nearest sentences instead.
_VOCABULARY = {
    "symptom": r"noise|noisy|vibrat|leak|smoke|smell|alarm|error|fault|trip|overheat|\bhot\b|pressure|drop|lost|lose|loud|"
    r"stopp?ed|stuck|jam|spark|flicker|cracked|worn|broken|slipp|grinding|reading|fail|ru[ií]do|vazamento|vibra|fuma[cç]a|"
    r"parou|fuga|ruido|humo|geräusch|leck|rauch|ausgefallen",
    "cause": r"caus|because|due to|root|suspect|probabl|likely|result of|blocked by|wear|worn|corro|contamin|misalign|"
    r"porque|devido|provavel|debido|wegen|ursache|verursach|vermut",
    "taken": r"\b(?:I|we|technician) (?:\w+ )?(?:\w+ed|shut|put|took|cut|found|reset|set|made|drove|swapped)\b|"
    r"replaced|repaired|cleaned|isolated|tightened|refilled|tested|installed|restarted|checked|substitu[ií]|troquei|limpei|"
    r"reemplac|limpi[eé]|ersetzt|gereinigt|geprüft|ausgetauscht",
    "needed": r"\bneeds?\b|must|should|order|schedule|to be (?:done|replaced|checked)|recommend|still|next|pending|follow.?up|"
    r"required|will have to|plan|precisa|deve|pedir|recomend|pendiente|debe|muss|soll|bestell|empfehl",
    "safety": r"injur|hurt|danger|hazard|slip|burn|shock|\bfire\b|explo|lock.?out|tag.?out|loto|isolat|gloves|goggles|"
    r"evacuat|gas\b|toxic|safety|barrier|ppe|acid|ferid|perigo|seguran|choque|peligr|herid|verletz|gefahr|sicher",
    "part": r"\bpart\b|bearing|seal|filter|belt|valve|gasket|sensor|fuse|relay|hose|motor|pump|pe[cç]a|rolamento|pieza|teil",
    "observation": r"saw|noticed|observed|found|heard|shows|reading",
}
_DONE = "replaced|repaired|cleaned|isolated|tightened|refilled|tested|installed|restarted|checked|closed|opened|shut|put|reset"
_ALIASES = {
    "symptoms": "symptom", "observations": "observation", "causes": "cause", "rootCause": "cause",
    "actionsTaken": "taken", "actions_taken": "taken", "actionstaken": "taken", "actionsNeeded": "needed",
    "actions_needed": "needed", "nextSteps": "needed", "next_steps": "needed", "recommendations": "needed",
    "parts": "part", "safety": "safety", "risks": "safety", "hazards": "safety",
}  # fmt: skip
_GRADES = (
    ("critical", r"\bfire\b|explo|fatal|death|died|hospital|evacuat|ambulance|amputat|electrocut|toxic|gas leak|"
     r"inc[eê]ndio|morte|incendio|muert|brand\b|gestorben|standstill|whole (?:plant|line) (?:is )?(?:down|stopped)"),
    ("high", r"injur|burn|shock|\bstopp?ed\b|shut ?down|line (?:was |is )?down|out of service|leak|smoke|spark|slipped|"
     r"production (?:was )?(?:lost|stopped)|ferid|vazamento|parou|herid|fuga|verletz|ausgefallen|rauch"),
    ("medium", r"noise|noisy|vibrat|worn|pressure|fault|error|alarm|overheat|replac|repair|ru[ií]do|falha|fallo|fehler|defekt"),
    ("low", r"minor|cosmetic|routine|inspection|scratch|no (?:damage|impact)|dirty|rotina|leve|gering"),
)  # fmt: skip
_LANGUAGES = {
    "en": "the and was is of to in with for it at on from not were", "pt": "o a de que e do da em um para com não uma os foi",
    "es": "el la de que y en un por con no una los del se fue", "de": "der die und das ist nicht mit ein zu den von wurde im",
    "fr": "le la les de et des est un une dans pour que pas au était",
}  # fmt: skip
_EQUIPMENT = re.compile(
    r"\b((?:[A-Za-z-]+ ){0,2}(?:pump|motor|compressor|conveyor|press|chiller|boiler|generator|turbine|robot|lift|elevator|"
    r"crane|forklift|mixer|fan|transformer|inverter|valve|line|machine|lathe|furnace|freezer|printer|charger|bomba|esteira|"
    r"compressor|caldeira|m[aá]quina|cinta|pumpe|anlage|maschine)(?:\s+(?:no\.?\s*|number\s+|#)?[A-Z]{0,4}-?\d[\w/-]*)?)",
    re.IGNORECASE,
)
_LEADING = re.compile(
    r"^(?:(?:the|a|an|of|on|at|in|with|and|this|that|our|from|to|by|o|do|da|no|na|el|la|die|der|das)\s+)+", re.I
)
_LOCATION = re.compile(
    r"\b((?:(?:building|hall|plant|site|room|floor|warehouse|bay|area|zone|unit|section|station|substation|level|block|"
    r"galp[aã]o|pr[eé]dio|setor|sala|edificio|planta|halle|geb[aä]ude|werk|raum)\s+(?:no\.?\s*)?(?:[A-Z](?![a-z])\w*|\d\w*)|"
    r"(?:pump|boiler|control|engine|server|machine|electrical)\s+(?:room|house)|basement|roof)"
    r"(?:,?\s+(?:in\s+|of\s+)?(?:building|hall|plant|site|floor|level)\s+(?:[A-Z]\w*|\d\w*))?)",
    re.IGNORECASE,
)
_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_DATE = (
    rf"\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}|\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+\d{{4}})?|"
    rf"{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?"
)
_WEEKDAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day(?:\s+(?:morning|afternoon|evening|night))?"
_DAY = re.compile(
    rf"\b(?:{_WEEKDAY}(?:,?\s+(?:{_DATE}))?|{_DATE}|yesterday|today|this morning|last night)\b", re.IGNORECASE
)
_CLOCK = re.compile(r"\b(?:\d{1,2}[:h]\d{2}(?:\s*(?:am|pm|hrs|hours)\b)?|\d{1,2}\s*(?:am|pm)\b)", re.IGNORECASE)
_PART = re.compile(
    r"\b((?:\w+\s+)?(?:bearing|seal|filter|belt|valve|gasket|sensor|fuse|relay|hose|coupling|impeller|contactor|o-ring|"
    r"rolamento|vedação|filtro|correia|rodamiento|lager|dichtung)s?(?:\s+(?:kit|type|no\.?)?\s*[A-Z]{0,4}-?\d[\w/.-]*\w)?)",
    re.IGNORECASE,
)
_VERBS = re.compile(
    r"^(?:the|a|an|new|old|replaced|order|ordered|installed|and|with|changed|checked|from|of|main)\s+", re.I
)


def source(text: str) -> str:
    """What the user's text is about: the longest part between tags, if it is the bulk of it; else all of it."""
    parts: list[str] = [found.group(2) for found in _TAGGED.finditer(text)]
    longest = max(parts, key=len, default="")
    return longest if longest.strip() else text


def sentences(text: str) -> list[str]:
    """Trimmed, without bullets and headings, in order; very long ones cut at a comma."""
    found = []
    # What stands before a semicolon is a sentence, too.
    for part in _SPLIT.split(re.sub(r"\s*;\s+", ".\n", _unwrapped(text))):
        sentence = _BULLET.sub("", part.strip())
        if len(sentence) < 3 or _LABEL.match(sentence):
            continue
        found.append(sentence if len(sentence) <= 400 else sentence[:400].rsplit(",", 1)[0])
    ended = [sentence for sentence in found if _ENDED.search(sentence)]
    # Prose with a letter head: what ends without a stop is title, date and names.
    return (ended if len(ended) >= 3 and 2 * len(ended) >= len(found) else found)[:200]


def _unwrapped(text: str) -> str:
    """The text with the line breaks taken out that an editor put into its paragraphs."""
    joined = _WRAPPED.sub(r"\1 ", text)
    return joined if joined == text else _unwrapped(joined)


def humanised(name: str) -> str:
    """`actionsTaken` -> `actions taken`."""
    return re.sub(r"[_-]+", " ", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)).lower().strip()


def stem(name: str) -> str:
    """What a field's name stands for in the vocabulary; the name itself where it does not know it."""
    return _ALIASES.get(name) or _ALIASES.get(name.lower()) or humanised(name)


def knows(name: str) -> bool:
    """Whether there is a vocabulary for a field's name."""
    return stem(name) in _VOCABULARY


def speaks_of(name: str, sentence: str) -> bool:
    """Whether a sentence uses a field's vocabulary. What is still to be done was not done."""
    kind = stem(name)
    if kind not in _VOCABULARY:
        return False
    if kind in ("taken", "symptom") and re.search(_VOCABULARY["needed"], sentence, re.IGNORECASE):
        return False
    if kind == "symptom" and re.search(rf"\bI (?:{_DONE})|^(?:{_DONE})", sentence, re.IGNORECASE):
        return False
    return bool(re.search(_VOCABULARY[kind], sentence, re.IGNORECASE))


def grade(options: list[str], text: str) -> int | None:
    """The option of a scale like low, medium, high, critical that a text's words stand for; None for other options."""
    lower = [option.lower() for option in options]
    if "low" not in lower or "high" not in lower:
        return None
    for name, pattern in _GRADES:
        if name in lower and re.search(pattern, text, re.IGNORECASE):
            return lower.index(name)
    return lower.index("medium") if "medium" in lower else lower.index("low")


def language(text: str) -> str:
    """The language with the most of its small words in the text; English when none is there."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    counts = {tag: sum(word in set(common.split()) for word in words) for tag, common in _LANGUAGES.items()}
    best = max(counts, key=lambda tag: counts[tag])
    return best if counts[best] else "en"


def parts(text: str) -> list[str]:
    """Spare parts with their numbers, each once; the longer name stands for the shorter."""
    found: dict[str, str] = {}
    for match in _PART.finditer(text):
        name = _VERBS.sub("", _VERBS.sub("", match.group(1).strip()))
        found.setdefault(name.lower(), name)
    return [name for key, name in found.items() if not any(key != other and other.startswith(key) for other in found)]


def known_text(name: str, text: str, form: str) -> str | None:
    """What a field of a well-known name holds; empty when the text does not say it; None for other names."""
    kind = humanised(name)
    if kind in ("language", "lang", "locale"):
        return language(text)
    if kind in ("equipment", "machine", "device", "asset", "unit"):
        found = _EQUIPMENT.search(text)
        return _LEADING.sub("", found.group(1)).strip() if found else ""
    if kind in ("location", "place", "site", "where"):
        found = _LOCATION.search(text)
        return found.group(1).strip() if found else ""
    if kind in ("occurred at", "when", "date", "time", "happened at", "occurred") or form in ("date", "date-time"):
        return occurred(text, form)
    return None


def occurred(text: str, form: str = "") -> str:
    """Day and time as the text gives them: the first day, and the first time in a sentence about what was observed."""
    day = _DAY.search(text)
    if form in ("date", "date-time"):
        return day.group(0) if day and form == "date" and re.fullmatch(r"\d{4}-\d{2}-\d{2}", day.group(0)) else ""
    telling = [sentence for sentence in sentences(text) if speaks_of("symptoms", sentence)]
    clock = next((found for part in (*telling, text) if (found := _CLOCK.search(part))), None)
    return ", ".join(found.group(0).strip() for found in (day, clock) if found)


def weight(sentence: str) -> float:
    """How much a sentence tells of an incident, in units of cosine: what was observed first, then causes and work."""
    return (
        (0.05 if speaks_of("symptoms", sentence) else 0.0)
        + (0.02 if speaks_of("causes", sentence) else 0.0)
        + (0.01 if speaks_of("actionsTaken", sentence) else 0.0)
    )


def headline(sentence: str, longest: int) -> str:
    """The first clause of a sentence, without its full stop, cut at a word."""
    sentence = re.sub(
        rf"\s*,?\s*\b(?:in|at|on|of) (?:the )?{_LOCATION.pattern[2:]}", "", sentence, count=1, flags=re.IGNORECASE
    )
    sentence = re.sub(r"\s*\([^)]*\)", "", sentence)
    clause = re.split(r",\s|\s[-–]\s|\s(?:and|but|because|so|which)\s", sentence.strip().rstrip(".!"), maxsplit=1)[0]
    text = clause if len(clause.split()) >= 5 else sentence.strip().rstrip(".!")
    words = text.split()[:10]
    while len(" ".join(words)) > longest and len(words) > 1:
        words.pop()
    text = " ".join(words)[:longest].rstrip(",;:")
    return text[:1].upper() + text[1:]


def only_words_of(title: str, text: str) -> bool:
    """Whether every telling word and number of a title is in the text, and the title does not repeat itself."""
    known = {word[:5] for word in re.findall(r"\w+", text.lower())}
    words = [word for word in re.findall(r"\w+", title.lower()) if len(word) > 3 or word.isdigit()]
    return len(words) == len(set(words)) and bool(words) and all(word[:5] in known for word in words)
