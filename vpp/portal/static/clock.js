// The controller's clock, which runs faster than the wall's in a demonstration and may be held while a plan is made.
let at = 0;
let speed = 1;
let since = 0;

const zone = { timeZone: "Asia/Shanghai", hourCycle: "h23" };
const form = new Intl.DateTimeFormat("en-CA", {
  ...zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

export function setClock(instant, factor) {
  at = Date.parse(instant);
  speed = factor;
  since = performance.now();
}

export function controllerNow() {
  return at + (performance.now() - since) * speed;
}

function show() {
  const parts = Object.fromEntries(form.formatToParts(controllerNow()).map((part) => [part.type, part.value]));
  const text = `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute}`;
  for (const element of document.querySelectorAll("[data-clock]")) {
    const shown = element.dataset.clock === "second" ? `${text}:${parts.second}` : text;
    if (element.textContent !== shown) element.textContent = shown;
  }
}

export function startClocks() {
  const source = document.querySelector("[data-now]");
  if (!source) return;
  setClock(source.dataset.now, Number(source.dataset.speed));
  setInterval(show, 500);
}
