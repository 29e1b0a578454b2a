"""Words of the lists of resources, participants and gateways."""

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "resource.resource": ("Resource", "资源"),
    "resource.kind": ("Kind", "类型"),
    "resource.state": ("State", "状态"),
    "resource.node": ("Node", "节点"),
    "resource.participant": ("Participant", "用户"),
    "resource.rated": ("Rated", "额定"),
    "resource.power": ("Load now", "当前负荷"),
    "resource.reachable": ("Reachable now", "当前可达"),
    "resource.asked": ("Asked now", "当前要求"),
    "resource.all": ("all", "全部"),
    "resource.filter": ("Filter", "筛选"),
    "resource.clear": ("Show all", "显示全部"),
    "resource.none": ("No resource fits this filter.", "没有符合条件的资源。"),
    "resource.sum": (
        "{count:resource|resources}, load {power}, reachable {reachable}",
        "{count} 个资源，负荷 {power}，可达 {reachable}",
    ),
    "resource.of_reporting": ("{power} of {count} reporting", "{power}（{count} 个有量测）"),
    "participant.name": ("Participant", "用户"),
    "participant.class": ("Class", "类别"),
    "participant.sites": ("Sites", "站点"),
    "participant.resources": ("Resources", "资源"),
    "participant.count": ("{count:participant|participants}", "{count} 户"),
    "gateway.gateway": ("Gateway", "网关"),
    "gateway.online": ("online", "在线"),
    "gateway.offline": ("offline", "离线"),
    "gateway.online_line": ("{online} of {all} online", "{all} 个中 {online} 个在线"),
    "gateway.heard": ("Last reading", "最近量测"),
    "gateway.started": ("Started", "启动时间"),
    "gateway.boot": ("start number {count}", "第 {count} 次启动"),
    "gateway.software": ("Software", "软件"),
}
