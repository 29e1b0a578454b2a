"""Words of the participant's pages."""

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "me.resources_line": ("{count:resource|resources}, rated {rated}", "{count} 个资源，额定 {rated}"),
    "me.invited": ("Invitation: {direction}, {window}", "邀约：{direction}，{window}"),
    "me.answer_by": ("answer by {until}", "请在 {until} 前答复"),
    "me.invited_text": (
        "{count} of your resources may be called, at most {most}.",
        "您有 {count} 个资源可能被调用，最多 {most}。",
    ),
    "me.price": (
        "The programme pays ¥\N{NO-BREAK SPACE}{price} per kWh.",
        "项目补偿标准每千瓦时 ¥\N{NO-BREAK SPACE}{price}。",
    ),
    "me.you_said": ("Your answer: {answer}", "您的答复：{answer}"),
    "me.may_change": ("You may change it until the deadline.", "截止前可更改。"),
    "me.accept": ("Accept", "接受"),
    "me.decline": ("Decline", "拒绝"),
    "me.bid": ("Offer a smaller quantity", "申报较小的响应量"),
    "me.bid_quantity": ("At most, kW in any interval", "任一时段最多（kW）"),
    "me.bid_note": ("More than 0, at most {most}.", "大于 0，最多 {most}。"),
    "me.bid_go": ("Accept with this quantity", "按此数量接受"),
    "me.nothing_waiting": ("No invitation waits for your answer.", "没有等待答复的邀约。"),
    "me.answer_here": ("Answer the invitation", "去答复"),
    "me.underway": ("Event {window}", "事件 {window}"),
    "me.asked_now": ("Asked of you now", "当前要求您"),
    "me.asked_now_more": ("against your baseline", "相对基线"),
    "me.delivered_now": ("Delivered so far in this interval", "本时段截至目前响应"),
    "me.not_called": ("None of your resources is called. You need not do anything.", "您的资源未被调用，无需操作。"),
    "me.why": ("Why me?", "为什么是我？"),
    "me.at_revision": ("plan {number}: ", "第 {number} 版计划："),
    "me.load": ("My load", "我的负荷"),
    "me.load_name": ("Load of all your resources today, per interval", "今日您全部资源各时段负荷"),
    "me.load_note": (
        "Mean of each 15 minutes. The shaded band is the event; the vertical axis need not start at zero.",
        "每 15 分钟均值，阴影为事件时段，纵轴不一定从零开始。",
    ),
    "me.load_no_baseline": (
        "Mean of each 15 minutes. A baseline appears once an event of the day has frozen it.",
        "每 15 分钟均值。当日事件冻结基线后显示基线。",
    ),
    "me.resources": ("My resources", "我的资源"),
    "me.events": ("My events", "我的事件"),
    "me.no_events": ("You have not been part of an event yet.", "您尚未参与任何事件。"),
    "me.leave": ("Opt out of this event", "退出本次事件"),
    "me.leave_reason": ("Reason, for the record", "原因（将被记录）"),
    "me.leave_note": (
        "Your resources are released at the next plan. What you delivered until then is paid by the programme's rules.",
        "您的资源将在下一版计划中释放，此前的响应按项目规则补偿。",
    ),
    "me.leave_go": ("Opt out", "确认退出"),
    "me.asked_most": ("Asked, most", "最大要求"),
    "me.command": ("Command", "指令"),
    "me.no_decisions": ("Nothing has been decided on your resources yet.", "尚未对您的资源作出决定。"),
    "statement.payment": ("Payment", "补偿"),
    "statement.price": ("at ¥\N{NO-BREAK SPACE}{price} per kWh", "每千瓦时 ¥\N{NO-BREAK SPACE}{price}"),
    "statement.net": ("Response", "响应量"),
    "statement.graded": ("graded {graded}", "考核电量 {graded}"),
    "statement.committed": ("Called for", "要求电量"),
    "statement.committed_more": ("in metered intervals", "仅计已计量时段"),
    "statement.ratio": ("Performance", "考核比"),
    "statement.factor": ("payment factor {factor}", "补偿系数 {factor}"),
    "statement.by_interval": ("Contribution by interval", "各时段贡献"),
    "statement.by_interval_note": ("Energy per interval, kWh", "各时段电量，kWh"),
    "statement.meters": ("Meters counted", "计入表计"),
    "statement.sum": ("Sum", "合计"),
    "statement.findings": ("Findings on how it was computed: {count} (in English)", "计算说明 {count} 条（英文）"),
    "statement.uncertainty": (
        (
            "One site in one event may be off by 10 to 13\N{NO-BREAK SPACE}% of its load: "
            "that is how well a baseline can know it."
        ),
        "单个站点单次事件的基线误差可达其负荷的 10\N{NO-BREAK SPACE}至\N{NO-BREAK SPACE}13\N{NO-BREAK SPACE}%。",
    ),
    "statement.provisional": (
        "Provisional: the event is not settled. Figures may still change.",
        "暂定：事件尚未结算，数据可能变化。",
    ),
    "statement.provisional_tag": ("provisional", "暂定"),
    "statement.final_tag": ("final", "最终"),
    "statement.document": ("Document", "文件"),
    "statement.download": ("Download statement", "下载结算单"),
    "statement.digest": ("SHA-256 of all statements of the event:", "本事件全部结算单的 SHA-256："),
    "statement.none": ("There are no statements yet.", "尚无结算单。"),
    "statement.none_yet": (
        "There is no statement: your resources have not been called, or nothing is metered yet.",
        "尚无结算单：您的资源未被调用，或尚未计量。",
    ),
    "statement.total": (
        "{count:final statement|final statements}, {money} in all",
        "最终结算单 {count} 份，合计 {money}",
    ),
    "data.consent": ("Consent", "授权"),
    "data.consent_text": (
        (
            "With your consent the operator may export your metered energy, baselines and statements. You may "
            "withdraw it at any time; what was exported before is not called back."
        ),
        "经您授权，运营方可导出您的计量电量、基线和结算单。您可随时撤回，此前已导出的数据不收回。",
    ),
    "data.given": ("Given on {at} by {who}.", "已于 {at} 由 {who} 授权。"),
    "data.not_given": ("Not given: nobody but you may export your data.", "未授权：除您本人外任何人不得导出您的数据。"),
    "data.give": ("Give consent", "授权"),
    "data.withdraw": ("Withdraw consent", "撤回授权"),
    "data.export": ("Export", "导出"),
    "data.export_text": (
        "Energy of all your meters per 15 minutes, with the baselines of your events; at most 31 days at once.",
        "您全部表计每 15 分钟电量及事件基线，每次最多 31 天。",
    ),
    "data.first": ("First day", "首日"),
    "data.last": ("Last day", "末日"),
    "data.csv": ("Export as CSV", "导出 CSV"),
    "data.json": ("Export as JSON", "导出 JSON"),
    "data.flaw": ("Choose two days, at most 31 days apart.", "请选择两个日期，间隔不超过 31 天。"),
}
