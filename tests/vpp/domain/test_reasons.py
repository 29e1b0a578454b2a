"""Every reason has both languages."""

from vpp.domain.reasons import TEXTS, texts_of


def test_texts_of__known_codes_have_both_languages() -> None:
    assert all(
        english and chinese and english.isascii() and not chinese.isascii() for english, chinese in TEXTS.values()
    )
    assert texts_of("declined") == ("not called: the participant declined", "未调用：参与者拒绝邀约")


def test_texts_of__limits_name_the_node() -> None:
    assert texts_of("limit:line-3") == ("limited by line-3", "受 line-3 限制")


def test_texts_of__an_unknown_code_stands_for_itself() -> None:
    assert texts_of("odd") == ("odd", "odd")
