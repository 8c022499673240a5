// The session page: previews as they are spoken, the composer, running clocks, links to entries.

const find = (selector) => document.querySelector(selector);

// -- Previews: text, never HTML --------------------------------------------------------------
const OPENS = { "agent.message": "#preview-template", "agent.thinking": "#thinking-template" };

function preview(event) {
  const said = JSON.parse(event.data);
  const place = find("#preview");
  if (said.type === "event_start") {
    const opened = find(OPENS[said.event.type]).content.firstElementChild.cloneNode(true);
    opened.dataset.event = said.event.id;
    place.replaceChildren(opened);
  } else {
    place.querySelector(`[data-event="${CSS.escape(said.event_id)}"] p`)?.append(said.delta.content.text);
  }
}

// -- The connection ------------------------------------------------------------------------------
const known = new WeakSet();
let lost = 0;

function showConnection(isLost) {
  clearTimeout(lost);
  const note = find("#connection");
  if (!note) return;
  if (!isLost) note.hidden = true;
  else lost = setTimeout(() => (note.hidden = document.hidden), 1200);
}

document.addEventListener("htmx:sseError", () => showConnection(true));
document.addEventListener("live:gone", () => {
  document.dispatchEvent(new CustomEvent("toast", { detail: { tone: "warn", text: "This session was deleted." } }));
  find("#composer")?.remove();
});
document.addEventListener("htmx:sseOpen", ({ detail: { source } }) => {
  showConnection(false);
  if (known.has(source)) return;
  known.add(source);
  source.onwelcome = (glances) => {
    const note = find("#glances");
    if (note) note.hidden = !glances;
  };
  source.addEventListener("preview", preview);
  source.addEventListener("gone", () => document.dispatchEvent(new CustomEvent("live:gone")));
});

// -- The composer ------------------------------------------------------------------------------------
const touches = matchMedia("(pointer: coarse)");

document.addEventListener("keydown", (event) => {
  const box = event.target.closest?.("#composer-text");
  if (!box || event.key !== "Enter" || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
  // While a word is being composed, Enter chooses it; on a phone there is no other key for a new line.
  if (event.isComposing || touches.matches) return;
  event.preventDefault();
  if (box.value.trim()) box.form.requestSubmit(box.form.querySelector(".primary"));
});

let sent = "";

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id === "composer") sent = find("#composer-text").value;
});

document.addEventListener("htmx:afterRequest", (event) => {
  const box = find("#composer-text");
  if (event.target.id !== "composer" || event.detail.xhr.status !== 204 || box.value !== sent) return;
  box.value = "";
  box.removeAttribute("aria-invalid");
  find("#composer-error")?.remove();
  box.dispatchEvent(new Event("input", { bubbles: true }));
  scrollTo({ top: document.scrollingElement.scrollHeight });
});

// -- Replies: their buttons go with what they answer, the focus goes on to what comes next ------------
const REPLIES = ".held-form form, #activity form, #waiting form, #stop button";
let replied = false;

function goOn() {
  if (!replied || document.activeElement !== document.body) return;
  replied = false;
  (find(".held-form button") ?? (touches.matches ? null : find("#composer-text")))?.focus({ preventScroll: true });
}

// What asked may be gone before its answer comes: the event then happens further up.
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.requestConfig.elt.matches(REPLIES) || !detail.successful) return;
  replied = true;
  goOn();
});
document.addEventListener("htmx:sseMessage", goOn);
for (const name of ["pointerdown", "keydown"]) document.addEventListener(name, () => (replied = false), true);

// -- Clocks ------------------------------------------------------------------------------------------
function length(seconds) {
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

function tick() {
  for (const clock of document.querySelectorAll("[data-since], [data-until]")) {
    const { since, until } = clock.dataset;
    const seconds = Math.round((since ? Date.now() - Date.parse(since) : Date.parse(until) - Date.now()) / 1000);
    clock.textContent = seconds <= 0 ? "" : until ? `in ${length(seconds)}` : length(seconds);
  }
}

setInterval(tick, 1000);

// -- Links to entries ------------------------------------------------------------------------------------
document.addEventListener("click", async (event) => {
  const link = event.target.closest?.(".permalink");
  if (!link || event.ctrlKey || event.metaKey || !navigator.clipboard) return;
  event.preventDefault();
  await navigator.clipboard.writeText(link.href);
  document.dispatchEvent(new CustomEvent("toast", { detail: { tone: "ok", text: "Link copied." } }));
});

// -- More of the log: it comes while one scrolls towards it, and what is read stays in its place ------
const AHEAD = 800; // pixels
let top = scrollY;

addEventListener("scroll", () => {
  const isUp = scrollY < top;
  top = scrollY;
  for (const more of document.querySelectorAll("#entries > .more")) {
    const { top: above, bottom } = more.getBoundingClientRect();
    const isFirst = !more.previousElementSibling;
    const isNear = isFirst ? isUp && bottom > -AHEAD : !isUp && above < innerHeight + AHEAD;
    // Once by itself: what failed is for the reader to try again.
    if (!isNear || more.asked) continue;
    more.asked = true;
    more.querySelector("button").click();
  }
}, { passive: true });

let held = null;

document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
  const below = target.matches("#entries > .more:first-child") && target.nextElementSibling;
  held = below ? [below, below.getBoundingClientRect().top] : null;
});
document.addEventListener("htmx:afterSwap", () => {
  if (held) scrollBy({ top: held[0].getBoundingClientRect().top - held[1], behavior: "instant" });
  held = null;
});

// -- Keys: from error to error, from write to write ------------------------------------------------------
const STOPS = {
  e: ["#entries .is-error, #entries .alert.danger", "error"],
  w: ["#entries .is-write", "write"],
};
const CLEAR = 90; // pixels below the top where an entry stands free of what sticks there

function walk(selector, name, back) {
  const places = [...document.querySelectorAll(selector)].map((entry) => [entry, entry.getBoundingClientRect().top - CLEAR]);
  const [next] = (back ? places.findLast(([, top]) => top < -2) : places.find(([, top]) => top > 2)) ?? [];
  if (!next) {
    const text = `No ${back ? "earlier" : "later"} ${name} is shown here.`;
    document.dispatchEvent(new CustomEvent("toast", { detail: { tone: "info", text } }));
    return;
  }
  scrollBy({ top: next.getBoundingClientRect().top - CLEAR });
  (next.querySelector("summary") ?? next).focus({ preventScroll: true });
}

document.addEventListener("keydown", (event) => {
  const stop = STOPS[event.key.toLowerCase()];
  if (!stop || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (!find("#entries") || event.target.closest?.("input, textarea, select, [contenteditable], dialog")) return;
  event.preventDefault();
  walk(...stop, event.shiftKey);
});

find(".is-target")?.scrollIntoView({ block: "center" });
