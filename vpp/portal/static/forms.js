// Forms marked data-action are sent to the JSON API; what it refuses is said beside the field.
import { refresh } from "./live.js";
import { t } from "./texts.js";

export function startForms(root) {
  for (const form of root.querySelectorAll("form[data-action]")) {
    if (form.dataset.ready) continue;
    form.dataset.ready = "yes";
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(form, event.submitter);
    });
    for (const button of form.querySelectorAll("button[data-needs-script]")) button.disabled = false;
  }
  for (const form of root.querySelectorAll("form[data-preview]")) {
    if (form.dataset.previews) continue;
    form.dataset.previews = "yes";
    form.addEventListener("input", (event) => {
      follow(form, event.target);
      preview(form);
    });
    for (const field of form.elements) field.before = field.value;
  }
  for (const form of root.querySelectorAll("form[data-auto]")) {
    form.addEventListener("change", () => form.requestSubmit());
  }
}

// One of two fields empties the other; the end of a window moves with its start.
function follow(form, field) {
  const other = field.dataset.clears && form.elements.namedItem(field.dataset.clears);
  if (other && field.value !== "") other.value = "";
  for (const end of form.querySelectorAll(`[data-follows="${field.name}"]`)) {
    const moved = Date.parse(`${field.value}Z`) - Date.parse(`${field.before}Z`);
    const at = Date.parse(`${end.value}Z`) + moved;
    if (Number.isFinite(at)) end.value = end.before = new Date(at).toISOString().slice(0, 16);
  }
  if (field.value !== "") field.before = field.value;
}

// The address of the page with the form's present values: the server renders what they would mean.
function preview(form) {
  clearTimeout(form.pending);
  form.pending = setTimeout(() => {
    const values = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value !== "") values.append(name, value);
    const address = `${location.pathname}?${values}`;
    history.replaceState(null, "", address);
    refresh(address);
  }, 250);
}

async function send(form, submitter) {
  const buttons = [...form.querySelectorAll("button")];
  if (buttons.some((button) => button.disabled)) return;
  clear(form);
  const body = content(form, submitter);
  for (const button of buttons) button.disabled = true;
  submitter?.setAttribute("aria-busy", "true");
  try {
    const action = submitter?.dataset.action ?? form.dataset.action;
    const method = submitter?.dataset.method ?? form.dataset.method ?? "POST";
    const answer = await fetch(action, { method, headers: headers(form), body: JSON.stringify(body) });
    const told = await answer.json().catch(() => null);
    if (answer.ok) await done(form, told, submitter);
    else refuse(form, answer.status, told);
  } catch {
    show(form, null, t("not_sent"));
  } finally {
    submitter?.removeAttribute("aria-busy");
    for (const button of buttons) button.disabled = false;
  }
}

function headers(form) {
  const own = {
    "Content-Type": "application/json",
    Accept: "application/json",
    "X-CSRF-Token": document.querySelector("meta[name=csrf]").content,
  };
  // One key per form as it was rendered: whatever is sent twice happens once.
  if (form.dataset.key) own["Idempotency-Key"] = form.dataset.key;
  return own;
}

function content(form, submitter) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled || field.value === "" || field.dataset.local !== undefined) continue;
    if ((field.type === "radio" || field.type === "checkbox") && !field.checked) continue;
    if (field.tagName === "BUTTON" && field !== submitter) continue;
    body[field.name] = typed(field);
  }
  return { ...JSON.parse(form.dataset.fixed ?? "{}"), ...body };
}

function typed(field) {
  if (field.dataset.type === "number") return Number(field.value);
  if (field.dataset.type === "boolean") return field.value === "true";
  // What people read and write is Beijing time, which has no daylight saving.
  if (field.type === "datetime-local") return `${field.value}:00+08:00`;
  return field.value;
}

async function done(form, told, submitter) {
  const next = submitter?.dataset.next ?? form.dataset.next;
  if (next) {
    location.assign(next.replace("{id}", encodeURIComponent(told?.event_id ?? told?.id ?? "")));
    return;
  }
  form.closest("details")?.removeAttribute("open");
  document.activeElement?.blur();
  announce(t("done"));
  for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
  if (!(await refresh())) location.reload();
}

function refuse(form, status, problem) {
  const errors = Array.isArray(problem?.errors) ? problem.errors : [];
  let placed = false;
  for (const error of errors) {
    placed = show(form, String(error.where).split(".").at(-1), error.message) || placed;
  }
  const key = `refused_${status}`;
  if (!placed) show(form, null, [known(key), problem?.detail].filter(Boolean).join(" "));
}

function known(key) {
  try {
    return t(key);
  } catch {
    return t("refused");
  }
}

// Beside the named field, or below the form when it has no such field.
function show(form, name, sentence) {
  const field = name ? form.elements.namedItem(name) : null;
  const place = (field && form.querySelector(`[data-refusal="${CSS.escape(name)}"]`)) ?? null;
  const target = place ?? form.querySelector("[data-refusal='']");
  target.textContent = sentence;
  if (field instanceof HTMLElement && place) {
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }
  return place !== null;
}

function clear(form) {
  for (const place of form.querySelectorAll("[data-refusal]")) place.textContent = "";
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}

function announce(sentence) {
  const place = document.getElementById("announcements");
  if (place) place.textContent = sentence;
}
