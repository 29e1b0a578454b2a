(function () {
  "use strict";
  var root = document.documentElement;

  function each(selector, act) {
    Array.prototype.forEach.call(document.querySelectorAll(selector), act);
  }

  function speak(language) {
    root.dataset.lang = language;
    root.lang = language === "zh" ? "zh-CN" : "en";
    document.title = document.body.dataset["title" + (language === "zh" ? "Zh" : "En")];
    each("[data-speak]", function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.speak === language));
    });
  }

  function draw() {
    var items = JSON.parse(document.getElementById("chart-data").textContent);
    items.forEach(function (chart) {
      Bokeh.embed.embed_item(chart.item, "chart-" + chart.name).then(function (views) {
        var model = views.roots[0].model;
        var legend = document.querySelector('[data-legend="' + chart.name + '"]');
        legend.addEventListener("click", function (click) {
          var button = click.target.closest("button");
          if (!button) { return; }
          var shown = button.getAttribute("aria-pressed") !== "true";
          button.setAttribute("aria-pressed", String(shown));
          model.renderers.forEach(function (renderer) {
            if (renderer.name === button.dataset.series) { renderer.visible = shown; }
          });
        });
        document.getElementById("chart-" + chart.name).dataset.drawn = "yes";
      });
    });
  }

  function sortKey(row, column) {
    var cell = row.cells[column];
    var key = cell.dataset.key;
    return key === undefined ? cell.textContent.trim() : key === "" ? null : Number(key);
  }

  function compare(a, b) {
    return typeof a === "string" ? a.localeCompare(b, root.lang) : a - b;
  }

  function sortBy(table, header) {
    var upward = header.getAttribute("aria-sort") === "descending";
    var column = header.cellIndex;
    var body = table.tBodies[0];
    var rows = Array.prototype.map.call(body.rows, function (row) { return [sortKey(row, column), row]; });
    rows.sort(function (a, b) {
      if (a[0] === null || b[0] === null) { return (a[0] === null) - (b[0] === null); }
      return upward ? compare(a[0], b[0]) : compare(b[0], a[0]);
    });
    rows.forEach(function (pair) { body.appendChild(pair[1]); });
    Array.prototype.forEach.call(header.parentNode.cells, function (other) { other.removeAttribute("aria-sort"); });
    header.setAttribute("aria-sort", upward ? "ascending" : "descending");
  }

  each("[data-speak]", function (button) {
    button.addEventListener("click", function () { speak(button.dataset.speak); });
  });
  each("table.sortable thead button", function (button) {
    button.addEventListener("click", function () { sortBy(button.closest("table"), button.closest("th")); });
  });
  each("[data-expand]", function (button) {
    button.addEventListener("click", function () {
      var whole = document.getElementById(button.dataset.expand).classList.toggle("whole");
      button.setAttribute("aria-expanded", String(whole));
    });
  });
  speak(root.dataset.lang);
  draw();
})();
