// The page of a conflict: a choice goes into the result at once. Without this script a button does it.

const sides = {
  now: (part) => part.now,
  mine: (part) => part.mine,
  both: (part) => [...part.now, ...part.mine],
  edit: (part, form, number) => form.elements[`edit-${number}`].value.split("\n"),
};

class Conflict {
  constructor(form, parts) {
    this.form = form;
    this.parts = parts.map((part) => (Array.isArray(part) ? part.map(bare) : { now: part.now.map(bare), mine: part.mine.map(bare) }));
    this.places = this.parts.filter((part) => !Array.isArray(part));
  }

  choice(part) {
    return this.form.elements[`choice-${this.places.indexOf(part) + 1}`].value;
  }

  lines(part) {
    if (Array.isArray(part)) return part;
    return (sides[this.choice(part)] ?? sides.mine)(part, this.form, this.places.indexOf(part) + 1);
  }

  get text() {
    return this.parts.flatMap((part) => this.lines(part)).join("\n");
  }

  // A place at the end of the text brings the line end before it, any other the one after it.
  textOf(part) {
    const lines = this.lines(part);
    if (this.parts.length === 1) return lines.join("\n");
    const isLast = part === this.parts.at(-1);
    return lines.map((line) => (isLast ? `\n${line}` : `${line}\n`)).join("");
  }

  ranges() {
    let at = 0;
    const found = [];
    for (const part of this.parts) {
      const length = Array.isArray(part) ? part.join("\n").length + (part.length && part !== this.parts.at(-1) ? 1 : 0) : this.textOf(part).length;
      const from = !Array.isArray(part) && part === this.parts.at(-1) && this.parts.length > 1 ? at - 1 : at;
      if (!Array.isArray(part)) found.push({ from, to: from + length, chosen: Boolean(this.choice(part)) });
      at += length;
    }
    return found;
  }
}

const bare = (line) => line.replace(/\r$/, "");

function marks({ Decoration, EditorView, StateEffect, StateField }, conflict) {
  const choose = StateEffect.define();
  const field = StateField.define({
    create: () => conflict.ranges(),
    update(ranges, transaction) {
      const { changes, effects } = transaction;
      const moved = ranges.map(({ from, to, chosen }) => {
        const start = changes.mapPos(from, 1);
        return { from: start, to: Math.max(start, changes.mapPos(to, -1)), chosen };
      });
      for (const effect of effects) if (effect.is(choose)) moved[effect.value.number] = effect.value.range;
      return moved;
    },
    provide: (self) => EditorView.decorations.from(self, (ranges) => (view) => drawn(view.state, ranges, Decoration)),
  });
  return { field, choose };
}

function drawn(state, ranges, Decoration) {
  const lines = new Map();
  for (const { from, to, chosen } of ranges) {
    const start = state.doc.lineAt(Math.min(from + (state.sliceDoc(from, from + 1) === "\n" && to > from ? 1 : 0), state.doc.length));
    const end = state.doc.lineAt(Math.min(Math.max(start.from, to - (state.sliceDoc(to - 1, to) === "\n" ? 1 : 0)), state.doc.length));
    if (to > from) for (let number = start.number; number <= end.number; number++) lines.set(state.doc.line(number).from, chosen);
  }
  const sorted = [...lines].sort(([one], [other]) => one - other);
  return Decoration.set(sorted.map(([at, chosen]) => Decoration.line({ class: `cm-place${chosen ? " is-chosen" : ""}` }).range(at)));
}

function put(view, conflict, { field, choose }, number) {
  const part = conflict.places[number];
  const { from, to } = view.state.field(field)[number];
  const insert = conflict.textOf(part);
  const range = { from, to: from + insert.length, chosen: true };
  view.dispatch({ changes: { from, to, insert }, effects: choose.of({ number, range }), scrollIntoView: true });
  conflict.form.elements.built.value = conflict.text;
}

function setUp(form) {
  const data = form.querySelector("#conflict-parts");
  if (!data || form.conflict) return;
  const conflict = (form.conflict = new Conflict(form, JSON.parse(data.textContent)));
  const box = form.elements.content;
  // What was typed into the result already cannot be told from what was chosen: the button merges that.
  if (conflict.text !== box.value) return;
  form.querySelector("[data-editor]").extension = (kit) => {
    const made = marks(kit, conflict);
    const listener = (event) => {
      const number = Number(event.target.name?.match(/^(?:choice|edit)-(\d+)$/)?.[1]) - 1;
      const view = kit.EditorView.findFromDOM(form.querySelector(".code-editor").shadowRoot.firstElementChild);
      if (!(number >= 0) || !conflict.choice(conflict.places[number])) return;
      form.querySelector(`#place-${number + 1}`).classList.remove("is-open");
      put(view, conflict, made, number);
    };
    form.addEventListener("change", listener);
    form.addEventListener("input", (event) => event.target.name?.startsWith("edit-") && listener(event));
    form.querySelector("[data-combine]").hidden = true;
    return made.field;
  };
}

const setUpAll = () => document.querySelectorAll("form[data-conflict]").forEach(setUp);
document.addEventListener("htmx:load", setUpAll);
setUpAll();
