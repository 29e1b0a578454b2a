"""Words of the operator's overview and of declaring an event."""

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "overview.title": ("The district now", "全区概况"),
    "overview.reachable": ("Reachable in the next hour", "未来一小时可达"),
    "overview.reachable_more": (
        (
            "{percent}\N{NO-BREAK SPACE}% of the reference peak in the weakest interval; "
            "the duty is {duty}\N{NO-BREAK SPACE}%"
        ),
        "最低时段占基准峰值 {percent}\N{NO-BREAK SPACE}%，目标能力为 {duty}\N{NO-BREAK SPACE}%",
    ),
    "overview.reachable_none": ("No gateway has offered anything yet.", "尚无网关上报可调能力。"),
    "overview.offered": ("Offered {offered} of {connected} connected", "上报 {offered}，接入 {connected}"),
    "overview.gateways": ("Gateways online", "在线网关"),
    "overview.of": ("{some} of {all}", "{some}/{all}"),
    "overview.gateways_more": ("All are connected.", "全部在线。"),
    "overview.gateways_missing": ("{count} not connected", "{count} 个离线"),
    "overview.peak": ("Reference peak", "基准峰值"),
    "overview.peak_more": ("{source}, {date}", "{source}，{date}"),
    "overview.warning": ("Orderly-use warning level", "有序用电预警等级"),
    "overview.warning_gap": (
        "forecast gap of the day {gap}, {percent} of the largest demand",
        "当日预测缺口 {gap}，占最大负荷 {percent}",
    ),
    "overview.warning_no_gap": ("No gap is forecast for the rest of the day.", "当日剩余时段无预测缺口。"),
    "overview.warning_more": (
        "Shown only. Nothing is ever commanded from it.",
        "仅供查看，不会据此下发任何指令。",
    ),
    "overview.events": ("Events", "事件"),
    "overview.no_events": ("No event has been declared yet.", "尚未发起任何事件。"),
    "declare.title": ("Declare an event", "发起事件"),
    "declare.reach": ("What is reachable in this window", "所选时段可达能力"),
    "declare.likely": ("Likely to be verified", "预计可核定"),
    "declare.likely_more": ("{percent} of the reference peak, weakest interval", "占基准峰值 {percent}，最低时段"),
    "declare.likely_short": ("Likely", "预计"),
    "declare.offered": ("Offered", "上报"),
    "declare.offered_more": ("by the gateways, weakest interval", "网关上报，最低时段"),
    "declare.target": ("Target below", "下方目标"),
    "declare.target_more": ("in every interval", "每个时段"),
    "declare.enough": (
        "{window}: {reach} is likely, which covers the target of {target}.",
        "{window}：预计 {reach}，可覆盖目标 {target}。",
    ),
    "declare.short": (
        (
            "{window}: only {reach} is likely, less than the target of {target}. The event can be declared, but the "
            "target may be missed."
        ),
        "{window}：预计仅 {reach}，低于目标 {target}。仍可发起，但可能无法达标。",
    ),
    "declare.by_kind": ("By kind, weakest interval", "按类型（最低时段）"),
    "declare.by_interval": ("By interval", "按时段"),
    "declare.resources": ("Resources", "资源数"),
    "declare.percent": ("Of the peak", "占峰值"),
    "declare.left_out": ("{count:resource|resources} that cannot be called", "{count} 个资源不能调用"),
    "declare.left_out_line": ("{count}, rated {rated}", "{count} 个，额定 {rated}"),
    "declare.reach_note": (
        (
            "If everybody accepts. Each interval taken alone; energy limits over several hours and the network may "
            "allow less. Reference peak {peak}."
        ),
        "假定全部用户接受。各时段单独计算，多小时能量限制和电网限制可能使实际更低。基准峰值 {peak}。",
    ),
    "declare.covered": (
        "Offers reach until {until}; later intervals repeat the last one.",
        "上报数据截至 {until}，之后按最后时段计。",
    ),
    "declare.no_reach": (
        "Nothing can be said for this window. Choose whole quarter hours that lie ahead.",
        "无法评估该时段。请选择未来的整刻钟时段。",
    ),
    "declare.form": ("The event", "事件内容"),
    "declare.start": ("Start", "开始"),
    "declare.end": ("End", "结束"),
    "declare.zone": ("Beijing time, on quarter hours.", "北京时间，整刻钟。"),
    "declare.target_percent": ("Target, percent of the reference peak", "目标（占基准峰值百分比）"),
    "declare.target_mw": ("or target, MW", "或目标（MW）"),
    "declare.go": ("Declare as a draft", "提交草案"),
    "declare.look": ("Show what is reachable", "查看可达能力"),
    "declare.next": (
        "A draft tells nobody yet. You approve it on the next page, and invitations go out then.",
        "草案不会通知任何用户。在下一页批准后才发出邀约。",
    ),
    "declare.flaw.no_start": ("Enter date and time of the start.", "请填写开始日期和时间。"),
    "declare.flaw.no_end": ("The end must lie after the start.", "结束时间必须晚于开始时间。"),
    "declare.flaw.past": (
        "This is not after the controller's present time, {now}.",
        "该时间不晚于控制器当前时间 {now}。",
    ),
    "declare.flaw.quarter": ("Intervals begin at :00, :15, :30 and :45.", "时段从 00、15、30、45 分开始。"),
    "declare.flaw.notice": (
        "{ahead} minutes ahead; the programme asks for {notice} minutes of notice.",
        "距开始仅 {ahead} 分钟，项目要求提前 {notice} 分钟通知。",
    ),
    "declare.flaw.too_long": ("The programme allows {hours} h at most.", "项目规定最长 {hours} 小时。"),
    "declare.flaw.per_day": (
        "There are {count} events on this day already; the programme allows {most}.",
        "当日已有 {count} 个事件，项目规定最多 {most} 个。",
    ),
    "declare.flaw.program": ("There is no such programme.", "项目不存在。"),
    "declare.flaw.direction": ("The programme cannot be called in this direction.", "该项目不支持此方向。"),
    "declare.flaw.one_target": ("Give one of the two targets.", "请填写两种目标之一。"),
    "declare.flaw.percent": ("{value} % is not more than 0 and at most 100.", "{value} % 不在 0 到 100 之间。"),
    "declare.flaw.megawatts": ("{value} MW is not more than 0.", "{value} MW 不大于 0。"),
}
