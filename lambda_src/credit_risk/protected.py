"""The attributes on which no score may rest, by name in English and Portuguese."""

import unicodedata

# Attributes on which no score may rest, and those that stand for them, in English and Portuguese; as `_plain` writes
# them.
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
    }
)


def is_protected(name: str) -> bool:
    """Whether a name is that of an attribute on which no score may rest, however it is written."""
    return _plain(name) in _PROTECTED


def _plain(name: str) -> str:
    """Lower case without accents, spaces and signs."""
    decomposed = unicodedata.normalize("NFKD", name)
    return "".join(character for character in decomposed.casefold() if character.isalnum())
