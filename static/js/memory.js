// The tree stays while panes come and go: it shows which file is open, and so does the title.

function follow(pane) {
  for (const row of document.querySelectorAll("#tree a.tree-row")) {
    const here = row.getAttribute("href") === pane.dataset.current;
    if (here) row.setAttribute("aria-current", "page");
    else row.removeAttribute("aria-current");
    if (here) unfold(row);
  }
  document.title = document.title.replace(/^.*(?= · [^·]*$)/, () => pane.dataset.title);
}

function unfold(row) {
  for (let folder = row.closest("details"); folder; folder = folder.parentElement.closest("details"))
    folder.open = true;
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "pane") follow(event.target);
});
