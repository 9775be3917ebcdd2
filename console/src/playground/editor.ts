// The editor. It stands in a shadow root, where its styles are a constructed sheet: the page's policy forbids others.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { yaml } from '@codemirror/lang-yaml'
import { bracketMatching, indentOnInput, syntaxHighlighting } from '@codemirror/language'
import { type Diagnostic as Mark, lintKeymap, setDiagnostics } from '@codemirror/lint'
import { EditorState, type Extension } from '@codemirror/state'
import { EditorView, highlightActiveLine, highlightSpecialChars, keymap, lineNumbers } from '@codemirror/view'
import { classHighlighter } from '@lezer/highlight'
import type { Diagnostic } from '../types'
import { cedar } from './cedar'
import { completeCedar, completeYaml } from './complete'
import { theme } from './theme'

export interface Editor {
  /** Shows a file. Each keeps its own history. */
  open: (name: string, text: string) => void
  mark: (diagnostics: Diagnostic[]) => void
  goTo: (line: number, column: number) => void
  close: () => void
}

// Names have characters that change the order of others. An editor shows them as dots, like other control characters.
const UNSEEN = /[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g

export function createEditor(parent: HTMLElement, onChange: (name: string, text: string) => void): Editor {
  const root = parent.shadowRoot ?? parent.attachShadow({ mode: 'open' })
  root.replaceChildren()
  const states = new Map<string, EditorState>()
  let current = ''
  const listener = EditorView.updateListener.of((update) => {
    states.set(current, update.state)
    if (update.docChanged) onChange(current, update.state.doc.toString())
  })
  const view = new EditorView({ parent: root, root })
  return {
    open(name, text) {
      const kept = states.get(name)
      const state = kept !== undefined && kept.doc.toString() === text ? kept : stateOf(name, text, listener)
      current = name
      states.set(name, state)
      view.setState(state)
    },
    mark: (diagnostics) => view.dispatch(setDiagnostics(view.state, diagnostics.flatMap((one) => markOf(view.state, one)))),
    goTo(line, column) {
      const found = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines))
      view.dispatch({ selection: { anchor: Math.min(found.from + Math.max(column - 1, 0), found.to) }, scrollIntoView: true })
      view.focus()
    },
    close: () => view.destroy(),
  }
}

function stateOf(name: string, text: string, listener: Extension): EditorState {
  const isCedar = name.endsWith('.cedar')
  return EditorState.create({
    doc: text,
    extensions: [
      lineNumbers(),
      highlightActiveLine(),
      highlightSpecialChars({ addSpecialChars: UNSEEN }),
      history(),
      indentOnInput(),
      bracketMatching(),
      closeBrackets(),
      isCedar ? cedar : yaml(),
      autocompletion({ override: [isCedar ? completeCedar : completeYaml], icons: false }),
      syntaxHighlighting(classHighlighter),
      // The Tab key leaves the editor, so that nobody is caught in it.
      keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap]),
      EditorView.contentAttributes.of({ 'aria-label': `Contents of ${name}`, spellcheck: 'false', tabindex: '0' }),
      theme,
      listener,
    ],
  })
}

/** A diagnostic covers the rest of the word at its place, or the line. */
function markOf(state: EditorState, { line, column, message, help, kind }: Diagnostic): Mark[] {
  if (line === null || line < 1 || line > state.doc.lines) return []
  const found = state.doc.line(line)
  const from = Math.min(found.from + Math.max((column ?? 1) - 1, 0), found.to)
  const word = state.doc.sliceString(from, found.to).match(/^[^\s:,\]}]+/)?.[0].length ?? found.to - from
  const isWarning = kind === 'warning' || (kind?.startsWith('ignored') ?? false)
  const text = help ? `${message}\n${help}` : message
  return [{ from, to: Math.max(from, from + word), severity: isWarning ? 'warning' : 'error', message: text }]
}
