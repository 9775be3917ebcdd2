// Verdicts, by a sign and a word: never by colour alone.

import type { ComponentChildren, JSX } from 'preact'

export type Tone = 'yes' | 'no' | 'if' | 'none'

const SIGNS: Record<Tone, string> = { yes: '✓', no: '✕', if: '◆', none: '·' }

export function Verdict({ tone, children }: { tone: Tone; children: ComponentChildren }): JSX.Element {
  return (
    <span class={`verdict ${tone}`}>
      <span class="sign" aria-hidden="true">
        {SIGNS[tone]}
      </span>{' '}
      {children}
    </span>
  )
}

export function toneOf(allow: boolean | null): Tone {
  return allow === null ? 'if' : allow ? 'yes' : 'no'
}

export function wordOf(allow: boolean | null): string {
  return allow === null ? 'under a condition' : allow ? 'allowed' : 'denied'
}

/** A failure to load something, said aloud. */
export function Failure({ error }: { error: Error | null }): JSX.Element | null {
  return error === null ? null : (
    <p class="failure" role="alert">
      {error.message}
    </p>
  )
}
