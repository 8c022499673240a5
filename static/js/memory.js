// The tree stays while panes come and go: it shows which file is open, and so does the title.

function follow(pane) {
  for (const row of document.querySelectorAll("#tree a.tree-row")) {
    const here = row.getAttribute("href") === pane.dataset.current;
    if (here) row.setAttribute("aria-current", "page");
    else row.removeAttribute("aria-current");
    if (here) row.dispatchEvent(new CustomEvent("reveal", { bubbles: true }));
  }
  document.title = document.title.replace(/^.*(?= · [^·]*$)/, () => pane.dataset.title);
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "pane") follow(event.target);
});
