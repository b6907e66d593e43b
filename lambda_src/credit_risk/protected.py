"""The attributes on which no score may rest, by name in English, Portuguese and Spanish."""

import re
import unicodedata

# Attributes on which no score may rest, and those that stand for them, in English, Portuguese and Spanish; as
# `_plain` writes them.
# US: 15 USC 1691 (ECOA); Brazil: Lei 12.414/2011 art. 3, LGPD art. 11; EU: Directive (EU) 2023/2225 art. 6, 18.
_PROTECTED = frozenset(
    {
        *(
            "age",
            "birth",
            "birthdate",
            "birthday",
            "dateofbirth",
            "birthyear",
            "idade",
            "nascimento",
            "datadenascimento",
        ),
        *("datanascimento", "anodenascimento", "faixaetaria", "sex", "gender", "sexo", "genero"),
        *("identidadedegenero", "race", "raca", "colour", "color", "skincolor", "skincolour", "cor", "cordapele"),
        *("ethnicity", "ethnicorigin", "etnia", "religion", "creed", "religiao", "crenca", "nationality"),
        *("nacionalidade", "nationalorigin", "origemnacional", "naturalidade", "citizenship", "cidadania"),
        *("maritalstatus", "married", "estadocivil", "pregnancy", "pregnant", "gravidez", "gestante", "gestacao"),
        *("disability", "disabled", "deficiencia", "pcd", "sexualorientation", "orientacaosexual", "health", "saude"),
        *("politicalopinion", "opiniaopolitica", "unionmembership", "filiacaosindical", "publicassistance"),
        *("postcode", "postalcode", "zip", "zipcode", "cep", "codigopostal", "state", "addrstate", "estado", "uf"),
        *("address", "endereco", "neighborhood", "neighbourhood", "bairro", "city", "cidade", "municipio"),
        *("edad", "nacimiento", "fechadenacimiento", "fechanacimiento", "anodenacimiento", "identidaddegenero"),
        *("raza", "colordepiel", "origenetnico", "creencia", "nacionalidad", "origennacional", "ciudadania"),
        *("embarazo", "embarazada", "discapacidad", "discapacitado", "orientacionsexual", "salud"),
        *("opinionpolitica", "afiliacionsindical", "direccion", "barrio", "ciudad", "provincia"),
    }
)
# Names with another meaning in sentences, mostly that of a verb.
_COMMON_WORDS = frozenset({"state", "address", "estado"})
_WORD = re.compile(r"[^\W\d_]+")
# Such as `date of birth`.
_LONGEST_NAME_WORDS = 3


def is_protected(name: str) -> bool:
    """Whether a name is that of an attribute on which no score may rest, however it is written."""
    return _plain(name) in _PROTECTED


def protected_name_in(text: str) -> str | None:
    """The first protected attribute that a text names, in up to three words; None without one.

    Only names as the list has them are found, no other forms of them.
    """
    words = _WORD.findall(text)
    for start in range(len(words)):
        for end in range(start + 1, min(start + _LONGEST_NAME_WORDS, len(words)) + 1):
            name = " ".join(words[start:end])
            if is_protected(name) and _plain(name) not in _COMMON_WORDS:
                return name
    return None


def _plain(name: str) -> str:
    """Lower case without accents, spaces and signs."""
    decomposed = unicodedata.normalize("NFKD", name)
    return "".join(character for character in decomposed.casefold() if character.isalnum())
