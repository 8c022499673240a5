// What the page says back: toasts, errors in words, focus that does not get lost in a swap.

const STAYS = new Set(["danger", "warn"]);
const ICONS = { ok: "circle-check", warn: "triangle-alert", danger: "octagon-alert", info: "info" };

// -- Toasts ------------------------------------------------------------------------------------
function dismiss(toast) {
  toast.classList.add("is-leaving");
  setTimeout(() => toast.remove(), 240);
}

function expire(toast) {
  if (![...STAYS].some((tone) => toast.classList.contains(tone))) setTimeout(() => dismiss(toast), 6000);
}

function say(text, tone = "info") {
  const tray = document.querySelector("#toasts");
  if (!tray) return;
  for (const other of tray.children) if (other.innerText.trim() === text) other.remove();
  const toast = document.querySelector("#toast-template").content.firstElementChild.cloneNode(true);
  toast.classList.add(tone);
  toast.querySelector("span").textContent = text;
  const use = toast.querySelector("use");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${ICONS[tone] ?? "info"}`));
  tray.append(toast);
  expire(toast);
  return toast;
}

// -- Answers that are not what the page asked for ---------------------------------------------------
function isWholePage(text) {
  return /^\s*<!doctype/i.test(text);
}

const told = new WeakSet(); // requests whose answer has said itself what went wrong

function divert(event) {
  const { xhr, target } = event.detail;
  if (!isWholePage(xhr.responseText) || target === document.body) return;
  event.detail.shouldSwap = false;
  const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
  if (page.documentElement.hasAttribute("data-sign-in")) location.reload();
  else if (xhr.status >= 400) {
    told.add(xhr);
    say(page.querySelector("[data-error]")?.textContent ?? page.title, "danger");
  } else location.assign(xhr.responseURL);
}

const UNREACHABLE = "The server cannot be reached. Check that Reverie is running; nothing was lost, try again.";
const BROKEN = "The server failed to answer. What you sent may not be saved; reload the page to see.";
let unreachable = null;

function sayUnreachable() {
  unreachable = say(UNREACHABLE, "danger");
}

// What it warned of is over as soon as something comes through.
function sayReached({ detail }) {
  if (detail.successful) unreachable?.remove();
}

// -- Morphing -----------------------------------------------------------------------------------------
// What the reader opened stays open when the server, which does not know, sends the part anew.
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, _node, change) => !(name === "open" && change === "remove");

// -- Focus -----------------------------------------------------------------------------------------
// A button that is switched off while its request is under way has lost the focus when the answer comes.
const asking = new WeakMap();
let focused = "";

function rememberAsking(event) {
  asking.set(event.detail.xhr, document.activeElement?.id ?? "");
}

function rememberFocus(event) {
  const here = document.activeElement;
  focused = here && here !== document.body ? here.id : (asking.get(event.detail.xhr) ?? "");
}

function restoreFocus(event) {
  const scope = event.detail.elt;
  const wanted =
    scope.querySelector?.("[autofocus], [aria-invalid='true']") ??
    (document.activeElement === document.body && focused ? document.getElementById(focused) : null);
  if (wanted && scope.contains(wanted)) wanted.focus({ preventScroll: true });
}

// -- Listening -----------------------------------------------------------------------------------------
document.addEventListener("click", (event) => {
  const close = event.target.closest?.("[data-toast-close]");
  if (close) dismiss(close.closest("[data-toast]"));
});
document.addEventListener("toast", (event) => say(event.detail.text ?? event.detail.value, event.detail.tone));
document.addEventListener("htmx:beforeRequest", rememberAsking);
document.addEventListener("htmx:beforeSwap", (event) => {
  divert(event);
  rememberFocus(event);
});
document.addEventListener("htmx:afterSettle", restoreFocus);
for (const failure of ["htmx:sendError", "htmx:timeout"]) document.addEventListener(failure, sayUnreachable);
document.addEventListener("htmx:afterRequest", sayReached);
document.addEventListener("htmx:responseError", (event) => {
  if (told.has(event.detail.xhr)) return;
  if (event.detail.xhr.status >= 500) say(BROKEN, "danger");
  else say(`The server refused: ${event.detail.xhr.status} ${event.detail.xhr.statusText}.`, "danger");
});
for (const toast of document.querySelectorAll("[data-toast]")) expire(toast);
