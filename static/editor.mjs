// The parts of CodeMirror that the editor uses. static/build.mjs makes vendor/codemirror.min.js of it.
// The Markdown language is taken without its HTML, CSS and JavaScript parsers: they are most of it.
export { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
export { markdownKeymap, markdownLanguage } from "@codemirror/lang-markdown";
export { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
export { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
export { EditorState, StateEffect, StateField } from "@codemirror/state";
export {
  Decoration, drawSelection, dropCursor, EditorView, highlightActiveLine, highlightActiveLineGutter,
  highlightSpecialChars, keymap, lineNumbers,
} from "@codemirror/view";
export { tags } from "@lezer/highlight";
