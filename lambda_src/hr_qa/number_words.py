"""Numbers in words, without accents: from one to the last that is not composed, the tens from twenty to a hundred, and
other forms."""

UNITS = {
    "en": """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
        eighteen nineteen""",
    "pt": """um dois tres quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis dezessete
        dezoito dezenove""",
    "es": """uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis diecisiete
        dieciocho diecinueve""",
    "fr": "un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize",
    "de": """ein zwei drei vier funf sechs sieben acht neun zehn elf zwolf dreizehn vierzehn funfzehn sechzehn siebzehn
        achtzehn neunzehn""",
    "it": """uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici
        diciassette diciotto diciannove""",
    "nl": """een twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien zeventien
        achttien negentien""",
}
TENS = {
    "en": "twenty thirty forty fifty sixty seventy eighty ninety hundred",
    "pt": "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa cem",
    "es": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa cien",
    "fr": "vingt trente quarante cinquante soixante septante huitante nonante cent",
    "de": "zwanzig dreissig vierzig funfzig sechzig siebzig achtzig neunzig hundert",
    "it": "venti trenta quaranta cinquanta sessanta settanta ottanta novanta cento",
    "nl": "twintig dertig veertig vijftig zestig zeventig tachtig negentig honderd",
}
OTHERS = {
    "en": {"zero": 0},
    "pt": {
        "zero": 0,
        "uma": 1,
        "duas": 2,
        "catorze": 14,
        "dezasseis": 16,
        "dezassete": 17,
        "dezanove": 19,
        "cento": 100,
    },
    "es": {"cero": 0, "un": 1, "una": 1, "ciento": 100},
    "fr": {"zero": 0, "une": 1, "vingts": 20},
    "de": {"null": 0, "eins": 1, "eine": 1, "einem": 1, "einen": 1, "einer": 1},
    "it": {"zero": 0, "un": 1, "una": 1},
    "nl": {"nul": 0},
}
CONJUNCTIONS = frozenset(("and", "e", "y", "et"))
