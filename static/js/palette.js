// The palette: opens anywhere, is filled by the server, and is worked with the keyboard alone.
// Focus stays in the input; the option that Enter would open is named by aria-activedescendant.

const IS_MAC = /Mac|iPhone|iPad/.test(navigator.platform);
const dialog = document.querySelector("#palette");
const input = dialog?.querySelector("[role=combobox]");

function options() {
  return [...dialog.querySelectorAll("[role=option]")];
}

function chosen() {
  return dialog.querySelector("[role=option][aria-selected=true]");
}

function choose(option) {
  for (const other of options()) other.setAttribute("aria-selected", String(other === option));
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const all = options();
  const at = all.indexOf(chosen());
  if (all.length) choose(all[(at + by + all.length) % all.length]);
}

function open() {
  if (!dialog.open) dialog.showModal();
  input.focus();
  input.select();
  htmx.trigger(input, "palette:open");
}

function follow(option, aside) {
  if (aside) window.open(option.href, "_blank", "noopener");
  else location.assign(option.href);
  dialog.close();
}

// What stands in the list may answer fewer letters than were typed: then Enter waits.
let isEntered = false;

function isAnswered() {
  return dialog.querySelector("#palette-list").dataset.typed === input.value;
}

function enter(event) {
  event.preventDefault();
  if (!isAnswered()) {
    isEntered = true;
    htmx.trigger(input, "palette:open"); // Letters typed and taken back at once ask nothing.
  } else if (chosen()) follow(chosen(), event.metaKey || event.ctrlKey);
}

// In a field to search, Escape would first of all empty it.
const KEYS = { ArrowDown: () => step(1), ArrowUp: () => step(-1), Escape: () => dialog.close() };

function onKey(event) {
  if (event.isComposing) return;
  if (event.key === "Enter") enter(event);
  else if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
}

function onAnswer() {
  choose(chosen());
  if (!isEntered || !isAnswered()) return;
  isEntered = false;
  if (chosen()) follow(chosen(), false);
}

function forget() {
  isEntered = false;
}

if (dialog) {
  for (const key of document.querySelectorAll("[data-palette] kbd")) if (IS_MAC) key.textContent = "⌘K";
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || event.shiftKey || event.altKey || !(IS_MAC ? event.metaKey : event.ctrlKey)) return;
    event.preventDefault();
    if (dialog.open) dialog.close();
    else open();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-palette]") || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    open();
  });
  input.addEventListener("keydown", onKey);
  input.addEventListener("input", forget);
  dialog.addEventListener("htmx:afterSettle", onAnswer);
  dialog.addEventListener("htmx:responseError", forget);
  dialog.addEventListener("htmx:sendError", forget);
  dialog.addEventListener("close", () => {
    forget();
    htmx.trigger(input, "htmx:abort"); // What arrives in a closed dialog would open it again.
  });
  dialog.addEventListener("pointermove", (event) => {
    const option = event.target.closest("[role=option]");
    if (option && option !== chosen()) choose(option);
  });
}
