// Loads something for a page, and again whenever it may have changed.

import { useEffect, useState } from 'preact/hooks'
import { epoch } from './state'

export interface Loaded<T> {
  /** The last answer. It stays while a newer one is on its way. */
  data: T | null
  error: Error | null
  isLoading: boolean
}

/** Loads again when `key` or the configuration in force changes. */
export function useLoaded<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<Loaded<T>>({ data: null, error: null, isLoading: true })
  const now = epoch.value
  useEffect(() => {
    const stop = new AbortController()
    setState((old) => ({ ...old, isLoading: true }))
    load(stop.signal).then(
      (data) => {
        if (!stop.signal.aborted) setState({ data, error: null, isLoading: false })
      },
      (error: unknown) => {
        if (stop.signal.aborted) return
        setState((old) => ({ ...old, error: error instanceof Error ? error : new Error(String(error)), isLoading: false }))
      },
    )
    return () => stop.abort()
  }, [key, now])
  return state
}

