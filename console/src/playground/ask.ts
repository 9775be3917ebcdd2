// What the gateway says about a draft: is it valid, who gains and loses, which cases fail.

import { useEffect, useState } from 'preact/hooks'
import { ApiError, post } from '../lib/api'
import { epoch } from '../lib/state'
import type { Checked, Diagnostic, Diff, Json } from '../types'
import { type Draft, bodyOf } from './draft'

const STILL_MS = 300

export interface Tested {
  cases: number
  failed: { name: string; expected?: Json; got?: Json; mismatches?: string[]; source?: string }[]
}

export interface Said {
  state: 'waiting' | 'asking' | 'done'
  diagnostics: Diagnostic[]
  isValid: boolean
  diff: Diff | null
  tested: Tested | null
  /** What kept the gateway from an answer. */
  error: string
}

const START: Said = { state: 'waiting', diagnostics: [], isValid: true, diff: null, tested: null, error: '' }

/** Asks when the keyboard rests. A newer question ends an older one. */
export function useSaid(draft: Draft | null, prove: boolean): Said {
  const [said, setSaid] = useState<Said>(START)
  const now = epoch.value
  useEffect(() => {
    if (draft === null) return undefined
    const stop = new AbortController()
    setSaid((old) => ({ ...old, state: 'asking' }))
    const timer = setTimeout(() => {
      const tell = (next: Said) => {
        if (!stop.signal.aborted) setSaid(next)
      }
      ask(draft, prove, stop.signal).then(tell, (error: unknown) => tell(failed(error)))
    }, STILL_MS)
    return () => {
      clearTimeout(timer)
      stop.abort()
    }
  }, [draft, prove, now])
  return said
}

async function ask(draft: Draft, prove: boolean, signal: AbortSignal): Promise<Said> {
  const body = bodyOf(draft)
  const checked = await post<Checked>('check', body, signal)
  const diagnostics = [...(checked.problems ?? []), ...(checked.warnings ?? [])]
  if (!checked.valid) return { ...START, state: 'done', isValid: false, diagnostics }
  const diff = post<Diff>('diff', prove ? { ...body, prove } : body, signal)
  const cases = draft.cases.map((file) => file.text).join('\n---\n')
  const tested = draft.cases.length === 0 ? null : post<Tested>('test', { ...body, cases }, signal)
  return { ...START, state: 'done', diagnostics, diff: await diff, tested: await tested }
}

function failed(error: unknown): Said {
  const diagnostics = error instanceof ApiError ? error.diagnostics : []
  const message = error instanceof Error ? error.message : String(error)
  return { ...START, state: 'done', isValid: diagnostics.length === 0, diagnostics, error: diagnostics.length === 0 ? message : '' }
}
