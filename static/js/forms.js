// Typing: growing text boxes, counters, unsaved changes, shortcuts, questions before deeds.

// -- Boxes that grow, counters ----------------------------------------------------------------
function grow(box) {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight + box.offsetHeight - box.clientHeight}px`;
}

const encoder = new TextEncoder();

function lengthOf(box) {
  if (box.dataset.counter !== "bytes") return [...box.value].length;
  // The box has one letter for a line end, whatever the file has.
  const ends = "crlf" in box.dataset ? box.value.split("\n").length - 1 : 0;
  return encoder.encode(box.value).length + ends;
}

function count(box) {
  const output = box.id && document.querySelector(`output[for="${CSS.escape(box.id)}"]`);
  if (!output) return;
  const length = lengthOf(box);
  const max = Number(box.dataset.max);
  const over = max && length > max ? ` · ${(length - max).toLocaleString("en")} too many` : "";
  const unit = box.dataset.counter === "bytes" ? " bytes" : "";
  output.textContent = length.toLocaleString("en") + (max ? ` / ${max.toLocaleString("en")}${unit}` : unit) + over;
  output.classList.toggle("is-over", Boolean(max) && length > max);
  output.classList.toggle("is-near", Boolean(max) && length > max * 0.9 && length <= max);
}

function fit(scope) {
  for (const box of scope.querySelectorAll("[data-autosize]")) grow(box);
  for (const box of scope.querySelectorAll("[data-counter]")) count(box);
}

// -- Unsaved changes --------------------------------------------------------------------------
const GUARDED = "form[data-dirty-guard]";

// What a person typed or chose; hidden fields say what it is about, and may change by saving.
function valueOf(form) {
  const typed = [...new FormData(form)].filter(([name, value]) => typeof value === "string" && form.elements[name]?.type !== "hidden");
  return JSON.stringify(typed);
}

function remember(scope) {
  for (const form of scope.querySelectorAll(GUARDED)) {
    // A form that comes back with errors holds text that is saved nowhere.
    form.saved ??= form.matches("[data-unsaved], :has([aria-invalid='true'])") ? "" : valueOf(form);
    markDirty(form);
  }
}

function markDirty(form) {
  const dirty = valueOf(form) !== form.saved;
  form.toggleAttribute("data-dirty", dirty);
  for (const note of form.querySelectorAll("[data-dirty-note]")) note.hidden = !dirty;
}

// -- Questions before deeds -------------------------------------------------------------------
function ask(question, { confirmAction, confirmDismiss }, go) {
  const dialog = document.querySelector("#confirm");
  dialog.querySelector("#confirm-question").textContent = question;
  dialog.querySelector('[value="ok"]').textContent = confirmAction || "Continue";
  dialog.querySelector('[value="cancel"]').textContent = confirmDismiss || "Cancel";
  dialog.returnValue = "cancel";
  dialog.addEventListener("close", () => dialog.returnValue === "ok" && go(), { once: true });
  dialog.showModal();
}

function askBeforeSubmit(event) {
  const form = event.target;
  const asking = event.submitter?.dataset.confirm ? event.submitter : form;
  if (!asking.dataset.confirm || form.confirmed) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  ask(asking.dataset.confirm, asking.dataset, () => {
    form.confirmed = true;
    form.requestSubmit(event.submitter);
    form.confirmed = false;
  });
}

// -- Keys ---------------------------------------------------------------------------------------
function isTyping(target) {
  return target.closest?.("input, textarea, select, [contenteditable], .code-editor");
}

function pressed(event) {
  const meta = event.ctrlKey || event.metaKey;
  if (meta && event.key === "Enter") return event.target.closest?.("form[data-submit-keys]");
  if (meta && event.key.toLowerCase() === "s")
    return event.target.closest?.("form[data-save]") ?? document.querySelector("form[data-save]");
  return null;
}

function onKey(event) {
  // It looks for something; the form around it is not to be sent yet.
  if (event.key === "Enter" && event.target.matches?.("[data-narrows]")) event.preventDefault();
  const form = pressed(event);
  if (form) {
    event.preventDefault();
    if (form.dataset.save === "stay" && event.key !== "Enter") htmx.trigger(form, "stay");
    else form.requestSubmit(form.querySelector('.primary[type="submit"], .primary:not([type])') ?? undefined);
  } else if (!isTyping(event.target) && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const field = document.querySelector(`[data-hotkey="${CSS.escape(event.key)}"]`);
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select?.();
  }
}

// -- Long lists to choose from --------------------------------------------------------------------
// What is ticked stays in sight, whatever is looked for.
function narrow(field) {
  const rows = [...document.querySelector(field.dataset.narrows).children];
  const words = field.value.trim().toLowerCase();
  for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(words) && !row.querySelector("input:checked");
  const left = rows.filter((row) => !row.hidden).length;
  field.closest("div").querySelector("[data-narrowed]").textContent = words ? `${left} of ${rows.length}` : "";
}

// -- Listening ------------------------------------------------------------------------------------
document.addEventListener("input", (event) => {
  if (event.target.matches("[data-autosize]")) grow(event.target);
  if (event.target.matches("[data-counter]")) count(event.target);
  if (event.target.matches("[data-narrows]")) narrow(event.target);
  const form = event.target.closest(GUARDED);
  if (form) markDirty(form);
});

document.addEventListener("change", (event) => {
  // A text box that was hidden could not be measured.
  const text = event.target.closest(".conflict")?.querySelector(".own-text");
  text?.dispatchEvent(new Event("input", { bubbles: true }));
  const all = event.target.closest("[data-check-all]");
  if (!all) return;
  for (const box of document.querySelectorAll(`input[type="checkbox"][name="${CSS.escape(all.dataset.checkAll)}"]`))
    if (box.checked !== all.checked) box.click();
});

document.addEventListener("submit", askBeforeSubmit, true);
document.addEventListener("submit", (event) => {
  event.target.removeAttribute("data-dirty");
  if (event.submitter?.hasAttribute("data-busy")) event.submitter.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("[data-busy]")) button.removeAttribute("aria-busy");
});
document.addEventListener("keydown", onKey);

// A swap that takes a form away leaves it as much as a new page does.
function isLosing({ elt, target }) {
  const form = target?.querySelector?.(`${GUARDED}[data-dirty]`);
  return form && !form.contains(elt) ? form : null;
}

document.addEventListener("htmx:confirm", (event) => {
  const losing = isLosing(event.detail);
  if (losing) {
    event.preventDefault();
    ask("Leave without saving what you typed?", { confirmAction: "Leave", confirmDismiss: "Stay" }, () => event.detail.issueRequest(true));
  }
  if (losing || !event.detail.question) return;
  event.preventDefault();
  ask(event.detail.question, event.detail.elt.dataset, () => event.detail.issueRequest(true));
});

// Saved, and still here: what was sent is the text that nothing has to be asked about.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.matches(`${GUARDED}[data-save="stay"]`)) event.target.sent = valueOf(event.target);
});
document.addEventListener("htmx:afterSettle", (event) => {
  const form = event.target.matches("[data-saved]") && event.target.closest(GUARDED);
  if (!form) return;
  form.saved = form.sent;
  markDirty(form);
});

document.addEventListener("htmx:load", (event) => {
  const scope = event.detail.elt.parentElement ?? document;
  fit(scope);
  remember(scope);
});

for (const failure of ["htmx:sendError", "htmx:responseError"])
  document.addEventListener(failure, (event) => event.target.matches(GUARDED) && markDirty(event.target));

addEventListener("beforeunload", (event) => {
  if (document.querySelector(`${GUARDED}[data-dirty]`)) event.preventDefault();
});

fit(document);
remember(document);

// What was made is shown once, in the answer to the form: reloading that must not make another.
if (document.querySelector("[data-shown-once]")) history.replaceState(history.state, "", location.href);
