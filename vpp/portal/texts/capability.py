"""Words of the capability table."""

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "capability.title": ("Capability of the next 24 hours", "未来24小时可调能力"),
    "capability.as_of": ("{count:resource|resources}, as of {time}", "{count} 个资源，截至 {time}"),
    "capability.notice": ("Notice", "提前通知时间"),
    "capability.direction": ("Direction", "方向"),
    "capability.node": ("Below", "范围"),
    "capability.district": ("the whole district", "全区"),
    "capability.show": ("Show", "查看"),
    "capability.held": ("Level that can be held, MW", "可持续保持的功率（MW）"),
    "capability.start": ("Start within the hour from", "开始时刻（该小时内）"),
    "capability.for_hours": ("for {hours} h", "持续 {hours} 小时"),
    "capability.for_quarter": ("for 15 min", "持续15分钟"),
    "capability.even": ("{value} as often as not", "五成概率 {value}"),
    "capability.back": ("{value} comes back", "反弹 {value}"),
    "capability.late": ("too late", "来不及通知"),
    "capability.note": (
        (
            "Large figure: held in every quarter hour of the window in nine of ten calls. Each cell stands alone, as "
            "one call of everything, from the weakest start of the hour. What comes back is the most in a quarter hour "
            "of the two hours after, spread evenly."
        ),
        (
            "大号数字：十次调用中九次可在窗口内每个时段保持的功率。每格独立计算，表示单次调用全部资源，取该小时内最弱的开始时刻。"
            "反弹为之后两小时内均匀恢复时单个时段的最大值。"
        ),
    ),
    "capability.covered": (
        "Offers reach until {until}; beyond, each resource's usual load of the hour stands in.",
        "上报数据截至 {until}，之后按各资源同时段的通常负荷估计。",
    ),
    "capability.costs": ("Prices of calls of one hour, CNY/kWh", "一小时调用的价格（元/kWh）"),
    "capability.fifth": ("{share} fifth", "第 {share} 个五分之一"),
    "capability.costs_note": (
        "Mean price of each fifth of the expected energy, cheapest resources first; the dearest start of the hour.",
        "按资源价格由低到高，每五分之一预计电量的平均价格，取该小时内最贵的开始时刻。",
    ),
    "notice.5min": ("5 minutes", "5分钟"),
    "notice.30min": ("30 minutes", "30分钟"),
    "notice.4h": ("4 hours", "4小时"),
    "notice.day-ahead": ("on the day before", "日前"),
}
