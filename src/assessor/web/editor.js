// The editor of the field where work is written: CodeMirror in place of each textarea[data-editor]. script/vendor
// bundles it with all that it imports into vendor/editor.min.js; static/app.js loads that once it is needed.
//
// The textarea stays the form's field and holds the text after every change, so that the form sends, and the
// browser keeps, what it would without this file.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { cpp } from "@codemirror/lang-cpp";
import { java } from "@codemirror/lang-java";
import { javascript } from "@codemirror/lang-javascript";
import { json } from "@codemirror/lang-json";
import { python } from "@codemirror/lang-python";
import { StandardSQL, sql } from "@codemirror/lang-sql";
import { HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { EditorView, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const LANGUAGES = [
  [/\.pyi?$/, python],
  [/\.[cm]?js$/, javascript],
  [/\.[cm]?ts$/, () => javascript({ typescript: true })],
  [/\.jsx$/, () => javascript({ jsx: true })],
  [/\.tsx$/, () => javascript({ jsx: true, typescript: true })],
  [/\.sql$/, () => sql({ dialect: StandardSQL })],
  [/\.java$/, java],
  [/\.(c|h|cc|cpp|cxx|hh|hpp)$/, cpp],
  [/\.json$/, json],
];
const FOUR_SPACES = /\.(pyi?|java|c|h|cc|cpp|cxx|hh|hpp|sql)$/;

const LEAVING = "The Tab key indents. To leave the editor by keyboard, press Escape, then Tab.";

// Colours are the page's tokens, which pass through the edge of the shadow tree: light and dark come with them.
const look = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--ground)", border: "1px solid var(--line)", borderRadius: "0.4rem" },
  "&.cm-focused": { outline: "3px solid var(--focus)", outlineOffset: "2px" },
  ".cm-scroller": {
    fontFamily: 'ui-monospace, "SFMono-Regular", Menlo, Consolas, monospace',
    fontSize: "0.9rem", lineHeight: "1.45", minHeight: "12rem", maxHeight: "32rem", overflow: "auto",
  },
  ".cm-content": { caretColor: "var(--text)", padding: "0.5rem 0" },
  ".cm-gutters": { backgroundColor: "var(--raised)", color: "var(--soft)", borderRight: "1px solid var(--hair)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--on-good)", color: "var(--good)" },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "var(--on-bad)", color: "var(--bad)" },
  ".cm-specialChar": { color: "var(--bad)" },
});

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword, tags.controlKeyword], color: "var(--link)", fontWeight: "600" },
  { tag: [tags.string, tags.special(tags.string), tags.regexp, tags.character], color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--wait)" },
  { tag: tags.comment, color: "var(--soft)", fontStyle: "italic" },
  { tag: [tags.definition(tags.variableName), tags.function(tags.definition(tags.variableName)), tags.className, tags.typeName], fontWeight: "600" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

function edit(field) {
  const path = field.dataset.editor;
  const label = field.labels[0];
  const host = document.createElement("div");
  host.className = "editor";
  const hint = document.createElement("p");
  hint.id = `${field.id}-leaving`;
  hint.textContent = LEAVING;
  hint.hidden = true;
  // CodeMirror puts its styles into <style> in a document, which the site's policy forbids, but adopts them as
  // sheets of a shadow tree, which it does not.
  const root = host.attachShadow({ mode: "open" });
  root.append(hint);
  const told = document.createElement("p");
  told.className = "hint";
  told.textContent = LEAVING;
  // In the page before it is made: what is not there cannot be measured.
  field.before(told, host);
  const language = LANGUAGES.find(([pattern]) => pattern.test(path));
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: field.value,
      extensions: [
        lineNumbers(),
        highlightSpecialChars(),
        history(),
        indentOnInput(),
        bracketMatching(),
        indentUnit.of(FOUR_SPACES.test(path) ? "    " : "  "),
        EditorState.tabSize.of(4),
        syntaxHighlighting(colours),
        language ? language[1]() : [],
        look,
        keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
        EditorView.contentAttributes.of({
          "aria-label": label.textContent.trim(),
          "aria-describedby": hint.id,
          // It has the keyboard anyway; said for programs that look whether what scrolls can be reached.
          tabindex: "0",
        }),
        EditorView.domEventHandlers({
          // Typed over what is selected: a browser would give the new text the look of the old in a style
          // attribute, which the policy forbids.
          beforeinput(event, view) {
            const replaces = event.inputType === "insertText" && event.data && view.state.selection.ranges.some((one) => !one.empty);
            if (!replaces || event.isComposing) return false;
            view.dispatch(view.state.update(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true }));
            return true;
          },
        }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) field.value = update.state.doc.toString();
        }),
      ],
    }),
  });
  // Last: where the editor does not come about, the field stays.
  field.hidden = true;
  label.addEventListener("click", (event) => {
    event.preventDefault();
    view.focus();
  });
  // Back in the history, the browser may have put another text into the field since.
  window.addEventListener("pageshow", () => {
    if (field.value !== view.state.doc.toString()) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: field.value } });
    }
  });
}

for (const field of document.querySelectorAll("textarea[data-editor]:not([hidden])")) edit(field);
