// What the gateway says about a draft: is it valid, who gains and loses, which cases fail.

import { useEffect, useState } from 'preact/hooks'
import { ApiError, post } from '../lib/api'
import { epoch } from '../lib/state'
import type { Checked, Diagnostic, Diff, Json, Proof, TestReport } from '../types'
import { type Draft, bodyOf } from './draft'

const STILL_MS = 300
const BUSY = 503
const MOST_TRIES = 5

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

/** Asks when the keyboard rests. Each answer is shown when it is there, the quick ones first. A newer question ends an older one. */
export function useSaid(draft: Draft, hasEdits: boolean, prove: boolean): Said {
  const [said, setSaid] = useState<Said>(START)
  const now = epoch.value
  useEffect(() => {
    const stop = new AbortController()
    setSaid((old) => ({ ...old, state: 'asking' }))
    const timer = setTimeout(() => {
      const tell = (news: Partial<Said>) => {
        if (!stop.signal.aborted) setSaid((old) => ({ ...old, ...news }))
      }
      ask(draft, hasEdits, prove, stop.signal, tell).catch((error: unknown) => tell(failed(error)))
    }, STILL_MS)
    return () => {
      clearTimeout(timer)
      stop.abort()
    }
  }, [draft, hasEdits, prove, now])
  return said
}

async function ask(draft: Draft, hasEdits: boolean, prove: boolean, signal: AbortSignal, tell: (news: Partial<Said>) => void): Promise<void> {
  const body = bodyOf(draft)
  const checked = await patient<Checked>('check', body, signal)
  const diagnostics = [...(checked.problems ?? []), ...(checked.warnings ?? [])].map(placed)
  tell({ ...START, state: 'asking', isValid: checked.valid, diagnostics })
  if (checked.valid) {
    const tested: TestReport[] = []
    for (const { text } of draft.cases) tested.push(await patient<TestReport>('test', { ...body, cases: text }, signal))
    tell({ tested })
    if (hasEdits) tell({ diff: await patient<Diff>('diff', body, signal) })
    if (hasEdits && prove) tell({ proof: await patient<Proof>('diff', { ...body, prove }, signal) })
  }
  tell({ state: 'done' })
}

/** The gateway answers few questions of this kind at once. A question that finds no place waits. */
async function patient<T>(path: string, body: Json, signal: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await post<T>(path, body, signal)
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== BUSY || tries >= MOST_TRIES) throw error
      await new Promise((resolve) => setTimeout(resolve, 500 * tries))
      signal.throwIfAborted()
    }
  }
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
