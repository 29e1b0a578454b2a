"""What scripts say; the keys' first part is cut off in the browser."""

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "js.done": ("Done.", "已完成。"),
    "js.link_lost": (
        "The connection is lost; figures are as of the last refresh.",
        "连接已断开，数据为最近一次刷新时的值。",
    ),
    "js.no_charts": ("The chart could not be drawn; the table has its figures.", "图表无法绘制，请查看表格数据。"),
    "js.not_sent": (
        "It could not be sent. Whether it was received is not known; sending it again does it only once.",
        "发送失败，无法确认是否已收到；重复发送只会执行一次。",
    ),
    "js.refused": ("It was refused.", "请求被拒绝。"),
    "js.refused_401": ("You are not logged in any more. Load the page again.", "登录已失效，请重新加载页面。"),
    "js.refused_403": ("Your account may not do this.", "您的账户无权进行此操作。"),
    "js.refused_409": ("This is not possible in the present state.", "当前状态下无法进行。"),
    "js.refused_422": ("It was refused:", "请求被拒绝："),
    "js.refused_503": (
        "The service cannot store it right now. Try again in a few seconds.",
        "服务暂时无法保存，请几秒后重试。",
    ),
}
