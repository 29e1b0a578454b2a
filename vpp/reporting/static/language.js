(function () {
  "use strict";
  var root = document.documentElement;
  var wanted = /[?&#]lang=(en|zh)\b/.exec(location.href);
  var language = wanted ? wanted[1] : /^zh\b/i.test(navigator.language || "") ? "zh" : "en";
  root.classList.add("js");
  root.lang = language === "zh" ? "zh-CN" : "en";
  root.dataset.lang = language;
})();
