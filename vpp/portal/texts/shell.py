"""Words that every page has: frame, navigation, login, errors, paging."""

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "shell.product": ("Beichen VPP", "北辰虚拟电厂"),
    "shell.skip": ("Skip to content", "跳到正文"),
    "shell.sections": ("Sections", "栏目"),
    "shell.clock": ("Controller's clock, Beijing time", "控制器时钟（北京时间）"),
    "shell.speed": ("runs at {speed}×", "{speed} 倍速"),
    "shell.other_language": ("中文", "English"),
    "shell.logout": ("Log out", "退出登录"),
    "shell.no_script": (
        (
            "Scripts are off in this browser: figures do not refresh by themselves, and buttons that change something "
            "stay disabled. Allow scripts for this site to use them."
        ),
        "浏览器已禁用脚本：数据不会自动刷新，操作按钮保持不可用。请允许本站运行脚本后再操作。",
    ),
    "shell.footer": ("All times are Beijing time (UTC+8)", "所有时间均为北京时间（UTC+8）"),
    "shell.version": ("version {version}", "版本 {version}"),
    "nav.overview": ("Overview", "总览"),
    "nav.declare": ("Declare an event", "发起事件"),
    "nav.capability": ("Capability", "可调能力"),
    "nav.resources": ("Resources", "资源"),
    "nav.participants": ("Participants", "参与用户"),
    "nav.gateways": ("Gateways", "网关"),
    "nav.me": ("My response", "我的响应"),
    "nav.statements": ("Statements", "结算单"),
    "nav.data": ("My data", "我的数据"),
    "login.title": ("Log in", "登录"),
    "login.intro": (
        "For grid operators and participants of demand response in Beichen District.",
        "供北辰区电网调度人员和需求响应参与用户使用。",
    ),
    "login.name": ("User name", "用户名"),
    "login.password": ("Password", "密码"),
    "login.go": ("Log in", "登录"),
    "login.wrong": (
        "This user name and password do not fit together, or the account is disabled.",
        "用户名与密码不匹配，或账户已停用。",
    ),
    "login.wait": (
        "Too many failed attempts. Try again in {seconds} s.",
        "失败次数过多，请在 {seconds} 秒后重试。",
    ),
    "login.demo": (
        "This is a demonstration. Its user names and passwords stand in the terminal in which it was started.",
        "这是演示系统，用户名和密码显示在启动它的终端中。",
    ),
    "error.title.403": ("Not for this account", "此账户无权访问"),
    "error.text.403": (
        "Your account has another role than this page is for, or this page expired: go back, reload it and try again.",
        "您的账户角色与此页面不符，或页面已过期：请返回，重新加载页面后再试。",
    ),
    "error.title.404": ("Not found", "未找到"),
    "error.text.404": (
        "There is no such page or event, or it does not concern you.",
        "页面或事件不存在，或与您无关。",
    ),
    "error.title.409": ("Not possible now", "当前无法进行"),
    "error.text.409": ("The event is in a state in which this is not there yet.", "事件当前状态下尚无此内容。"),
    "error.title.503": ("Not available right now", "暂时不可用"),
    "error.text.503": (
        "The store cannot be reached. Events go on; try again in a few seconds.",
        "存储暂时无法访问。事件继续执行，请几秒后重试。",
    ),
    "error.title.other": ("This did not work", "操作未成功"),
    "error.text.other": ("The page could not be shown.", "页面无法显示。"),
    "error.home": ("To the first page", "回到首页"),
    "join.list": (", ", "、"),
    "join.clause": (", ", "，"),
    "join.sentence": ("; ", "；"),
    "join.stop": (". ", "。"),
    "join.colon": (": ", "："),
    "join.aside": (" ({what})", "（{what}）"),
    "pager.name": ("Pages", "分页"),
    "pager.shown": ("{first} to {last} of {total}", "第 {first}–{last} 条，共 {total} 条"),
    "pager.previous": ("Previous", "上一页"),
    "pager.next": ("Next", "下一页"),
}
