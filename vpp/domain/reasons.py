"""Why a resource was called or not, in Chinese and English, by reason code.

The planner says ``cheaper``, ``min-run``, ``price``, ``not-needed``, ``limit:<node>``, ``energy``, ``no-value``,
``uncertain``, ``reserve`` and ``unavailable``; services say the rest before a resource ever reaches it, or after.
"""

TEXTS: dict[str, tuple[str, str]] = {
    "called": ("called: it was among the cheapest ways to reach the target", "被调用：属于达到目标的较低成本资源"),
    "cheaper": ("called: it was among the cheapest ways to reach the target", "被调用：属于达到目标的较低成本资源"),
    "not-needed": ("not called: cheaper resources were enough", "未调用：成本更低的资源已足够"),
    "price": (
        "not called: it costs more than the last resource that was needed",
        "未调用：成本高于达到目标所需的最后一个资源（边际价格）",
    ),
    "energy": (
        "not called: its energy budget or its promised energy leaves nothing to give",
        "未调用：可用电量额度或承诺电量已无余量",
    ),
    "no-value": ("not called: it would add nothing to what is asked", "未调用：调用它对目标没有贡献"),
    "uncertain": (
        "not called: its delivery is too uncertain for what it costs",
        "未调用：交付不确定性过大，相对成本不划算",
    ),
    "spread": (
        "not called: held back so that calls spread evenly among participants",
        "未调用：为使调用次数在参与者之间均衡分布而暂不调用",
    ),
    "resting": (
        "not called: it rests after its last call",
        "未调用：上次调用后处于休息期",
    ),
    "calls-used-up": ("not called: its calls are used up", "未调用：可调用次数已用完"),
    "calls-used-up-day": ("not called: its calls of the day are used up", "未调用：当日可调用次数已用完"),
    "calls-used-up-week": ("not called: its calls of the week are used up", "未调用：本周可调用次数已用完"),
    "calls-used-up-season": ("not called: its calls of the season are used up", "未调用：本季可调用次数已用完"),
    "reserve": ("not called: held back as reserve", "未调用：作为备用保留"),
    "min-run": ("its minimum run decides", "受最短运行时间约束"),
    "protected": ("never called: protected class", "不参与：受保护用户"),
    "not-opted-in": ("never called: its owner has not opted in", "不参与：业主未同意"),
    "declined": ("not called: the participant declined", "未调用：参与者拒绝邀约"),
    "no-answer": ("not called: no answer by the deadline", "未调用：截止前未答复"),
    "opted-out": ("released: the participant opted out", "已释放：参与者退出"),
    "no-baseline": ("not called: no sufficient baseline", "未调用：基线样本不足"),
    "too-shallow": (
        "not called: so small a cut of its load could not be measured",
        "未调用：削减比例过小，无法计量核定",
    ),
    "no-offer": ("not called: no capability was offered", "未调用：未上报可调能力"),
    "bad-offer": ("not called: its offer contradicts itself", "未调用：上报能力自相矛盾"),
    "unavailable": ("not called: not available now", "未调用：当前不可用"),
    "gateway-offline": ("not called: its gateway is offline", "未调用：网关离线"),
    "beyond-bid": ("not called: beyond the quantity that the participant bid", "未调用：超出参与者申报量"),
    "too-slow": ("not called: it needs longer notice than was left", "未调用：所需提前通知时间不足"),
    "later-round": ("not called: its access round has not been opened", "未调用：所属接入轮次尚未开放"),
    "other-event": ("not called: another event may call it at the same time", "未调用：同一时段已由另一事件调用"),
    "cannot-fill": ("not called: it cannot take more than it does anyway", "未调用：无法增加用电"),
    "refused": ("refused the command", "拒绝执行指令"),
}


def texts_of(code: str) -> tuple[str, str]:
    """English and Chinese for a reason code; ``limit:<node>`` names the node, an unknown code stands for itself."""
    if code.startswith("limit:"):
        node = code.removeprefix("limit:")
        return f"limited by {node}", f"受 {node} 限制"
    return TEXTS.get(code, (code, code))
