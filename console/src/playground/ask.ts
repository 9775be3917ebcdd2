// What the gateway says about a draft: is it valid, who gains and loses, which cases fail.

import { useEffect, useState } from 'preact/hooks'
import { ApiError, post } from '../lib/api'
import { epoch } from '../lib/state'
import type { Checked, Diagnostic, Diff, Proof, SourceFile, TestReport } from '../types'
import { type Draft, bodyOf } from './draft'

const STILL_MS = 300

export interface Said {
  state: 'waiting' | 'asking' | 'done'
  diagnostics: Diagnostic[]
  isValid: boolean
  diff: Diff | null
  proof: Proof | null
  tested: TestReport[]
  /** What kept the gateway from an answer. */
  error: string
}

const START: Said = { state: 'waiting', diagnostics: [], isValid: true, diff: null, proof: null, tested: [], error: '' }

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
  const diagnostics = [...(checked.problems ?? []), ...(checked.warnings ?? [])].map(placed)
  if (!checked.valid) return { ...START, state: 'done', isValid: false, diagnostics }
  const test = ({ text }: SourceFile) => post<TestReport>('test', { ...body, cases: text }, signal)
  const [diff, proof, tested] = await Promise.all([
    post<Diff>('diff', body, signal),
    prove ? post<Proof>('diff', { ...body, prove }, signal) : null,
    Promise.all(draft.cases.map(test)),
  ])
  return { ...START, state: 'done', diagnostics, diff, proof, tested }
}

/** Some findings about policies name their place in the message. */
function placed(found: Diagnostic): Diagnostic {
  const place = found.line === null ? /^(\S+\.cedar):(\d+): (.*)$/s.exec(found.message) : null
  return place === null ? found : { ...found, file: place[1] ?? null, line: Number(place[2]), column: 1, message: place[3] ?? '' }
}

function failed(error: unknown): Said {
  const diagnostics = error instanceof ApiError ? error.diagnostics : []
  const message = error instanceof Error ? error.message : String(error)
  return { ...START, state: 'done', isValid: diagnostics.length === 0, diagnostics, error: diagnostics.length === 0 ? message : '' }
}
