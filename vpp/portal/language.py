"""Which of the two languages a request is answered in: asked for by ``?lang=``, remembered, or the browser's own."""

from collections.abc import Mapping
from enum import StrEnum

COOKIE = "vpp_lang"
PARAMETER = "lang"
REMEMBERED_S = 365 * 24 * 3600


class Language(StrEnum):
    """A language of the pages; the value is what stands in address and cookie."""

    ENGLISH = "en"
    CHINESE = "zh"

    @property
    def tag(self) -> str:
        """The BCP 47 tag for ``<html lang>`` and ``Content-Language``."""
        return "zh-CN" if self is Language.CHINESE else "en"

    @property
    def other(self) -> "Language":
        """The one to switch to."""
        return Language.ENGLISH if self is Language.CHINESE else Language.CHINESE


def choose_language(query: Mapping[str, str], cookies: Mapping[str, str], accept: str) -> Language:
    """The language of a request.

    Args:
        query: The address's parameters; a ``lang`` that is neither of the two is passed over.
        cookies: The request's cookies.
        accept: The ``Accept-Language`` header, empty when there is none.

    Returns:
        The first that is known of: parameter, cookie, header. Chinese when nothing is: the district's own.
    """
    for asked in (query.get(PARAMETER), cookies.get(COOKIE)):
        if asked in {language.value for language in Language}:
            return Language(asked)
    return _preferred(accept) or Language.CHINESE


def _preferred(accept: str) -> Language | None:
    """The language of ours with the highest weight, the first of equals; ``None`` when there is none."""
    best: tuple[float, Language] | None = None
    for part in accept.split(","):
        tag, _, parameters = part.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        weight = _weight(parameters)
        if primary in {language.value for language in Language} and weight > 0 and (best is None or weight > best[0]):
            best = (weight, Language(primary))
    return best[1] if best else None


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
