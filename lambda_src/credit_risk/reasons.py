"""The reasons for a low score, as sentences. They come from this table, never from a model.

A characteristic is a reason when its points lie more than half a point below the average of the applicants that the
card was made with, a method that the official comment on Regulation B accepts (12 CFR 1002.9(b)(2)). At most four are
given, those furthest below the average first, and a fifth if credit inquiries are one and not among the four
(15 USC 1681g(f)).
"""

from collections.abc import Mapping
from typing import Literal

Language = Literal["en", "pt"]
# Whether the value is lower or higher than those with the most points, is a category, or is missing.
Side = Literal["Low", "High", "", "Missing"]
MAXIMUM = 4
ALWAYS_NAMED = "inquiries6Months"

_TEXTS: Mapping[str, Mapping[Language, str]] = {
    "annualIncomeLow": {"en": "The income is low.", "pt": "A renda é baixa."},
    "annualIncomeHigh": {
        "en": "The income is in a range with more defaults.",
        "pt": "A renda está em uma faixa com mais inadimplência.",
    },
    "employmentYearsLow": {
        "en": "The time in the present employment is short.",
        "pt": "O tempo no emprego atual é curto.",
    },
    "employmentYearsHigh": {
        "en": "The length of employment is in a range with more defaults.",
        "pt": "O tempo de emprego está em uma faixa com mais inadimplência.",
    },
    "homeOwnership": {
        "en": "Applicants with this kind of housing default more often.",
        "pt": "Solicitantes com este tipo de moradia ficam inadimplentes com mais frequência.",
    },
    "incomeVerification": {
        "en": "Applications with this level of income verification default more often.",
        "pt": "Pedidos com este nível de comprovação de renda têm mais inadimplência.",
    },
    "debtToIncomeLow": {
        "en": "The debts in relation to income are in a range with more defaults.",
        "pt": "As dívidas em relação à renda estão em uma faixa com mais inadimplência.",
    },
    "debtToIncomeHigh": {
        "en": "The debts are high in relation to income.",
        "pt": "As dívidas são altas em relação à renda.",
    },
    "delinquencies2YearsLow": {
        "en": "The number of late payments in the last two years is in a range with more defaults.",
        "pt": "O número de atrasos nos últimos dois anos está em uma faixa com mais inadimplência.",
    },
    "delinquencies2YearsHigh": {
        "en": "Payments were late in the last two years.",
        "pt": "Houve atrasos de pagamento nos últimos dois anos.",
    },
    "inquiries6MonthsLow": {
        "en": "The number of recent credit inquiries is in a range with more defaults.",
        "pt": "O número de consultas recentes ao crédito está em uma faixa com mais inadimplência.",
    },
    "inquiries6MonthsHigh": {
        "en": "There were credit inquiries in the last six months.",
        "pt": "Houve consultas ao crédito nos últimos seis meses.",
    },
    "openAccountsLow": {"en": "There are few open credit accounts.", "pt": "Há poucas contas de crédito abertas."},
    "openAccountsHigh": {"en": "There are many open credit accounts.", "pt": "Há muitas contas de crédito abertas."},
    "totalAccountsLow": {
        "en": "The credit report has few accounts.",
        "pt": "O relatório de crédito tem poucas contas.",
    },
    "totalAccountsHigh": {
        "en": "The credit report has many accounts.",
        "pt": "O relatório de crédito tem muitas contas.",
    },
    "publicRecordsLow": {
        "en": "The number of public records is in a range with more defaults.",
        "pt": "O número de registros públicos está em uma faixa com mais inadimplência.",
    },
    "publicRecordsHigh": {
        "en": "The credit report has derogatory public records.",
        "pt": "O relatório de crédito tem registros públicos negativos.",
    },
    "revolvingBalanceLow": {
        "en": "The balance of revolving credit is in a range with more defaults.",
        "pt": "O saldo do crédito rotativo está em uma faixa com mais inadimplência.",
    },
    "revolvingBalanceHigh": {
        "en": "The balance of revolving credit is high.",
        "pt": "O saldo do crédito rotativo é alto.",
    },
    "revolvingUtilizationLow": {
        "en": "The use of the revolving credit limits is in a range with more defaults.",
        "pt": "O uso dos limites de crédito rotativo está em uma faixa com mais inadimplência.",
    },
    "revolvingUtilizationHigh": {
        "en": "A large part of the revolving credit limits is used.",
        "pt": "Grande parte dos limites de crédito rotativo está em uso.",
    },
    "earliestCreditLineLow": {"en": "The credit history is short.", "pt": "O histórico de crédito é curto."},
    "earliestCreditLineHigh": {
        "en": "The length of the credit history is in a range with more defaults.",
        "pt": "A duração do histórico de crédito está em uma faixa com mais inadimplência.",
    },
    "amountLow": {
        "en": "The amount applied for is in a range with more defaults.",
        "pt": "O valor solicitado está em uma faixa com mais inadimplência.",
    },
    "amountHigh": {"en": "The amount applied for is high.", "pt": "O valor solicitado é alto."},
    "termMonthsLow": {
        "en": "The term applied for is in a range with more defaults.",
        "pt": "O prazo solicitado está em uma faixa com mais inadimplência.",
    },
    "termMonthsHigh": {"en": "The term applied for is long.", "pt": "O prazo solicitado é longo."},
    "purpose": {
        "en": "Loans for this purpose default more often.",
        "pt": "Empréstimos para esta finalidade têm mais inadimplência.",
    },
    "interestRateLow": {
        "en": "The interest rate of the loan is in a range with more defaults.",
        "pt": "A taxa de juros do empréstimo está em uma faixa com mais inadimplência.",
    },
    "interestRateHigh": {
        "en": "The interest rate of the loan is high.",
        "pt": "A taxa de juros do empréstimo é alta.",
    },
    "grade": {
        "en": "Loans of this grade default more often.",
        "pt": "Empréstimos desta classificação têm mais inadimplência.",
    },
}
_NAMES: Mapping[str, Mapping[Language, str]] = {
    "annualIncome": {"en": "annual income", "pt": "renda anual"},
    "employmentYears": {"en": "length of employment", "pt": "tempo de emprego"},
    "homeOwnership": {"en": "kind of housing", "pt": "tipo de moradia"},
    "incomeVerification": {"en": "verification of income", "pt": "comprovação de renda"},
    "debtToIncome": {"en": "debts in relation to income", "pt": "dívidas em relação à renda"},
    "delinquencies2Years": {"en": "late payments in two years", "pt": "atrasos em dois anos"},
    "inquiries6Months": {"en": "credit inquiries in six months", "pt": "consultas ao crédito em seis meses"},
    "openAccounts": {"en": "open accounts", "pt": "contas abertas"},
    "totalAccounts": {"en": "all accounts", "pt": "total de contas"},
    "publicRecords": {"en": "public records", "pt": "registros públicos"},
    "revolvingBalance": {"en": "revolving balance", "pt": "saldo do crédito rotativo"},
    "revolvingUtilization": {"en": "use of revolving limits", "pt": "uso dos limites de crédito rotativo"},
    "earliestCreditLine": {"en": "length of the credit history", "pt": "duração do histórico de crédito"},
    "amount": {"en": "loan amount", "pt": "valor do empréstimo"},
    "termMonths": {"en": "loan term", "pt": "prazo do empréstimo"},
    "purpose": {"en": "loan purpose", "pt": "finalidade do empréstimo"},
    "interestRate": {"en": "interest rate", "pt": "taxa de juros"},
    "grade": {"en": "loan grade", "pt": "classificação do empréstimo"},
}
_MISSING: Mapping[Language, str] = {
    "en": "Information is missing or could not be used: {}.",
    "pt": "Falta uma informação ou ela não pôde ser usada: {}.",
}


def code(characteristic: str, side: Side) -> str:
    """The stable code of a reason, such as `annualIncomeLow`."""
    return characteristic + side


def name(characteristic: str, language: Language) -> str:
    """A characteristic in words."""
    return _NAMES[characteristic][language]


def text(characteristic: str, side: Side, language: Language) -> str:
    """The reason as a sentence."""
    if side == "Missing":
        return _MISSING[language].format(name(characteristic, language))
    return _TEXTS[code(characteristic, side)][language]
