// The review: files open and close, "viewed" is remembered, keys walk through it. The page works without.

const review = document.querySelector("#review");
const memory = `viewed:${review.dataset.dream}`;
const all = (selector, scope = review) => [...scope.querySelectorAll(selector)];
const files = () => all(".review-file").filter((file) => file.offsetParent);
const row = (file) => review.querySelector(`#row-${file.dataset.file}`);

// -- Viewed ----------------------------------------------------------------------------------------
function recall() {
  try {
    return JSON.parse(localStorage.getItem(memory)) ?? {};
  } catch {
    return {};
  }
}

function remember(viewed) {
  try {
    localStorage.setItem(memory, JSON.stringify(viewed));
  } catch {
    // Storage may be switched off; the ticks then last as long as the page.
  }
}

let viewed = recall();
const isViewed = (file) => viewed[file.dataset.file] === file.dataset.seen;

function showViewed() {
  const shown = all(".review-file");
  for (const file of shown) {
    const done = isViewed(file);
    const box = file.querySelector("[data-viewed]");
    if (box) box.checked = done;
    file.classList.toggle("is-viewed", done);
    row(file)?.classList.toggle("is-viewed", done);
  }
  const count = review.querySelector("[data-viewed-count]");
  if (!count) return;
  const number = shown.filter(isViewed).length;
  count.hidden = !number;
  count.querySelector("b").textContent = number;
}

function setViewed(file, done) {
  if (done) viewed[file.dataset.file] = file.dataset.seen;
  else delete viewed[file.dataset.file];
  remember(viewed);
  setOpen(file, !done);
  showViewed();
}

// A file further down is fetched when it is opened. Hundreds of them would be slow to set up for htmx.
function fetchFile(file, toggle) {
  const { href } = toggle;
  toggle.removeAttribute("href");
  htmx.ajax("GET", href, { source: file, target: file, swap: "outerHTML" });
}

// -- Open and closed ---------------------------------------------------------------------------------
function setOpen(file, open) {
  const toggle = file.querySelector(".file-toggle");
  if (!toggle) return;
  file.classList.toggle("is-closed", !open);
  toggle.setAttribute("aria-expanded", String(open));
  if (open && toggle.href) fetchFile(file, toggle);
}

const isOpen = (file) => !file.classList.contains("is-closed");

// -- Walking -------------------------------------------------------------------------------------------
let here = null;

function go(file, { scroll = true } = {}) {
  if (!file) return;
  for (const other of all(".is-here")) other.classList.remove("is-here");
  here = file.dataset.file;
  file.classList.add("is-here");
  row(file)?.classList.add("is-here");
  row(file)?.scrollIntoView({ block: "nearest" });
  if (scroll) file.scrollIntoView({ block: "start" });
}

// With the keys the focus comes along: who listens hears the file's name, and Tab goes on from there.
const attend = (file) => file?.querySelector(".file-toggle")?.focus({ preventScroll: true });

const current = () => files().find((file) => file.dataset.file === here);

function nextFile(step) {
  const shown = files();
  const at = shown.indexOf(current());
  go(shown[at < 0 ? 0 : Math.min(shown.length - 1, Math.max(0, at + step))]);
  attend(current());
}

function firstFrom(file, hunks) {
  if (!file) return 0;
  return hunks.findIndex((hunk) => file.compareDocumentPosition(hunk) & Node.DOCUMENT_POSITION_FOLLOWING);
}

function nextHunk(step) {
  const hunks = all(".hunk").filter((hunk) => hunk.offsetParent);
  const at = hunks.findIndex((hunk) => hunk.classList.contains("is-here"));
  const hunk = hunks[at < 0 ? firstFrom(current(), hunks) - (step < 0) : at + step];
  if (!hunk) return;
  go(hunk.closest(".review-file"), { scroll: false });
  hunk.classList.add("is-here");
  hunk.scrollIntoView({ block: "center" });
  attend(current());
}

// Nobody decides on what they have not seen: a closed file is opened first.
function act(file, key) {
  if (isOpen(file)) file.querySelector(`[data-act="${key}"]`)?.click();
  else setOpen(file, true);
}

const KEYS = {
  j: () => nextFile(1),
  k: () => nextFile(-1),
  n: () => nextHunk(1),
  p: () => nextHunk(-1),
  o: (file) => setOpen(file, !isOpen(file)),
  v: (file) => {
    setViewed(file, !isViewed(file));
    if (isViewed(file)) nextFile(1);
  },
  a: (file) => act(file, "a"),
  x: (file) => act(file, "x"),
  e: (file) => act(file, "e"),
  "?": () => document.querySelector("#keys").showModal(),
};
const WITHOUT_FILE = "jknp?";

function onKey(event) {
  const busy = event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]");
  if (busy || event.target.closest("input:not([type=checkbox]), textarea, select, .code-editor")) return;
  const walk = Object.hasOwn(KEYS, event.key) ? KEYS[event.key] : null;
  const file = current();
  if (!walk || (!file && !WITHOUT_FILE.includes(event.key))) return;
  event.preventDefault();
  walk(file);
}

// -- The list of files -----------------------------------------------------------------------------------
function filter(words) {
  for (const item of all(".review-files li")) {
    const name = item.querySelector(".name").textContent.toLowerCase();
    const out = !name.includes(words.toLowerCase());
    item.hidden = out;
    review.querySelector(`#file-${item.dataset.file}`).hidden = out;
  }
}

function openLinked() {
  const file = location.hash.startsWith("#file-") && document.getElementById(location.hash.slice(1));
  if (!file || !file.matches(".review-file")) return;
  setOpen(file, true);
  go(file);
}

// -- Listening ---------------------------------------------------------------------------------------------
document.addEventListener("keydown", onKey);
document.addEventListener("click", (event) => {
  const toggle = event.target.closest(".file-toggle");
  const file = event.target.closest(".review-file");
  if (toggle) {
    event.preventDefault();
    setOpen(file, !isOpen(file));
  }
  if (file) go(file, { scroll: false });
  // A link to the place the address names already changes nothing, so nothing would be heard.
  const link = event.target.closest('a[href^="#file-"]');
  if (link && link.hash === location.hash) openLinked();
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-viewed]")) setViewed(event.target.closest(".review-file"), event.target.checked);
  if (event.target.matches("[data-hide-viewed]")) review.classList.toggle("hides-viewed", event.target.checked);
});
document.addEventListener("input", (event) => {
  if (event.target.matches("[data-filter-files]")) filter(event.target.value);
});

// A file that was closed stays closed when its verdict comes back.
let closed = false;
document.addEventListener("htmx:beforeRequest", (event) => {
  const file = event.target.closest(".review-file");
  closed = file !== event.target && file?.classList.contains("is-closed");
});
document.addEventListener("htmx:load", (event) => {
  const file = event.detail.elt;
  if (file.matches?.(".review-file") && file.dataset.file === here) {
    file.classList.add("is-here");
    if (document.activeElement === document.body) attend(file);
  }
  if (file.matches?.(".review-file:not(.is-editing)") && closed) setOpen(file, false);
  showViewed();
});
document.addEventListener("htmx:oobAfterSwap", showViewed);
addEventListener("hashchange", openLinked);
for (const file of all(".review-file")) if (isViewed(file)) setOpen(file, false);
showViewed();
openLinked();
