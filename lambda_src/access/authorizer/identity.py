"""Who a token or a key stands for, and how the gateway gets to know."""

import msgspec


class Rejected(Exception):
    """The credentials are not valid. The message is for the log: the caller learns no reason."""


class Unreachable(Exception):
    """The credentials could not be checked: what is needed for that does not answer."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A caller. `use_cases` and `models`: None for all."""

    caller: str
    groups: tuple[str, ...] = ()
    name: str | None = None
    team: str | None = None
    key_id: str | None = None
    use_cases: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None

    def authorizer_context(self) -> dict[str, str]:
        """What the functions get, read by `shared/callers.py`. The gateway passes texts only.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
        """
        texts = {"caller": self.caller, "name": self.name, "team": self.team, "keyId": self.key_id}
        lists = {"groups": self.groups or None, "useCases": self.use_cases, "models": self.models}
        return {
            **{name: text for name, text in texts.items() if text is not None},
            **{name: msgspec.json.encode(values).decode() for name, values in lists.items() if values is not None},
        }
