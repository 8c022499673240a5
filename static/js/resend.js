// What was sent when the sign-in had expired stands in its form again after signing in: it reached
// nobody. It is kept in this tab alone, and only until the next page that is not the sign-in's.

const KEY = "sent";
const place = location.pathname + location.search;
const { user } = document.body.dataset;

const isPost = (form) => form.method === "post" || form.hasAttribute("hx-post");
const addressOf = (form) => form.getAttribute("hx-post") ?? form.getAttribute("action") ?? "";
const fieldsOf = (form) => [...form.elements].filter((field) => field.name && "value" in field && !["hidden", "submit", "button", "file"].includes(field.type));

const valueOf = (field) => (/^(checkbox|radio)$/.test(field.type) ? field.checked : field.type === "select-multiple" ? [...field.selectedOptions].map(({ value }) => value) : field.value);

function keep({ target: form }) {
  // An editor keeps drafts of its own; a password is kept nowhere.
  if (!user || !isPost(form) || form.querySelector("[type=password], [data-draft]")) return;
  const fields = fieldsOf(form).map((field) => [field.name, valueOf(field)]);
  try {
    if (fields.length) sessionStorage.setItem(KEY, JSON.stringify({ user, place, address: addressOf(form), fields }));
  } catch {
    // Too much to keep, or nothing may be kept: then it is as if there was no script.
  }
}

function putBack({ address, fields }) {
  const form = [...document.forms].find((each) => isPost(each) && addressOf(each) === address);
  const now = form ? fieldsOf(form) : [];
  if (now.length !== fields.length || now.some((field, at) => field.name !== fields[at][0])) return;
  now.forEach((field, at) => {
    const value = fields[at][1];
    if (JSON.stringify(valueOf(field)) === JSON.stringify(value)) return;
    if (typeof value === "boolean") field.checked = value;
    else if (Array.isArray(value)) for (const option of field.options) option.selected = value.includes(option.value);
    else field.value = value;
    for (const name of ["input", "change"]) field.dispatchEvent(new Event(name, { bubbles: true }));
  });
  const text = "Your sign-in had expired, so this was not sent. What you typed stands here again.";
  document.dispatchEvent(new CustomEvent("toast", { detail: { tone: "warn", text } }));
  form.scrollIntoView({ block: "nearest" });
}

function start() {
  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  if (!kept) return;
  if (document.documentElement.matches("[data-sign-in], [data-expired]")) {
    sessionStorage.setItem(KEY, JSON.stringify({ ...kept, isLost: true }));
    return;
  }
  sessionStorage.removeItem(KEY);
  if (kept.isLost && kept.user === user && kept.place === place) putBack(kept);
}

document.addEventListener("submit", keep);
// htmx sends without leaving the page; what an expired sign-in answers makes the page load anew.
document.addEventListener("htmx:afterRequest", ({ target, detail: { xhr } }) => {
  if (target.matches("form") && isPost(target) && !/^\s*<!doctype/i.test(xhr.responseText)) sessionStorage.removeItem(KEY);
});
try {
  start();
} catch {
  // A browser that keeps nothing, or something else's value.
}
