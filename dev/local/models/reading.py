"""Rule-based text extraction: sentences, and facts that reports state in a limited vocabulary."""

import re

_TAGGED = re.compile(r"<([A-Za-z_][\w-]*)>\s*(.*?)\s*</\1>", re.DOTALL)
_SPLIT = re.compile(r"(?<=[.!?])(?<!\b[Nn]o\.)(?<!\b[A-Z]\.)\s+(?=[A-ZÀ-Ý0-9\"'(])|\s*[\n;]+\s*")
# A long line without punctuation at its end is wrapped: the paragraph continues on the next line.
_WRAPPED = re.compile(r"(?m)^(.{60,}[^\s.!?:;])\n(?=[^\s*•-])")
_ENDED = re.compile(r"[.!?][\"')\]]*$")
_BULLET = re.compile(r"^(?:[-*•]|\d+[.)])\s+")
_LABEL = re.compile(r"^[A-Z][\w /-]{2,24}:\s*$")

# Words of sentences about each topic, in English, Portuguese, Spanish, and German, by the stem of a field's name. A field
# with another name takes the most similar sentences instead.
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
    """The longest part between tags; without tags, the complete text."""
    parts: list[str] = [match.group(2) for match in _TAGGED.finditer(text)]
    longest = max(parts, key=len, default="")
    return longest if longest.strip() else text


def sentences(text: str) -> list[str]:
    """The text's sentences in order, without bullets and headings; very long ones are cut at a comma."""
    found = []
    # A semicolon ends a sentence, too.
    for part in _SPLIT.split(re.sub(r"\s*;\s+", ".\n", _unwrapped(text))):
        sentence = _BULLET.sub("", part.strip())
        if len(sentence) < 3 or _LABEL.match(sentence):
            continue
        found.append(sentence if len(sentence) <= 400 else sentence[:400].rsplit(",", 1)[0])
    ended = [sentence for sentence in found if _ENDED.search(sentence)]
    # In prose, lines without a full stop are letterheads: title, date, and names.
    return (ended if len(ended) >= 3 and 2 * len(ended) >= len(found) else found)[:200]


def _unwrapped(text: str) -> str:
    """The text without line breaks within paragraphs."""
    joined = _WRAPPED.sub(r"\1 ", text)
    return joined if joined == text else _unwrapped(joined)


def humanized(name: str) -> str:
    """`actionsTaken` -> `actions taken`."""
    return re.sub(r"[_-]+", " ", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)).lower().strip()


def stem(name: str) -> str:
    """A field's key in the vocabulary; the humanized name if it has none."""
    return _ALIASES.get(name) or _ALIASES.get(name.lower()) or humanized(name)


def knows(name: str) -> bool:
    """Whether the vocabulary has the field's name."""
    return stem(name) in _VOCABULARY


def matches(name: str, sentence: str) -> bool:
    """Whether a sentence matches a field's vocabulary. A pending action does not match a completed one."""
    kind = stem(name)
    if kind not in _VOCABULARY:
        return False
    if kind in ("taken", "symptom") and re.search(_VOCABULARY["needed"], sentence, re.IGNORECASE):
        return False
    if kind == "symptom" and re.search(rf"\bI (?:{_DONE})|^(?:{_DONE})", sentence, re.IGNORECASE):
        return False
    return bool(re.search(_VOCABULARY[kind], sentence, re.IGNORECASE))


def grade(options: list[str], text: str) -> int | None:
    """The index of the option that matches the text, for a scale such as low, medium, high; None for other options."""
    lower = [option.lower() for option in options]
    if "low" not in lower or "high" not in lower:
        return None
    for name, pattern in _GRADES:
        if name in lower and re.search(pattern, text, re.IGNORECASE):
            return lower.index(name)
    return lower.index("medium") if "medium" in lower else lower.index("low")


def language(text: str) -> str:
    """The language with the most function words in the text; English by default."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    counts = {tag: sum(word in set(common.split()) for word in words) for tag, common in _LANGUAGES.items()}
    best = max(counts, key=lambda tag: counts[tag])
    return best if counts[best] else "en"


def parts(text: str) -> list[str]:
    """Spare parts with their numbers, without duplicates; a longer name replaces a shorter one."""
    names: dict[str, str] = {}
    for match in _PART.finditer(text):
        name = _VERBS.sub("", _VERBS.sub("", match.group(1).strip()))
        names.setdefault(name.lower(), name)
    return [
        name for key, name in names.items() if not any(key != longer and longer.startswith(key) for longer in names)
    ]


def known_text(name: str, text: str, form: str) -> str | None:
    """The value of a field with a well-known name, empty if the text does not state it; None for other names."""
    kind = humanized(name)
    if kind in ("language", "lang", "locale"):
        return language(text)
    if kind in ("equipment", "machine", "device", "asset", "unit"):
        match = _EQUIPMENT.search(text)
        return _LEADING.sub("", match.group(1)).strip() if match else ""
    if kind in ("location", "place", "site", "where"):
        match = _LOCATION.search(text)
        return match.group(1).strip() if match else ""
    if kind in ("occurred at", "when", "date", "time", "happened at", "occurred") or form in ("date", "date-time"):
        return occurred(text, form)
    return None


def occurred(text: str, form: str = "") -> str:
    """Day and time as stated in the text: the first day, and the first time in a sentence about symptoms."""
    day = _DAY.search(text)
    if form in ("date", "date-time"):
        return day.group(0) if day and form == "date" and re.fullmatch(r"\d{4}-\d{2}-\d{2}", day.group(0)) else ""
    observations = [sentence for sentence in sentences(text) if matches("symptoms", sentence)]
    clock = next((match for part in (*observations, text) if (match := _CLOCK.search(part))), None)
    return ", ".join(match.group(0).strip() for match in (day, clock) if match)


def weight(sentence: str) -> float:
    """A sentence's informativeness about an incident, in units of cosine: symptoms, then causes and actions."""
    return (
        (0.05 if matches("symptoms", sentence) else 0.0)
        + (0.02 if matches("causes", sentence) else 0.0)
        + (0.01 if matches("actionsTaken", sentence) else 0.0)
    )


def headline(sentence: str, longest: int) -> str:
    """The first clause of a sentence, without a full stop, cut at a word."""
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
    """Whether the text has all words and numbers of a title, and the title does not repeat any."""
    known = {word[:5] for word in re.findall(r"\w+", text.lower())}
    words = [word for word in re.findall(r"\w+", title.lower()) if len(word) > 3 or word.isdigit()]
    return len(words) == len(set(words)) and bool(words) and all(word[:5] in known for word in words)
