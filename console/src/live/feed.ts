// Decisions as they are made. Memory is bounded, and what is drawn changes a few times a second at most.

import { useEffect, useState } from 'preact/hooks'
import { type Query, events, get, isConnected } from '../lib/api'
import { lookNow } from '../lib/state'
import type { Decision } from '../types'

const MOST = 500
const DRAW_MS = 250
const SAMPLED_MS = 3000
const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 5000

export interface Sampled {
  seen: number
  sent: number
}

export interface Feed {
  /** The newest first. */
  decisions: Decision[]
  sampled: Sampled | null
  state: 'connecting' | 'live' | 'lost'
  error: string
}

const START: Feed = { decisions: [], sampled: null, state: 'connecting', error: '' }

export function useFeed(filters: Query, isPaused: boolean): Feed {
  const [feed, setFeed] = useState<Feed>(START)
  const key = JSON.stringify(filters)
  useEffect(() => {
    if (isPaused) return undefined
    const stop = new AbortController()
    const draw = drawing(setFeed)
    void read(filters, stop.signal, draw)
    return () => {
      stop.abort()
      draw.stop()
    }
  }, [key, isPaused])
  return feed
}

interface Drawing {
  add: (decision: Decision) => void
  begin: (recent: Decision[]) => void
  tell: (news: Partial<Feed>) => void
  sampled: (of: Sampled) => void
  stop: () => void
}

/** Collects what arrives, and draws it together. */
function drawing(setFeed: (change: (old: Feed) => Feed) => void): Drawing {
  let waiting: Decision[] = []
  const flush = () => {
    if (waiting.length === 0) return
    const arrived = waiting.reverse()
    waiting = []
    setFeed((old) => ({ ...old, decisions: [...arrived, ...old.decisions].slice(0, MOST) }))
  }
  let sampledAt = 0
  const timer = setInterval(() => {
    flush()
    // Each second with too many decisions is told. Silence means that every decision is shown.
    if (sampledAt > 0 && Date.now() - sampledAt > SAMPLED_MS) {
      sampledAt = 0
      setFeed((old) => ({ ...old, sampled: null }))
    }
  }, DRAW_MS)
  return {
    add: (decision) => {
      waiting.push(decision)
      if (waiting.length > MOST) waiting.shift()
    },
    begin: (recent) => {
      waiting = []
      setFeed((old) => ({ ...old, decisions: recent, state: 'live', error: '' }))
    },
    tell: (news) => setFeed((old) => ({ ...old, ...news })),
    sampled: (sampled) => {
      // Some that were held back a second before may be sent in this one.
      if (sampled.seen <= sampled.sent) return
      sampledAt = Date.now()
      setFeed((old) => ({ ...old, sampled }))
    },
    stop: () => clearInterval(timer),
  }
}

async function read(filters: Query, signal: AbortSignal, draw: Drawing): Promise<void> {
  let retry = FIRST_RETRY_MS
  while (!signal.aborted) {
    try {
      await follow(filters, signal, draw, () => {
        retry = FIRST_RETRY_MS
      })
      // The stream ended, so the gateway stops. The shell notices too.
      isConnected.value = false
    } catch (error) {
      if (signal.aborted) return
      draw.tell({ state: 'lost', error: error instanceof Error ? error.message : String(error) })
    }
    draw.tell({ state: 'lost' })
    lookNow()
    await new Promise((resolve) => setTimeout(resolve, retry * (0.75 + Math.random() / 2)))
    retry = Math.min(retry * 2, LAST_RETRY_MS)
  }
}

async function follow(filters: Query, signal: AbortSignal, draw: Drawing, onOpen: () => void): Promise<void> {
  // The list and the stream may both have a decision.
  const listed = new Set<string>()
  const begin = async () => {
    const { decisions } = await get<{ decisions: Decision[] }>('decisions', { ...filters, limit: 200 }, signal)
    for (const { id } of decisions) listed.add(id)
    draw.begin(decisions)
    onOpen()
  }
  for await (const { event, data } of events('decisions', filters, signal, begin)) {
    if (event === 'decision') {
      const decision = JSON.parse(data) as Decision
      if (!listed.delete(decision.id)) draw.add(decision)
    } else if (event === 'sampled') {
      draw.sampled(JSON.parse(data) as Sampled)
    } else if (event === 'reload') {
      lookNow()
    }
  }
}
