// A chart of the last hour. Lines differ by their dashes, not only by their colours, and a sentence says the last values.

import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'

export interface Line {
  label: string
  tone: 'yes' | 'no' | 'if'
  values: (number | null)[]
  dash?: number[]
}

export interface ChartProps {
  title: string
  unit: string
  times: number[]
  lines: Line[]
}

const HEIGHT = 150

export function Chart({ title, unit, times, lines }: ChartProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const data: uPlot.AlignedData = [times, ...lines.map((line) => line.values)]

  useEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const build = () => {
      plot.current?.destroy()
      plot.current = new uPlot(optionsOf(lines, element), plot.current?.data ?? data, element)
    }
    build()
    const sizes = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }))
    sizes.observe(element)
    const dark = matchMedia('(prefers-color-scheme: dark)')
    dark.addEventListener('change', build)
    return () => {
      sizes.disconnect()
      dark.removeEventListener('change', build)
      plot.current?.destroy()
      plot.current = null
    }
  }, [])
  useEffect(() => plot.current?.setData(data), [times, lines])

  const last = lines.map(({ label, values }) => `${label} ${number(values.findLast((value) => value !== null) ?? 0)}${unit}`)
  return (
    <section class="card">
      <h2>{title}</h2>
      <div ref={box} class="plot" role="img" aria-label={`${title} in the last hour. Now: ${last.join(', ')}.`} />
      <ul class="legend">
        {lines.map((line, at) => (
          <li key={line.label}>
            <svg width="24" height="8" aria-hidden="true" class={line.tone}>
              <line x1="0" y1="4" x2="24" y2="4" stroke="currentColor" stroke-width="2" stroke-dasharray={line.dash?.join(' ')} />
            </svg>
            {last[at]}
          </li>
        ))}
      </ul>
    </section>
  )
}

function optionsOf(lines: Line[], element: HTMLElement): uPlot.Options {
  const style = getComputedStyle(element)
  const color = (name: string) => style.getPropertyValue(`--${name}`).trim()
  const axis = { stroke: color('quiet'), grid: { stroke: color('line'), width: 1 }, ticks: { show: false }, font: `11px ${style.fontFamily}` }
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      { ...axis, size: 26, space: 70, values: (_plot, times) => times.map((time) => new Date(time * 1000).toLocaleTimeString('en-GB').slice(0, 5)) },
      { ...axis, size: 44 },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.label,
        stroke: color(line.tone),
        width: 1.5,
        points: { show: false },
        ...(line.dash === undefined ? {} : { dash: line.dash }),
      })),
    ],
  }
}

const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2))
