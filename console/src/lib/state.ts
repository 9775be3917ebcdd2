// The snapshot in force, and whether the gateway answers. Everything that is shown follows `epoch`.

import { signal } from '@preact/signals'
import type { Snapshot } from '../types'
import { ApiError, get, isConnected, needsToken } from './api'

const EVERY_MS = 3000
const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 5000

export const snapshot = signal<Snapshot | null>(null)

/** Grows whenever what is shown may be old: after a reload, a restart, or a new credential. */
export const epoch = signal(0)

/** What happened last, for people and for screen readers. */
export const notice = signal('')

let wake: () => void = () => undefined

/** Whether the gateway was gone since the last snapshot. */
let isAway = false

/** Asks for the snapshot now, not at the next turn. */
export function lookNow(): void {
  wake()
}

export async function follow(): Promise<never> {
  let retry = FIRST_RETRY_MS
  for (;;) {
    try {
      accept(await get<Snapshot>('snapshot'))
      retry = FIRST_RETRY_MS
      await pause(EVERY_MS)
    } catch (error) {
      if (error instanceof ApiError && error.isUnreachable) notice.value = 'The gateway does not answer. Trying again.'
      // Many consoles must not come back at the same moment.
      await pause(retry * (0.75 + Math.random() / 2))
      retry = Math.min(retry * 2, LAST_RETRY_MS)
    }
  }
}

function accept(now: Snapshot): void {
  const before = snapshot.value
  snapshot.value = now
  const wasAway = isAway
  isAway = false
  if (before === null) return
  if (wasAway) {
    notice.value = 'The gateway answers again. What you see is up to date.'
    epoch.value += 1
  } else if (before.generation !== now.generation || before.hash !== now.hash) {
    notice.value = `The configuration was reloaded: generation ${now.generation} is in force.`
    epoch.value += 1
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    wake = () => {
      clearTimeout(timer)
      resolve()
    }
  })
}

// Any request may be the first that finds the gateway gone, or there again.
isConnected.subscribe((connected) => {
  if (!connected) isAway = true
  else if (isAway) lookNow()
})

// A new credential may show what the old one could not.
needsToken.subscribe((needed) => {
  if (!needed) lookNow()
})
