// CodeMirror, as one of our fields: our colours, our fonts, and the form's text box kept in step with it.
// It lives in a shadow root: there its styles are a style sheet object, which the Content-Security-Policy
// allows, instead of a <style> element, which it refuses.

const token = (name) => `var(--${name})`;

function theme({ EditorView }) {
  const panel = { background: token("surface-sunken"), color: token("text"), font: `${token("text-sm")} ${token("font")}` };
  return EditorView.theme({
    "&": { height: "100%", color: token("text"), background: token("surface"), fontSize: "0.8125rem" },
    "&.cm-focused": { outline: "none" },
    ".cm-scroller": { fontFamily: token("font-mono"), lineHeight: "1.65", fontVariantLigatures: "none" },
    ".cm-content": { padding: "10px 0 40px", fontFeatureSettings: '"calt" 0, "liga" 0', caretColor: token("text") },
    ".cm-line": { padding: "0 14px 0 8px" },
    ".cm-cursor": { borderLeftColor: token("text"), borderLeftWidth: "1.5px" },
    ".cm-gutters": { background: token("surface"), color: token("text-faint"), border: "0" },
    ".cm-lineNumbers .cm-gutterElement": { minWidth: "40px", padding: "0 8px 0 0", fontSize: "0.6875rem", lineHeight: "1.95" },
    ".cm-activeLine, .cm-activeLineGutter": { background: token("surface-hover") },
    ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": { background: token("accent-border") },
    ".cm-selectionMatch, .cm-searchMatch": { background: token("warn-border") },
    ".cm-searchMatch.cm-searchMatch-selected": { background: token("warn"), color: "#1e1c21" },
    ".cm-specialChar": { color: token("danger-text") },
    ".cm-place": { background: token("warn-soft"), boxShadow: `inset 3px 0 0 ${token("warn")}` },
    ".cm-place.is-chosen": { background: token("ok-soft"), boxShadow: `inset 3px 0 0 ${token("ok")}` },
    ".cm-panels": { ...panel, borderColor: token("border") },
    ".cm-panels-top": { borderBottom: `1px solid ${token("border")}` },
    ".cm-panel.cm-search": { padding: "8px 36px 8px 12px", font: "inherit" },
    ".cm-panel.cm-search label": { fontSize: "inherit", marginInlineEnd: "8px" },
    ".cm-panel.cm-search [name=close]": { color: token("text"), fontSize: "1.25rem", right: "10px", cursor: "pointer" },
    ".cm-textfield": { padding: "4px 8px", border: `1px solid ${token("border-control")}`, borderRadius: token("radius"), background: token("surface"), color: token("text"), font: "inherit" },
    ".cm-button": { padding: "4px 10px", border: `1px solid ${token("border-strong")}`, borderRadius: token("radius"), background: token("surface-raised"), backgroundImage: "none", color: token("text"), font: "inherit", cursor: "pointer" },
    ":is(.cm-textfield, .cm-button, [name=close]):focus-visible": { outline: `2px solid ${token("focus")}`, outlineOffset: "1px" },
    "@media (max-width: 640px)": { "&": { fontSize: "1rem" } },
  });
}

function colours({ HighlightStyle, syntaxHighlighting, tags }) {
  return syntaxHighlighting(
    HighlightStyle.define([
      { tag: tags.heading, color: token("code-name"), fontWeight: "600" },
      { tag: tags.strong, fontWeight: "600" },
      { tag: tags.emphasis, fontStyle: "italic" },
      { tag: tags.strikethrough, textDecoration: "line-through" },
      { tag: [tags.link, tags.url], color: token("accent-text") },
      { tag: tags.monospace, color: token("code-string") },
      { tag: tags.quote, color: token("text-muted") },
      { tag: [tags.list, tags.processingInstruction, tags.contentSeparator], color: token("code-keyword") },
      { tag: [tags.labelName, tags.string], color: token("code-builtin") },
      { tag: [tags.comment, tags.meta], color: token("code-comment") },
    ]),
  );
}

function extensions(kit, label, extra) {
  const { EditorView } = kit;
  return [
    kit.lineNumbers(),
    kit.highlightActiveLine(),
    kit.highlightActiveLineGutter(),
    kit.highlightSpecialChars(),
    kit.history(),
    kit.drawSelection(),
    kit.dropCursor(),
    kit.search({ top: true }),
    kit.highlightSelectionMatches(),
    kit.markdownLanguage,
    EditorView.domEventHandlers({ beforeinput: typeOver }),
    EditorView.lineWrapping,
    EditorView.perLineTextDirection.of(true),
    EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "true" }),
    kit.keymap.of([...kit.markdownKeymap, ...kit.defaultKeymap, ...kit.historyKeymap, ...kit.searchKeymap]),
    theme(kit),
    colours(kit),
    extra,
  ];
}

// Typing over a selection is done here: Chromium would give the new letters the old ones' look by a style
// attribute, which the policy refuses and reports.
function typeOver(event, view) {
  const plain = event.inputType === "insertText" && event.data && !view.composing;
  if (!plain || view.state.selection.ranges.every((range) => range.empty)) return false;
  view.dispatch(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
  event.preventDefault();
  return true;
}

// `box` keeps the text: it follows the editor, and the editor follows it on the event "written".
export async function code(field, box) {
  const kit = await import(field.dataset.kit);
  const { EditorView, EditorState } = kit;
  const host = Object.assign(document.createElement("div"), { className: "code-editor" });
  const root = host.attachShadow({ mode: "open" });
  const follow = EditorView.updateListener.of((update) => {
    if (!update.docChanged) return;
    const text = update.state.doc.toString();
    if (text === box.value) return;
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  });
  box.after(host);
  const extra = [follow, field.extension?.(kit) ?? []];
  const state = EditorState.create({ doc: box.value, extensions: extensions(kit, field.dataset.label ?? "Text", extra) });
  const view = new EditorView({ state, parent: root, root });
  box.addEventListener("written", () => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: box.value } }));
  box.hidden = true;
  field.classList.add("has-code");
  // Where a path or a choice comes first, or a keyboard would cover half the screen, nothing is focused.
  const form = field.closest("form");
  if (form.elements.path?.type === "hidden" && !form.matches("[data-conflict]") && matchMedia("(pointer: fine)").matches) view.focus();
  return view;
}
