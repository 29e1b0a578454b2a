import pytest

from vpp.portal.language import Language, choose_language


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", Language.CHINESE),
        ("en-GB,en;q=0.9", Language.ENGLISH),
        ("zh-CN,zh;q=0.9,en;q=0.8", Language.CHINESE),
        ("de, en;q=0.5, zh;q=0.7", Language.CHINESE),
        ("fr", Language.CHINESE),
        ("en;q=0, zh;q=0.1", Language.CHINESE),
        ("en;q=nonsense", Language.CHINESE),
    ],
)
def test_choose_language__by_header(accept: str, expected: Language) -> None:
    assert choose_language({}, {}, accept) is expected


def test_choose_language__parameter_over_cookie_over_header() -> None:
    assert choose_language({"lang": "zh"}, {"vpp_lang": "en"}, "en") is Language.CHINESE
    assert choose_language({}, {"vpp_lang": "en"}, "zh") is Language.ENGLISH
    assert choose_language({"lang": "xx"}, {"vpp_lang": "yy"}, "en") is Language.ENGLISH
