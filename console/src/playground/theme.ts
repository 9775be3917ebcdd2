// The look of the editor, by the colours of the page. Custom properties reach into the shadow root.

import { EditorView } from '@codemirror/view'

const underline = (color: string) => ({
  // The library draws its lines by `data:` URLs, which the page's policy forbids.
  backgroundImage: 'none',
  textDecoration: `underline wavy var(--${color})`,
  textDecorationSkipInk: 'none',
})

export const theme = EditorView.theme({
  '&': { color: 'var(--text)', backgroundColor: 'var(--field)', fontSize: '13px', height: '100%' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.5', overflow: 'auto' },
  '.cm-content': { caretColor: 'var(--text)' },
  '.cm-gutters': { backgroundColor: 'var(--field)', color: 'var(--quiet)', border: 'none' },
  '.cm-activeLine': { backgroundColor: 'var(--hover)' },
  '&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--mark)' },
  '.cm-specialChar': { color: 'var(--no)' },
  '.cm-lintRange-error': underline('no'),
  '.cm-lintRange-warning': underline('if'),
  '.cm-lintRange-info': underline('quiet'),
  '.cm-lintRange-hint': underline('quiet'),
  '.cm-tooltip': { backgroundColor: 'var(--page)', color: 'var(--text)', border: '1px solid var(--line)', maxWidth: 'min(32rem, 90vw)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--accent)', color: 'var(--on-accent)' },
  '.cm-completionInfo': { padding: '4px 8px' },
  '.cm-diagnostic': { whiteSpace: 'pre-wrap' },
  '.tok-keyword, .tok-propertyName.tok-definition': { color: 'var(--accent)' },
  '.tok-propertyName': { color: 'var(--accent)' },
  '.tok-string, .tok-string2': { color: 'var(--string)' },
  '.tok-comment': { color: 'var(--quiet)' },
  '.tok-number, .tok-atom, .tok-bool': { color: 'var(--atom)' },
  '.tok-typeName, .tok-meta': { color: 'var(--atom)' },
})
