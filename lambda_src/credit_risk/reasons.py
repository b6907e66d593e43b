"""The reasons for a low score, as sentences. They come from this table, never from a model.

A characteristic is a reason when its points lie more than half a point below the average of the applicants that the
card was made with, a method that the official comment on Regulation B accepts (12 CFR 1002.9(b)(2)). At most four are
given, those furthest below the average first, and a fifth if credit inquiries are one and not among the four
(15 USC 1681g(f)).
"""

from collections.abc import Mapping
from typing import Literal

Language = Literal["en", "es", "pt"]
# Whether the value is lower or higher than those with the most points, is a category, or is missing.
Side = Literal["Low", "High", "", "Missing"]
MAXIMUM = 4
ALWAYS_NAMED = "inquiries6Months"

_TEXTS: Mapping[str, Mapping[Language, str]] = {
    "annualIncomeLow": {"en": "The income is low.", "pt": "A renda é baixa.", "es": "El ingreso es bajo."},
    "annualIncomeHigh": {
        "en": "The income is in a range with more defaults.",
        "pt": "A renda está em uma faixa com mais inadimplência.",
        "es": "El ingreso está en un rango con más incumplimientos.",
    },
    "employmentYearsLow": {
        "en": "The time in the present employment is short.",
        "pt": "O tempo no emprego atual é curto.",
        "es": "El tiempo en el empleo actual es corto.",
    },
    "employmentYearsHigh": {
        "en": "The length of employment is in a range with more defaults.",
        "pt": "O tempo de emprego está em uma faixa com mais inadimplência.",
        "es": "La antigüedad en el empleo está en un rango con más incumplimientos.",
    },
    "homeOwnership": {
        "en": "Applicants with this kind of housing default more often.",
        "pt": "Solicitantes com este tipo de moradia ficam inadimplentes com mais frequência.",
        "es": "Los solicitantes con este tipo de vivienda incumplen con más frecuencia.",
    },
    "incomeVerification": {
        "en": "Applications with this level of income verification default more often.",
        "pt": "Pedidos com este nível de comprovação de renda têm mais inadimplência.",
        "es": "Las solicitudes con este nivel de comprobación de ingresos tienen más incumplimientos.",
    },
    "debtToIncomeLow": {
        "en": "The debts in relation to income are in a range with more defaults.",
        "pt": "As dívidas em relação à renda estão em uma faixa com mais inadimplência.",
        "es": "Las deudas en relación con los ingresos están en un rango con más incumplimientos.",
    },
    "debtToIncomeHigh": {
        "en": "The debts are high in relation to income.",
        "pt": "As dívidas são altas em relação à renda.",
        "es": "Las deudas son altas en relación con los ingresos.",
    },
    "delinquencies2YearsLow": {
        "en": "The number of late payments in the last two years is in a range with more defaults.",
        "pt": "O número de atrasos nos últimos dois anos está em uma faixa com mais inadimplência.",
        "es": "El número de atrasos en los últimos dos años está en un rango con más incumplimientos.",
    },
    "delinquencies2YearsHigh": {
        "en": "Payments were late in the last two years.",
        "pt": "Houve atrasos de pagamento nos últimos dois anos.",
        "es": "Hubo atrasos en los pagos en los últimos dos años.",
    },
    "inquiries6MonthsLow": {
        "en": "The number of recent credit inquiries is in a range with more defaults.",
        "pt": "O número de consultas recentes ao crédito está em uma faixa com mais inadimplência.",
        "es": "El número de consultas de crédito recientes está en un rango con más incumplimientos.",
    },
    "inquiries6MonthsHigh": {
        "en": "There were credit inquiries in the last six months.",
        "pt": "Houve consultas ao crédito nos últimos seis meses.",
        "es": "Hubo consultas de crédito en los últimos seis meses.",
    },
    "openAccountsLow": {
        "en": "There are few open credit accounts.",
        "pt": "Há poucas contas de crédito abertas.",
        "es": "Hay pocas cuentas de crédito abiertas.",
    },
    "openAccountsHigh": {
        "en": "There are many open credit accounts.",
        "pt": "Há muitas contas de crédito abertas.",
        "es": "Hay muchas cuentas de crédito abiertas.",
    },
    "totalAccountsLow": {
        "en": "The credit report has few accounts.",
        "pt": "O relatório de crédito tem poucas contas.",
        "es": "El informe de crédito tiene pocas cuentas.",
    },
    "totalAccountsHigh": {
        "en": "The credit report has many accounts.",
        "pt": "O relatório de crédito tem muitas contas.",
        "es": "El informe de crédito tiene muchas cuentas.",
    },
    "publicRecordsLow": {
        "en": "The number of public records is in a range with more defaults.",
        "pt": "O número de registros públicos está em uma faixa com mais inadimplência.",
        "es": "El número de registros públicos está en un rango con más incumplimientos.",
    },
    "publicRecordsHigh": {
        "en": "The credit report has derogatory public records.",
        "pt": "O relatório de crédito tem registros públicos negativos.",
        "es": "El informe de crédito tiene registros públicos negativos.",
    },
    "revolvingBalanceLow": {
        "en": "The balance of revolving credit is in a range with more defaults.",
        "pt": "O saldo do crédito rotativo está em uma faixa com mais inadimplência.",
        "es": "El saldo del crédito rotativo está en un rango con más incumplimientos.",
    },
    "revolvingBalanceHigh": {
        "en": "The balance of revolving credit is high.",
        "pt": "O saldo do crédito rotativo é alto.",
        "es": "El saldo del crédito rotativo es alto.",
    },
    "revolvingUtilizationLow": {
        "en": "The use of the revolving credit limits is in a range with more defaults.",
        "pt": "O uso dos limites de crédito rotativo está em uma faixa com mais inadimplência.",
        "es": "El uso de los límites de crédito rotativo está en un rango con más incumplimientos.",
    },
    "revolvingUtilizationHigh": {
        "en": "A large part of the revolving credit limits is used.",
        "pt": "Grande parte dos limites de crédito rotativo está em uso.",
        "es": "Se usa gran parte de los límites de crédito rotativo.",
    },
    "earliestCreditLineLow": {
        "en": "The credit history is short.",
        "pt": "O histórico de crédito é curto.",
        "es": "El historial de crédito es corto.",
    },
    "earliestCreditLineHigh": {
        "en": "The length of the credit history is in a range with more defaults.",
        "pt": "A duração do histórico de crédito está em uma faixa com mais inadimplência.",
        "es": "La duración del historial de crédito está en un rango con más incumplimientos.",
    },
    "amountLow": {
        "en": "The amount applied for is in a range with more defaults.",
        "pt": "O valor solicitado está em uma faixa com mais inadimplência.",
        "es": "El monto solicitado está en un rango con más incumplimientos.",
    },
    "amountHigh": {
        "en": "The amount applied for is high.",
        "pt": "O valor solicitado é alto.",
        "es": "El monto solicitado es alto.",
    },
    "termMonthsLow": {
        "en": "The term applied for is in a range with more defaults.",
        "pt": "O prazo solicitado está em uma faixa com mais inadimplência.",
        "es": "El plazo solicitado está en un rango con más incumplimientos.",
    },
    "termMonthsHigh": {
        "en": "The term applied for is long.",
        "pt": "O prazo solicitado é longo.",
        "es": "El plazo solicitado es largo.",
    },
    "purpose": {
        "en": "Loans for this purpose default more often.",
        "pt": "Empréstimos para esta finalidade têm mais inadimplência.",
        "es": "Los préstamos para este destino tienen más incumplimientos.",
    },
    "interestRateLow": {
        "en": "The interest rate of the loan is in a range with more defaults.",
        "pt": "A taxa de juros do empréstimo está em uma faixa com mais inadimplência.",
        "es": "La tasa de interés del préstamo está en un rango con más incumplimientos.",
    },
    "interestRateHigh": {
        "en": "The interest rate of the loan is high.",
        "pt": "A taxa de juros do empréstimo é alta.",
        "es": "La tasa de interés del préstamo es alta.",
    },
    "grade": {
        "en": "Loans of this grade default more often.",
        "pt": "Empréstimos desta classificação têm mais inadimplência.",
        "es": "Los préstamos de esta calificación tienen más incumplimientos.",
    },
}
_NAMES: Mapping[str, Mapping[Language, str]] = {
    "annualIncome": {"en": "annual income", "pt": "renda anual", "es": "ingreso anual"},
    "employmentYears": {"en": "length of employment", "pt": "tempo de emprego", "es": "antigüedad en el empleo"},
    "homeOwnership": {"en": "kind of housing", "pt": "tipo de moradia", "es": "tipo de vivienda"},
    "incomeVerification": {
        "en": "verification of income",
        "pt": "comprovação de renda",
        "es": "comprobación de ingresos",
    },
    "debtToIncome": {
        "en": "debts in relation to income",
        "pt": "dívidas em relação à renda",
        "es": "deudas en relación con los ingresos",
    },
    "delinquencies2Years": {
        "en": "late payments in two years",
        "pt": "atrasos em dois anos",
        "es": "atrasos en dos años",
    },
    "inquiries6Months": {
        "en": "credit inquiries in six months",
        "pt": "consultas ao crédito em seis meses",
        "es": "consultas de crédito en seis meses",
    },
    "openAccounts": {"en": "open accounts", "pt": "contas abertas", "es": "cuentas abiertas"},
    "totalAccounts": {"en": "all accounts", "pt": "total de contas", "es": "total de cuentas"},
    "publicRecords": {"en": "public records", "pt": "registros públicos", "es": "registros públicos"},
    "revolvingBalance": {
        "en": "revolving balance",
        "pt": "saldo do crédito rotativo",
        "es": "saldo del crédito rotativo",
    },
    "revolvingUtilization": {
        "en": "use of revolving limits",
        "pt": "uso dos limites de crédito rotativo",
        "es": "uso de los límites de crédito rotativo",
    },
    "earliestCreditLine": {
        "en": "length of the credit history",
        "pt": "duração do histórico de crédito",
        "es": "duración del historial de crédito",
    },
    "amount": {"en": "loan amount", "pt": "valor do empréstimo", "es": "monto del préstamo"},
    "termMonths": {"en": "loan term", "pt": "prazo do empréstimo", "es": "plazo del préstamo"},
    "purpose": {"en": "loan purpose", "pt": "finalidade do empréstimo", "es": "destino del préstamo"},
    "interestRate": {"en": "interest rate", "pt": "taxa de juros", "es": "tasa de interés"},
    "grade": {"en": "loan grade", "pt": "classificação do empréstimo", "es": "calificación del préstamo"},
}
_MISSING: Mapping[Language, str] = {
    "en": "Information is missing or could not be used: {}.",
    "es": "Falta información o no se pudo usar: {}.",
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
