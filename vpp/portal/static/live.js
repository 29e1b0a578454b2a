// Keeps the regions marked data-live as they would be after a reload. The stream only says that something has changed;
// what it is comes from the same address as the page itself, so that rights, language and escaping stay the server's.
import { setClock } from "./clock.js";
import { drawCharts } from "./charts.js";
import { startForms } from "./forms.js";
import { t } from "./texts.js";

const LEAST_GAP_MS = 1500;
let last = 0;
let waiting = null;
let running = null;

export async function refresh(address = location.href) {
  running?.abort();
  const mine = (running = new AbortController());
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" }, signal: mine.signal });
    if (!answer.ok || answer.redirected) {
      if (answer.redirected) location.reload();
      return false;
    }
    take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    return true;
  } catch (error) {
    if (error.name === "AbortError") return false;
    say(t("link_lost"));
    return false;
  } finally {
    if (running === mine) running = null;
    last = performance.now();
  }
}

function take(fresh) {
  for (const region of document.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(region.id);
    if (!other || other.innerHTML === region.fresh || inUse(region)) continue;
    region.fresh = other.innerHTML;
    region.replaceChildren(...document.importNode(other, true).childNodes);
    startForms(region);
  }
  drawCharts(document);
}

// A region in which somebody types, or has opened something, is left alone.
function inUse(region) {
  const active = document.activeElement;
  const typing = active && region.contains(active) && active.matches("input, select, textarea, button, summary");
  return typing || region.querySelector("details[open] form, button[aria-busy]") !== null;
}

function say(sentence) {
  const place = document.getElementById("link-state");
  if (place && place.textContent !== sentence) place.textContent = sentence;
}

function soon() {
  if (waiting || document.hidden) return;
  waiting = setTimeout(() => {
    waiting = null;
    refresh();
  }, Math.max(0, last + LEAST_GAP_MS - performance.now()));
}

export function startLive() {
  const address = document.body.dataset.stream;
  if (!address) return;
  const live = document.querySelector("[data-live]") !== null;
  const stream = new EventSource(address);
  let position = null;
  stream.addEventListener("open", () => say(""));
  stream.addEventListener("tick", (message) => {
    const tick = JSON.parse(message.data);
    setClock(tick.now, tick.speed);
    if (live && position !== null && tick.position !== position) soon();
    position = tick.position;
  });
  stream.addEventListener("error", () => say(t("link_lost")));
  addEventListener("pagehide", () => stream.close());
  document.addEventListener("visibilitychange", () => live && soon());
}
