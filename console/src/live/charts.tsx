// Rates and latencies of the last hour, and who was denied by what.

import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { get } from '../lib/api'
import { epoch } from '../lib/state'
import type { Metrics } from '../types'
import { Chart, type Line } from './chart'
import { Counts } from './counts'

const EVERY_MS = 10_000

export function Charts(): JSX.Element | null {
  const metrics = useMetrics()
  if (metrics === null) return null
  const { interval_seconds: every, start, series } = metrics
  const first = Date.parse(start) / 1000
  const times = series.allowed.map((_, at) => first + at * every)
  const perSecond = (counts: number[]) => counts.map((count) => count / every)
  const rates: Line[] = [
    { label: 'allowed', tone: 'yes', values: perSecond(series.allowed) },
    { label: 'denied', tone: 'no', values: perSecond(series.denied), dash: [6, 3] },
    { label: 'errors', tone: 'if', values: perSecond(series.errors), dash: [2, 2] },
  ]
  const latencies: Line[] = [
    { label: 'half', tone: 'yes', values: series.p50_ms },
    { label: '99 of 100', tone: 'if', values: series.p99_ms, dash: [6, 3] },
  ]
  return (
    <>
      <Chart title="Requests per second" unit="/s" times={times} lines={rates} />
      <Chart title="Latency, in milliseconds" unit=" ms" times={times} lines={latencies} />
      <Counts title="Denials by rule" head="Rule" counts={metrics.denied_by_rule} filter="rule" />
      <Counts title="Denials by model" head="Model" counts={metrics.denied_by_model} filter="model" />
      <Counts title="Disagreements of the shadow" head="Shadow" counts={shadowOf(metrics)} />
    </>
  )
}

/** Requests that would have been decided differently. */
function shadowOf({ shadow }: Metrics): Record<string, number> {
  const counts = { 'shadow policies': shadow.policies, 'shadow configuration': shadow.config, 'not enforced (log_only)': shadow.unenforced }
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
}

function useMetrics(): Metrics | null {
  const [metrics, setMetrics] = useState<Metrics | null>(null)
  const now = epoch.value
  useEffect(() => {
    const stop = new AbortController()
    const look = () => {
      // The shell says when the gateway does not answer. The charts then stay as they are.
      get<Metrics>('metrics/recent', {}, stop.signal).then(setMetrics, () => undefined)
    }
    look()
    const timer = setInterval(look, EVERY_MS)
    return () => {
      stop.abort()
      clearInterval(timer)
    }
  }, [now])
  return metrics
}
