// The launch form counts what is chosen. Listens on document.

function boxes() {
  return [...document.querySelectorAll('#launch input[name="sessions"]')];
}

// -- Choosing sessions -------------------------------------------------------------------------
function why(chosen, most) {
  if (!document.querySelector("#id_store")?.value) return "Choose a store first.";
  if (!chosen) return "Choose at least one session.";
  return chosen > most ? `A dream reads at most ${most}.` : "";
}

function showCount() {
  const form = document.querySelector("#launch");
  if (!form) return;
  const chosen = boxes().filter((box) => box.checked).length;
  const most = Number(form.dataset.most);
  const count = form.querySelector("#launch-count");
  count.querySelector("b").textContent = chosen;
  count.classList.toggle("is-over", chosen > most);
  const reason = why(chosen, most);
  form.querySelector("#launch-why").textContent = reason;
  form.querySelector("#launch-go").disabled = Boolean(reason);
}

function pick(which) {
  const wanted = (box) => which === "new" && (box.checked || !box.hasAttribute("data-dreamt"));
  let left = Number(document.querySelector("#launch").dataset.most);
  for (const box of boxes()) box.checked = wanted(box) && left-- > 0;
  boxes()[0]?.dispatchEvent(new Event("input", { bubbles: true }));
  showCount();
}

// -- Listening -----------------------------------------------------------------------------------
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-pick]");
  if (button) pick(button.dataset.pick);
});
document.addEventListener("change", showCount);
document.addEventListener("htmx:load", showCount);
showCount();
