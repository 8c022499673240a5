// A row of the tree is dragged onto a folder: the page that moves opens, and asks before it does.

const tree = () => document.querySelector("#tree[data-move]");
const folderOf = (path) => path.slice(0, path.lastIndexOf("/", path.length - 2) + 1);
let dragged = null;

// The row of the folder a pointer is over, or the tree itself for the top of the store.
function goal(target) {
  const row = target.closest("#tree [data-path]");
  if (row?.classList.contains("is-folder")) return row;
  const above = (row ?? target).closest("#tree ul ul")?.previousElementSibling;
  return above ?? target.closest("#tree");
}

const pathOf = (place) => place.dataset.path ?? "/";

function isPossible(path, folder) {
  return folderOf(path) !== folder && !(path.endsWith("/") && folder.startsWith(path));
}

function mark(place) {
  for (const other of document.querySelectorAll(".is-drop")) if (other !== place) other.classList.remove("is-drop");
  place?.classList.add("is-drop");
}

function onStart(event) {
  dragged = tree() && event.target.closest?.("#tree [data-path]");
  if (!dragged) return;
  dragged.classList.add("is-dragged");
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.dataset.path);
}

function onOver(event) {
  const place = dragged && event.target.closest?.("#tree") ? goal(event.target) : null;
  const isGood = place && isPossible(dragged.dataset.path, pathOf(place));
  mark(isGood ? place : null);
  if (isGood) event.preventDefault();
}

function onDrop(event) {
  if (!document.querySelector(".is-drop")) return;
  event.preventDefault();
  const asked = new URLSearchParams({ path: dragged.dataset.path, to: pathOf(goal(event.target)) });
  location.assign(`${tree().dataset.move}?${asked}`);
}

function onEnd() {
  mark(null);
  dragged?.classList.remove("is-dragged");
  dragged = null;
}

document.addEventListener("dragstart", onStart);
document.addEventListener("dragover", onOver);
document.addEventListener("drop", onDrop);
document.addEventListener("dragend", onEnd);
