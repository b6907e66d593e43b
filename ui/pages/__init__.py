"""One module per use case: `page()` draws its page, `ENTRY` puts it into the menu."""

import pkgutil


def use_cases() -> list[str]:
    """The ids of the use cases that have a page."""
    return [module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__)]
