// The text of a reviewed file is edited with CodeMirror. Where it does not load, the plain box stays.

function setUpAll() {
  for (const field of document.querySelectorAll("[data-code]:not([data-code-ready])")) {
    field.dataset.codeReady = "";
    setUp(field);
  }
}

async function setUp(field) {
  try {
    const { code } = await import(field.dataset.code);
    await code(field, field.querySelector("textarea"));
  } catch (error) {
    console.warn("The plain box stays:", error);
  }
}

document.addEventListener("htmx:load", setUpAll);
setUpAll();
