"""MQTT topic names and filters (OASIS MQTT 3.1.1, section 4.7), the same for every bus."""

from vpp.domain.errors import InvariantError


def check_topic(topic: str) -> None:
    """Refuses what cannot be published to.

    Raises:
        InvariantError: the topic is empty or holds ``+``, ``#`` or a null character.
    """
    if not topic or any(character in topic for character in "+#\0"):
        raise InvariantError(f"{topic!r} is not a topic that can be published to (empty, or holds '+', '#' or null)")


def check_filter(topic_filter: str) -> None:
    """Refuses what cannot be subscribed to.

    Raises:
        InvariantError: the filter is empty, ``+`` shares a level, or ``#`` is not alone on the last level.
    """
    levels = topic_filter.split("/")
    plus_shares = any("+" in level and level != "+" for level in levels)
    hash_misplaced = any("#" in level for level in levels[:-1]) or ("#" in levels[-1] and levels[-1] != "#")
    if not topic_filter or "\0" in topic_filter or plus_shares or hash_misplaced:
        raise InvariantError(
            f"{topic_filter!r} is not a topic filter ('+' stands for one whole level, '#' for all levels at the end)"
        )


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a valid filter covers a valid topic; wildcards at the front never cover topics that begin with ``$``."""
    if topic.startswith("$") and topic_filter[0] in "+#":
        return False
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted = wanted[:-1]
        levels = levels[: len(wanted)] if len(levels) >= len(wanted) else levels
    return len(wanted) == len(levels) and all(w in ("+", level) for w, level in zip(wanted, levels, strict=True))
