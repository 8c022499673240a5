// The tree of files by keys, as a tree view has them: one row at a time can be tabbed to. The server
// sends nested lists of links, of use without this script; a branch may come when it is opened.

const LETTER = /^[\p{L}\p{N}._-]$/u;
const PAUSE = 700; // milliseconds after which letters begin another name
const RESTORED = 20; // branches fetched to bring back what was open
const FAILED = "This part of the tree cannot be loaded now. Try again.";

const list = () => document.querySelector("#tree > .tree");
const rowOf = (item) => item.querySelector(":scope > .tree-row");
const branchOf = (row) => (row.nextElementSibling?.tagName === "UL" ? row.nextElementSibling : null);
const parentOf = (row) => row.closest("ul").previousElementSibling;
const isShown = (row) => !row.closest("ul[hidden]");
const isOpen = (row) => branchOf(row)?.hidden === false;
const rows = () => [...list().querySelectorAll(".tree-row")];
const folders = () => rows().filter(branchOf);

// -- Roles ---------------------------------------------------------------------------------
function dress(ul, level = 1) {
  const items = [...ul.children];
  const size = Number(ul.dataset.size) || items.length;
  items.forEach((item, at) => {
    const row = rowOf(item);
    const number = at === items.length - 1 ? size : at + 1;
    item.setAttribute("role", "none");
    row.setAttribute("role", "treeitem");
    for (const [name, value] of [["level", level], ["posinset", number], ["setsize", size]])
      row.setAttribute(`aria-${name}`, value);
    row.tabIndex = -1;
    if (branchOf(row)) dressBranch(row, level);
  });
}

function dressBranch(row, level) {
  const branch = branchOf(row);
  branch.setAttribute("role", "group");
  row.setAttribute("aria-expanded", String(isOpen(row)));
  dress(branch, level + 1);
}

function setUp() {
  const tree = list();
  if (!tree || tree.hasAttribute("role")) return;
  tree.setAttribute("role", "tree");
  tree.setAttribute("aria-label", "Files and folders");
  dress(tree);
  stopAt(tree.querySelector("[aria-current]") ?? rowOf(tree.children[0]));
  if (!tree.dataset.filter) restore();
}

// -- Where one is ----------------------------------------------------------------------------
function stopAt(row) {
  for (const other of list().querySelectorAll(".tree-row[tabindex='0']")) other.tabIndex = -1;
  while (!isShown(row)) row = parentOf(row);
  row.tabIndex = 0;
  return row;
}

function go(row) {
  if (row) stopAt(row).focus();
}

function step(row, by) {
  const shown = rows().filter(isShown);
  go(shown[shown.indexOf(row) + by]);
}

// Show the row of what is open, whatever folders it is in.
function reveal(row) {
  for (let above = parentOf(row); above?.matches(".tree-row"); above = parentOf(above)) show(above, true);
  stopAt(row);
}

// -- Opening and closing -----------------------------------------------------------------------
function show(row, open) {
  branchOf(row).hidden = !open;
  row.setAttribute("aria-expanded", String(open));
  if (!open && branchOf(row).querySelector("[tabindex='0']")) stopAt(row);
}

async function unfold(row, open) {
  const branch = branchOf(row);
  if (open && branch.dataset.branch && !(await fill(row, branch))) return;
  show(row, open);
}

async function toggle(row, open = !isOpen(row)) {
  await unfold(row, open);
  remember([row]);
}

async function fetched(url) {
  const answer = await fetch(url, { headers: { "HX-Request": "true" } });
  if (!answer.ok || answer.redirected) throw new Error(FAILED);
  return answer.text();
}

async function fill(row, branch) {
  if (row.ariaBusy) return false;
  row.ariaBusy = "true";
  try {
    branch.innerHTML = await fetched(branch.dataset.branch);
    delete branch.dataset.branch;
    dress(branch, Number(row.getAttribute("aria-level")) + 1);
    htmx.process(branch);
    return true;
  } catch {
    document.dispatchEvent(new CustomEvent("toast", { detail: { text: FAILED, tone: "danger" } }));
    return false;
  } finally {
    row.ariaBusy = null;
  }
}

async function expandAll(button) {
  if (list().querySelector("[data-branch]")) await replaceTree(button.dataset.expand);
  for (const row of folders()) if (!branchOf(row).dataset.branch) show(row, true);
  remember(folders());
}

