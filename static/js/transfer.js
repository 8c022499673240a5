// Sends what is dropped or chosen, with its folders; leaves at home what the server would skip.

const SKIPPED = new Set([".git", ".hg", ".svn", ".jj", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".cache"]);
const LARGEST = 102400; // bytes of a memory; of a longer file the server only has to see that it is longer

document.documentElement.classList.add("has-drop");

// -- Collecting --------------------------------------------------------------------------------
function readAll(reader) {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}

async function* filesIn(entry, found) {
  if (SKIPPED.has(entry.name) && entry.isDirectory) {
    found.leftOut += await countIn(entry);
  } else if (entry.isDirectory) {
    const reader = entry.createReader();
    for (let batch = await readAll(reader); batch.length; batch = await readAll(reader))
      for (const child of batch) yield* filesIn(child, found);
  } else {
    yield await new Promise((resolve, reject) => entry.file(resolve, reject)).then((file) => [entry.fullPath.slice(1), file]);
  }
}

async function countIn(directory) {
  let count = 0;
  const reader = directory.createReader();
  for (let batch = await readAll(reader); batch.length; batch = await readAll(reader))
    for (const child of batch) count += child.isDirectory ? await countIn(child) : 1;
  return count;
}

async function dropped(items) {
  // Read before the first pause: afterwards the browser has emptied the list.
  const all = [...items].filter((item) => item.kind === "file").map((item) => [item.webkitGetAsEntry?.(), item.getAsFile()]);
  const found = { files: [], leftOut: 0 };
  for (const [entry, file] of all)
    if (!entry) found.files.push([file.name, file]);
    else for await (const each of filesIn(entry, found)) found.files.push(each);
  return found;
}

function chosen(form) {
  const found = { files: [], leftOut: 0 };
  for (const input of form.querySelectorAll('input[type="file"]'))
    for (const file of input.files) {
      const path = file.webkitRelativePath || file.name;
      if (path.split("/").slice(0, -1).some((part) => SKIPPED.has(part))) found.leftOut += 1;
      else found.files.push([path, file]);
    }
  return found;
}

// -- Sending -----------------------------------------------------------------------------------
function isZip(files) {
  return files.length === 1 && /\.zip$/i.test(files[0][0]);
}

function bodyOf(form, { files, leftOut }) {
  const body = new FormData();
  body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  body.set("left_out", leftOut);
  for (const [path, file] of files)
    body.append("files", isZip(files) || file.size <= LARGEST ? file : file.slice(0, LARGEST + 1), path);
  return body;
}

function complain(form, text) {
  const problem = form.querySelector("[data-problem]");
  problem.hidden = !text;
  problem.querySelector("p").textContent = text;
}

function say(form, text) {
  form.querySelector("[data-told]").textContent = text;
}

function sizeOf({ files }) {
  return files.reduce((sum, [, file]) => sum + (isZip(files) ? file.size : Math.min(file.size, LARGEST + 1)), 0);
}

async function send(form, found) {
  complain(form, "");
  const mega = (sizeOf(found) / 1e6).toFixed(1);
  if (sizeOf(found) > Number(form.dataset.most)) {
    complain(form, `This is ${mega} MB; at most 32 MB can be sent at once. Leave out what is no text, or use manage.py import_store.`);
    return;
  }
  const button = form.querySelector(".primary");
  button.setAttribute("aria-busy", "true");
  say(form, `Sending ${found.files.length.toLocaleString("en")} file${found.files.length === 1 ? "" : "s"} (${mega} MB) …`);
  try {
    await answer(form, await fetch(form.action || location.href, { method: "POST", body: bodyOf(form, found) }));
  } catch {
    complain(form, "It could not be sent: the server cannot be reached, or a file changed meanwhile. Try again.");
  }
  button.removeAttribute("aria-busy");
  say(form, "");
}

async function answer(form, response) {
  if (response.redirected) return location.assign(response.url);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const said = page.querySelector("[data-problem] p, [data-error]")?.textContent.trim();
  complain(form, said || "The server refused it. Reload the page and try again.");
}

// -- Listening ---------------------------------------------------------------------------------
const form = document.querySelector("form[data-import]");
const zone = form.querySelector("[data-drop]");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send(form, chosen(form));
});

for (const name of ["dragover", "dragleave", "drop"])
  document.addEventListener(name, (event) => {
    event.preventDefault();
    zone.classList.toggle("is-over", name === "dragover");
  });

document.addEventListener("drop", async (event) => {
  say(form, "Looking through the files …");
  try {
    await send(form, await dropped(event.dataTransfer.items));
  } catch {
    say(form, "");
    complain(form, "The browser could not read what was dropped. Choose it by the buttons instead.");
  }
});
