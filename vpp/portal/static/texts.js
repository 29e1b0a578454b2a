// The browser's part of the catalogue; the page carries it in its own language.
const texts = JSON.parse(document.getElementById("texts").textContent);

export function t(key, values = {}) {
  if (!(key in texts)) throw new Error(`no text under ${key}`);
  return texts[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}