async function replaceTree(url) {
  try {
    document.querySelector("#tree").outerHTML = await fetched(url);
    htmx.process(document.querySelector("#tree"));
    setUp();
    document.querySelector("#tree [data-expand]")?.focus();
  } catch {
    document.dispatchEvent(new CustomEvent("toast", { detail: { text: FAILED, tone: "danger" } }));
  }
}

function collapseAll() {
  for (const row of folders()) show(row, false);
  remember(folders());
}

// -- What was open stays open, from page to page -------------------------------------------------
const key = () => `tree:${list().dataset.store}`;

function recalled() {
  try {
    return JSON.parse(sessionStorage.getItem(key())) ?? {};
  } catch {
    return {};
  }
}

function remember(changed) {
  if (list().dataset.filter) return;
  const known = recalled();
  for (const row of changed) known[row.getAttribute("href")] = isOpen(row);
  try {
    sessionStorage.setItem(key(), JSON.stringify(known));
  } catch {
    // Storage may be switched off or full; folders then stay open as long as the page.
  }
}

async function restore() {
  const known = recalled();
  let left = RESTORED;
  const differs = (row) => known[row.getAttribute("href")] === !isOpen(row);
  const isWanted = (row) => differs(row) && (isOpen(row) ? !branchOf(row).querySelector("[aria-current]") : true);
  // Rows that come with a branch follow its row, and are looked at in their turn.
  for (let at = 0, all = folders(); at < all.length; at += 1, all = folders()) {
    const row = all[at];
    if (!isWanted(row) || (branchOf(row).dataset.branch && left-- <= 0)) continue;
    await unfold(row, !isOpen(row));
  }
}

// -- Keys ------------------------------------------------------------------------------------
let typed = "";
let typedAt = 0;

function find(row, letter) {
  const now = performance.now();
  typed = now - typedAt > PAUSE ? letter : typed + letter;
  typedAt = now;
  const shown = rows().filter(isShown);
  const isOneLetter = [...typed].every((each) => each === letter); // pressed again, it goes on to the next
  const from = shown.indexOf(row) + (isOneLetter ? 1 : 0);
  const wanted = (isOneLetter ? letter : typed).toLocaleLowerCase();
  const begins = (each) => each.querySelector(".name").textContent.toLocaleLowerCase().startsWith(wanted);
  go([...shown.slice(from), ...shown.slice(0, from)].find(begins));
}

function enter(row) {
  if (!branchOf(row)) return;
  if (isOpen(row)) go(rowOf(branchOf(row).children[0]));
  else toggle(row, true);
}

function leave(row) {
  if (isOpen(row)) toggle(row, false);
  else if (parentOf(row)?.matches(".tree-row")) go(parentOf(row));
}

function unfoldBeside(row) {
  for (const item of row.closest("ul").children) if (branchOf(rowOf(item))) toggle(rowOf(item), true);
}

const KEYS = {
  ArrowDown: (row) => step(row, 1),
  ArrowUp: (row) => step(row, -1),
  ArrowRight: enter,
  ArrowLeft: leave,
  Home: () => go(rows()[0]),
  End: () => go(rows().filter(isShown).at(-1)),
  " ": (row) => (branchOf(row) ? toggle(row) : row.click()),
  "*": unfoldBeside,
};

function onKey(event) {
  const row = event.target.closest?.("#tree [role='treeitem']");
  if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = KEYS[event.key] ?? (LETTER.test(event.key) && ((at) => find(at, event.key)));
  if (!act) return;
  event.preventDefault();
  event.stopPropagation();
  act(row);
}

// A click of a pointer opens a folder in place; Enter, which counts no clicks, follows its link.
function onClick(event) {
  const row = event.target.closest?.("#tree [role='treeitem']");
  if (!row) return;
  stopAt(row);
  if (!branchOf(row) || !event.detail || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  event.stopPropagation();
  if (event.detail === 1) toggle(row);
}

function onButton(event) {
  const button = event.target.closest?.("#tree [data-expand], #tree [data-collapse]");
  if (button?.dataset.expand) expandAll(button);
  else if (button) collapseAll();
}

document.addEventListener("keydown", onKey, true);
document.addEventListener("click", onClick, true);
document.addEventListener("click", onButton);
document.addEventListener("reveal", (event) => reveal(event.target));
document.addEventListener("htmx:afterSwap", setUp);
setUp();
