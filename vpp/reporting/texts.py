"""Every sentence of the report page, in English and Chinese, under one key each.

Placeholders in braces are filled by the page; both languages take the same ones.
"""

from collections.abc import Mapping

from markupsafe import Markup, escape

TEXTS: Mapping[str, tuple[str, str]] = {
    "title": ("Demand-response event report", "需求响应事件报告"),
    "unit": ("Unit: {unit}", "单位：{unit}"),
    # header
    "event": ("Event", "事件"),
    "window": ("Window", "时段"),
    "shanghai": ("Asia/Shanghai, UTC+8", "北京时间"),
    "direction": ("Direction", "方向"),
    "direction.curtail": ("curtail", "削峰"),
    "direction.fill": ("fill", "填谷"),
    "program": ("Programme", "方案"),
    "scenario": ("Scenario", "场景"),
    "seed": ("seed {seed}", "种子 {seed}"),
    "reference_peak": ("Reference peak", "基准峰值"),
    "target_percent": ("Target", "目标"),
    "of_peak": ("of the reference peak", "占基准峰值"),
    "states": ("Course of the event", "事件进程"),
    "state.draft": ("draft", "草拟"),
    "state.approved": ("approved", "已批准"),
    "state.invited": ("invited", "已邀约"),
    "state.committed": ("committed", "已承诺"),
    "state.active": ("active", "执行中"),
    "state.releasing": ("releasing", "恢复中"),
    "state.verifying": ("verifying", "核定中"),
    "state.settled": ("settled", "已结算"),
    "state.cancelled": ("cancelled", "已取消"),
    "state.certified": ("certified", "已认证"),
    # verdict
    "verdict": ("Verdict", "结论"),
    "met": ("Target met", "达到目标"),
    "missed": ("Target missed", "未达目标"),
    "missed_by": (
        "Short by up to {gap} {unit} in {count} of {total} intervals",
        "{total} 个时段中有 {count} 个未达标，最多差 {gap} {unit}",
    ),
    "gap_unknown": (
        "Verified response or target is unknown in {count} of {total} intervals",
        "{total} 个时段中有 {count} 个缺少核定响应量或目标值",
    ),
    "min_percent": ("Weakest interval", "最低时段"),
    "mean_percent": ("Mean of the event", "事件平均"),
    "target": ("Target", "目标"),
    "margin": ("Verified less target", "核定减目标"),
    "binding": ("Limits that bind", "起约束作用的限制"),
    "binding_none": ("No limit stopped the plan from reaching its target.", "没有限制阻碍计划达到目标。"),
    "largest_shortfall": ("Largest shortfall", "最大缺口"),
    "capability": ("Capability", "响应能力"),
    "connected": ("Connected", "接入"),
    "declared": ("Declared", "申报"),
    "reachable": ("Reachable in the weakest interval", "最低时段可达"),
    "largest_reachable": ("Most that the plan could reach, weakest interval", "计划最多可达（最低时段）"),
    "enrolled": ("Enrolled share of the reference peak", "签约容量占基准峰值"),
    # series
    "committed": ("Committed", "承诺"),
    "commanded": ("Commanded", "下发"),
    "acknowledged": ("Acknowledged", "确认"),
    "metered": ("Metered", "计量"),
    "verified": ("Verified", "核定"),
    "truth": ("Truth (simulation)", "真值（仿真）"),
    "actual": ("Load", "实际负荷"),
    "baseline": ("Baseline", "基线负荷"),
    "no_event": ("Without the event (simulation)", "无事件负荷（仿真）"),
    "interval": ("Interval", "时段"),
    # sections
    "delivered": ("Target against delivered", "目标与响应"),
    "delivered_note": (
        "Response in the asked direction, mean of each 15-minute interval. Verified counts good readings only.",
        "按要求方向的响应量，每 15 分钟时段均值。核定只计质量良好的读数。",
    ),
    "load": ("Load against baseline", "负荷与基线"),
    "load_note": (
        "Load of the portfolio. The shaded band is the event. The vertical axis does not start at zero.",
        "参与资源的总负荷。阴影为事件时段。纵轴不从零开始。",
    ),
    "by_kind": ("Verified response by kind", "按类型核定响应量"),
    "by_kind_note": ("Stacked per interval; the line is the target.", "按时段堆叠；横线为目标。"),
    "mean": ("Mean", "平均"),
    "lowest": ("Lowest", "最低"),
    "share": ("Share", "占比"),
    "by_node": ("By network node", "按电网节点"),
    "by_node_note": (
        "Highest net flow of the event against the import limit (black mark); the most loaded node first.",
        "事件期间最大净流量与受电限值（黑线）对比，负载最重者在前。",
    ),
    "node": ("Node", "节点"),
    "verified_mean": ("Verified, mean", "核定均值"),
    "net_flow": ("Highest net flow", "最大净流量"),
    "forecast_flow": ("No-event forecast", "无事件预测"),
    "limit": ("Limit", "限值"),
    "loading": ("Loading", "负载率"),
    "over_limit": ("over the limit", "超过限值"),
    "over_before": ("over the limit, and forecast to be so without the event", "超过限值，且无事件预测亦超限"),
    "waterfall": ("From committed to verified", "从承诺到核定"),
    "waterfall_note": (
        "Mean of the event as a bar, its weakest interval as a mark. The last column compares with the figure above.",
        "条形为事件均值，竖线为最低时段。最后一列与上一项比较。",
    ),
    "change": ("Change", "变化"),
    "redispatches": ("Re-dispatches", "再调度"),
    "redispatches_none": (
        "The first plan held to the end; nothing was re-dispatched.",
        "首个计划一直有效，没有再调度。",
    ),
    "at": ("At", "时间"),
    "reason": ("Reason", "原因"),
    "revision": ("Revision", "版本"),
    "before": ("Expected before", "调整前预期"),
    "after": ("Expected after", "调整后预期"),
    "redispatch.initial": ("first plan", "首个计划"),
    "redispatch.shortfall": ("verified response fell short of the target", "核定响应量低于目标"),
    "redispatch.trim": ("more was delivered than asked", "响应量超过要求"),
    "redispatch.opt_out": ("a participant opted out", "有用户退出"),
    "redispatch.restart": ("the controller restarted", "控制器重启"),
    "redispatch.loss": ("resources were lost", "有资源失联"),
    "rebound": ("Rebound", "反弹"),
    "rebound_note": (
        "Highest portfolio load in the two hours after the event, as a share of the day's highest baseline.",
        "事件后两小时内最高总负荷占当日基线最大值的比例。",
    ),
    "participants": ("Participants: who contributed, and why", "参与用户：贡献与缘由"),
    "participant": ("Participant", "用户"),
    "sites": ("{count} sites", "{count} 个站点"),
    "site": ("1 site", "1 个站点"),
    "response": ("Response, kWh", "响应量 kWh"),
    "commitment": ("Committed, kWh", "承诺量 kWh"),
    "ratio": ("Performance", "考核比"),
    "factor": ("Factor", "系数"),
    "payment": ("Payment, CNY", "补偿 元"),
    "why": ("Why", "缘由"),
    "sort_hint": ("Choose a column to sort by.", "点选列名排序。"),
    "show_all": ("Show all {count}", "显示全部 {count} 个"),
    "show_first": ("Show the first {count} only", "只显示前 {count} 个"),
    "settlement": ("Settlement", "结算"),
    "provisional": ("provisional", "暂定"),
    "final": ("final", "最终"),
    "total_payment": ("Total payment", "补偿总额"),
    "total_response": ("Total response", "响应总量"),
    "mean_price": ("Mean paid per kWh", "平均每千瓦时补偿"),
    "paid_count": ("Participants paid", "获补偿用户"),
    "by_factor": ("By payment factor", "按补偿系数"),
    "participants_count": ("Participants", "用户数"),
    "sum_rows": ("Sum of the statements", "结算单合计"),
    "sum_differs": (
        "The statements do not add up to the totals above. Do not pay from this report.",
        "结算单合计与总额不符，请勿据此支付。",
    ),
    "statements_hash": ("SHA-256 of the statements", "结算单 SHA-256"),
    "baselines": ("Baselines", "基线"),
    "method": ("Method", "方法"),
    "method.last5_normal_days": ("mean of the last 5 normal days", "前 5 个正常日均值"),
    "method.top5_of_10": ("mean of the 5 highest of 10 days", "前 10 日中最高 5 日均值"),
    "placebo_bias": ("Placebo bias", "安慰剂检验偏差"),
    "placebo_cvrmse": ("Placebo error CV(RMSE), adjusted", "安慰剂误差 CV(RMSE)，调整后"),
    "placebo_unadjusted": ("Placebo error CV(RMSE), unadjusted", "安慰剂误差 CV(RMSE)，未调整"),
    "margin_held": ("Margin held above the target for what cannot be measured", "为无法测量部分在目标之上预留的裕度"),
    "baselines_note": (
        "Placebo: the same method on days without an event, where the right answer is zero response.",
        "安慰剂检验：对没有事件的日子用同一方法，正确结果应为零响应。",
    ),
    "fairness": ("Fairness", "公平性"),
    "gini": ("Gini coefficient of calls", "调用基尼系数"),
    "gini_note": (
        "Over all eligible resources of the season: 0 is an even share, 1 is one resource carrying everything.",
        "覆盖本季全部合格资源：0 为平均分担，1 为单一资源承担全部。",
    ),
    "emissions": ("Emissions", "排放"),
    "shed": ("Shed, net of rebound", "削减电量（扣除反弹）"),
    "shifted": ("Shifted to other hours", "转移到其他时段"),
    "emission_factor": ("Grid factor", "电网排放因子"),
    "avoided": ("CO₂ avoided", "减少 CO₂"),
    "emissions_note": (
        "Only energy that was shed, not energy that was moved, is credited.",
        "只计削减的电量，不计转移的电量。",
    ),
    "solver": ("Solver", "求解"),
    "status": ("Status", "状态"),
    "gap": ("Optimality gap", "最优性间隙"),
    "wall": ("Wall time", "用时"),
    "invariants": ("Invariants", "不变量"),
    "invariants_note": ("Promises checked on the recorded facts of this event.", "依据本事件记录逐项核对的承诺。"),
    "ok": ("ok", "通过"),
    "broken": ("broken", "未通过"),
    "unchecked": ("not checked", "未核对"),
    "trace": ("Trace", "溯源"),
    "log_hash": ("SHA-256 of the fact log", "事实日志 SHA-256"),
    "trace_note": (
        "Replaying the same facts gives the same hash; one altered reading changes it.",
        "重放相同事实得到相同哈希；改动任一读数即改变。",
    ),
    "no_value": ("“–” means that there is no value; it never stands for zero.", "“–”表示没有数值，绝不代表零。"),
    "currency.CNY": ("CNY", "元"),
    "solver.exact": ("exact (HiGHS)", "精确求解（HiGHS）"),
    "solver.greedy": ("greedy merit order", "优先序贪心"),
    "invariant.protected_never_called": ("No protected customer was called", "未调用受保护用户"),
    "invariant.bids_never_exceeded": ("Nobody was asked for more than it bid", "调用量未超出任何申报量"),
    "invariant.only_committed_called": ("Only committed resources were called", "只调用已承诺资源"),
    "invariant.setpoints_within_rating": ("Setpoints within ratings", "指令不超过额定功率"),
    "invariant.commands_ordered": ("Commands in rising order", "指令序号递增"),
    "invariant.acknowledged_not_above_commanded": ("No more acknowledged than commanded", "确认量不超过下发量"),
    "invariant.verified_not_above_metered_where_good": (
        "Verified equals metered where readings are good",
        "读数良好时核定等于计量",
    ),
    "invariant.statements_sum_to_district": ("Statements add up to the district", "结算单合计等于全区总量"),
    "invariant.states_follow_the_table": ("States follow the state table", "事件状态符合状态表"),
    "invariant.epoch_known": ("The controller knows its epoch", "控制器纪元已知"),
    # kinds
    "kind.factory_line": ("Factory lines", "工厂产线"),
    "kind.factory_process": ("Factory processes", "工厂流程"),
    "kind.public_charging": ("Public charging", "公共充电"),
    "kind.residential_charging": ("Residential charging", "居民充电"),
    "kind.cooling": ("Cooling", "空调制冷"),
    "kind.lighting": ("Lighting", "照明"),
    "kind.storage": ("Storage", "储能"),
}


def bilingual(en: str, zh: str) -> Markup:
    """Both languages as HTML, of which the page's style sheet shows one; the texts are escaped."""
    return Markup('<span class="en" lang="en">{}</span><span class="zh" lang="zh-CN">{}</span>').format(en, zh)


def text(key: str, **values: object) -> Markup:
    """The catalogue's sentence in both languages, placeholders filled with escaped ``values``.

    Raises:
        KeyError: ``key`` is not in the catalogue, or a placeholder has no value.
    """
    en, zh = TEXTS[key]
    return bilingual(en.format(**values), zh.format(**values)) if values else bilingual(en, zh)


def word(prefix: str, name: object) -> Markup:
    """The catalogue's word for ``name`` under ``prefix``, or ``name`` itself, escaped, where there is none."""
    key = f"{prefix}.{name}"
    return text(key) if key in TEXTS else escape(name)
