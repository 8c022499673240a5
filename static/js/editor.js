// Writing: CodeMirror over the text box of a form, a preview beside it, and a draft that survives a crash.
// The box stays what the form sends, so that counters, warnings and saving work as they do without a script.

const DAYS = 30 * 86_400_000;

// -- Drafts ------------------------------------------------------------------------------------------
// One record per text being written: `draft:<user>:<store>:<file>:<id>`. It goes when the server says that
// the text with this id is saved, or when a person discards it.
const keys = () => Object.keys(localStorage).filter((key) => key.startsWith("draft:"));

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

function forget(id) {
  for (const key of keys()) if (key.endsWith(`:${id}`)) localStorage.removeItem(key);
}

function forgetOld() {
  for (const key of keys()) if (!(read(key)?.at > Date.now() - DAYS)) localStorage.removeItem(key);
}

class Draft {
  constructor(field) {
    this.field = field;
    this.form = field.closest("form");
    this.box = field.querySelector("textarea");
    this.prefix = `${field.dataset.draft}:`;
    const id = this.part("draft");
    if (!id.value) id.value = crypto.getRandomValues(new Uint32Array(4)).reduce((all, next) => all + next.toString(36), "");
  }

  // Looked up anew: saving replaces these fields.
  part(name) {
    return this.form.elements[name];
  }

  get isUnsaved() {
    return this.form.hasAttribute("data-dirty") || this.form.hasAttribute("data-unsaved");
  }

  keep() {
    if (!this.isUnsaved) return forget(this.part("draft").value);
    const record = { text: this.box.value, at: Date.now() };
    for (const name of ["path", "base", "expected"]) record[name] = this.part(name)?.value ?? "";
    try {
      localStorage.setItem(this.prefix + this.part("draft").value, JSON.stringify(record));
    } catch {
      // Storage is full or switched off: the text is then only on the page.
    }
  }

  get others() {
    const own = this.prefix + this.part("draft").value;
    const found = keys().filter((key) => key.startsWith(this.prefix) && key !== own);
    return found.map((key) => [key, read(key)]).sort((one, other) => other[1].at - one[1].at);
  }

  offer() {
    for (const [key, record] of this.others) if (record.text === this.box.value) localStorage.removeItem(key);
    const [[key, record] = []] = this.others;
    if (!key) return;
    const offer = this.form.querySelector("[data-draft-offer]").content.firstElementChild.cloneNode(true);
    const time = offer.querySelector("[data-draft-time]");
    time.dateTime = new Date(record.at).toISOString();
    time.textContent = new Date(record.at).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
    offer.querySelector("[data-draft-older]").hidden = record.base === (this.part("base")?.value ?? "");
    offer.querySelector("[data-draft-restore]").addEventListener("click", () => {
      this.restore(key, record);
      offer.remove();
    });
    offer.querySelector("[data-draft-discard]").addEventListener("click", () => {
      localStorage.removeItem(key);
      offer.remove();
      this.offer();
    });
    this.form.prepend(offer);
  }

  // The text comes back with what it was written upon: saving it meets whatever was saved since.
  restore(key, record) {
    this.part("draft").value = key.slice(this.prefix.length);
    for (const name of ["path", "base", "expected"]) {
      const part = this.part(name);
      if (part && (name !== "path" || part.type !== "hidden")) part.value = record[name];
    }
    write(this.box, record.text);
  }
}

// -- The preview -----------------------------------------------------------------------------------------
const isPreviewed = (form) => Boolean(form.querySelector(".preview"));

function rememberPreview(open) {
  try {
    localStorage.setItem("preview", open ? "open" : "closed");
  } catch {
    // Storage may be switched off; the choice then lasts as long as the page.
  }
}

function togglePreview(button) {
  const form = button.closest("form");
  const open = !isPreviewed(form);
  rememberPreview(open);
  button.setAttribute("aria-pressed", String(open));
  if (open) htmx.trigger(button, "preview");
  else form.querySelector("#preview").replaceWith(Object.assign(document.createElement("div"), { id: "preview" }));
}

// -- The box -----------------------------------------------------------------------------------------------
function write(box, text) {
  box.value = text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.dispatchEvent(new Event("written"));
}

function afterPause(milliseconds, work) {
  let waiting;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(work, milliseconds);
  };
}

async function setUp(field) {
  const draft = new Draft(field);
  const { box, form } = draft;
  const preview = form.querySelector("[data-preview]");
  const show = afterPause(300, () => preview.isConnected && isPreviewed(form) && htmx.trigger(preview, "preview"));
  const keep = afterPause(400, () => form.isConnected && draft.keep());
  form.addEventListener("input", () => {
    form.querySelector("[data-saved-note]")?.remove();
    keep();
    show();
  });
  if (form.hasAttribute("data-unsaved")) draft.keep();
  else draft.offer();
  try {
    const { code } = await import(field.dataset.editor);
    await code(field, box);
  } catch (error) {
    console.warn("The plain box stays:", error);
  }
  if (localStorage.getItem("preview") === "open" && matchMedia("(min-width: 1100px)").matches) {
    preview.setAttribute("aria-pressed", "true");
    htmx.trigger(preview, "preview");
  }
}

function setUpAll() {
  for (const field of document.querySelectorAll("[data-editor]:not([data-editor-ready])")) {
    field.dataset.editorReady = "";
    setUp(field);
  }
}

// -- Listening ---------------------------------------------------------------------------------------------
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-preview]");
  if (!button) return;
  event.preventDefault();
  togglePreview(button);
});
document.addEventListener("htmx:load", setUpAll);
document.addEventListener("htmx:afterSettle", (event) => {
  if (!event.target.matches("[data-saved]")) return;
  forget(event.target.querySelector("[name=draft]").value);
});
for (const toast of document.querySelectorAll('[data-about^="draft-"]')) forget(toast.dataset.about.slice("draft-".length));
forgetOld();
setUpAll();
