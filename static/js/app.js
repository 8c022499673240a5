// Theme, menus, dialogs, copy buttons, times. Listens on document, so swapped-in content just works.

const root = document.documentElement;

// -- Theme --------------------------------------------------------------------------------
function chosenTheme() {
  return root.dataset.theme ?? "system";
}

function showTheme() {
  for (const button of document.querySelectorAll("[data-theme-choice]"))
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosenTheme()));
}

function chooseTheme(theme) {
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Storage may be switched off; the choice then lasts as long as the page.
  }
  showTheme();
}

// -- Menus ---------------------------------------------------------------------------------
const OPEN_MENUS = "details.menu[open], details.topbar[open]";

function closeMenus(except) {
  for (const menu of document.querySelectorAll(OPEN_MENUS))
    if (!menu.contains(except)) menu.open = false;
}

function moveInMenu(event) {
  const menu = event.target.closest("details.menu");
  if (!menu || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  event.preventDefault();
  menu.open = true;
  const items = [...menu.querySelectorAll(".menu-items :is(a, button)")];
  const step = event.key === "ArrowDown" ? 1 : -1;
  const at = items.indexOf(document.activeElement);
  items[at < 0 ? (step < 0 ? items.length - 1 : 0) : (at + step + items.length) % items.length]?.focus();
}

// -- Dialogs -------------------------------------------------------------------------------
function openDialog(opener, event) {
  const dialog = document.querySelector(opener.dataset.dialog);
  if (!dialog || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  dialog.showModal();
}

function closeOnBackdrop(event) {
  if (!(event.target instanceof HTMLDialogElement) || event.target.querySelector("[data-dirty]")) return;
  const box = event.target.getBoundingClientRect();
  const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
  if (!inside && event.detail) event.target.close();
}

// -- Copy ----------------------------------------------------------------------------------
async function copy(button) {
  const source = button.dataset.copyFrom && document.querySelector(button.dataset.copyFrom);
  const text = source ? (source.value ?? source.textContent) : button.dataset.copy;
  await navigator.clipboard.writeText(text);
  const use = button.querySelector("use");
  const before = use?.getAttribute("href");
  if (!use || button.classList.contains("is-done")) return;
  button.classList.add("is-done");
  use.setAttribute("href", before.replace(/#.*/, "#check"));
  setTimeout(() => {
    button.classList.remove("is-done");
    use.setAttribute("href", before);
  }, 1500);
}

// -- Times ---------------------------------------------------------------------------------
const STEPS = [["d", 86400], ["h", 3600], ["min", 60]];
const DATE = { day: "2-digit", month: "short", year: "numeric" };
const CLOCK = { hour: "2-digit", minute: "2-digit", hour12: false };

function distance(then) {
  const gap = (Date.now() - then) / 1000;
  const seconds = Math.abs(gap);
  if (seconds < 45) return "just now";
  if (seconds >= 30 * 86400) return then.toLocaleDateString("en-GB", DATE);
  const [unit, length] = STEPS.find(([, length]) => seconds >= length) ?? STEPS.at(-1);
  const words = `${Math.max(1, Math.floor(seconds / length))} ${unit}`;
  return gap > 0 ? `${words} ago` : `in ${words}`;
}

const WORDS = {
  ago: distance,
  moment: (then) => then.toLocaleString("en-GB", { ...DATE, ...CLOCK }),
  instant: (then) => then.toLocaleString("en-GB", { ...DATE, ...CLOCK, second: "2-digit" }),
};

function showTimes() {
  for (const time of document.querySelectorAll("time[data-time]")) {
    const then = new Date(time.dateTime);
    const words = WORDS[time.dataset.time](then);
    if (time.textContent !== words) time.textContent = words;
    if (!time.dataset.local) {
      time.title = then.toLocaleString("en-GB", { dateStyle: "full", timeStyle: "long" });
      time.dataset.local = "yes";
    }
  }
}

// -- Listening -----------------------------------------------------------------------------
document.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest?.(selector);
  closeMenus(event.target);
  closeOnBackdrop(event);
  if (at("[data-theme-choice]")) chooseTheme(at("[data-theme-choice]").dataset.themeChoice);
  if (at("[data-dialog]")) openDialog(at("[data-dialog]"), event);
  if (at("[data-close]")) at("dialog")?.close();
  if (at("[data-copy], [data-copy-from]")) copy(at("[data-copy], [data-copy-from]"));
  if (at(".menu-items :is(a, button):not([data-theme-choice])")) at("details.menu").open = false;
});

document.addEventListener("keydown", (event) => {
  moveInMenu(event);
  if (event.key !== "Escape") return;
  const open = document.querySelector(OPEN_MENUS);
  if (open) open.querySelector("summary").focus();
  closeMenus(null);
});

document.addEventListener("htmx:afterSwap", (event) => {
  const dialog = event.target.closest("dialog");
  if (dialog && !dialog.open && event.target.childElementCount) dialog.showModal();
});
document.addEventListener("htmx:afterSettle", showTimes);
addEventListener("storage", (event) => event.key === "theme" && chooseTheme(event.newValue ?? "system"));
setInterval(showTimes, 30_000);
showTheme();
showTimes();
