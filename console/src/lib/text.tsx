// Text from outside. Names of models, claims and lines of logs are hostile: they are only ever text nodes, and characters
// that a person cannot see, or that change the order of others, are shown by their numbers.

import type { JSX } from 'preact'

// Controls, bidirectional controls, characters without width, line separators, tags and lone surrogates.
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]|[\u{e0000}-\u{e0fff}]|\p{Cs}/gu

/** The text with unseen characters as `U+202E`. Tabs and line feeds stay. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (found) => `‹U+${(found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}›`)
}

/** As `visible`, on one line. */
export function oneLine(text: string): string {
  return visible(text).replace(/\t/g, ' ').replace(/\n/g, '‹U+000A›')
}

/** A name from outside, in the font of names. `bdi` keeps its direction away from what stands beside it. */
export function Name({ of }: { of: string }): JSX.Element {
  return <bdi class="name">{oneLine(of)}</bdi>
}

/** A sentence of the gateway, in which names stand between backticks. */
export function Sentence({ of }: { of: string }): JSX.Element {
  const parts = visible(of).split('`')
  const isQuoted = (at: number) => at % 2 === 1 && at < parts.length - 1
  const isAlone = (at: number) => at % 2 === 1 && at === parts.length - 1
  return <>{parts.map((part, at) => (isQuoted(at) ? <code key={at}>{part}</code> : isAlone(at) ? `\`${part}` : part))}</>
}

export function json(value: unknown): string {
  return visible(JSON.stringify(value, null, 2) ?? '')
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}

/** A time as the reader's clock shows it. */
export function clock(time: string): string {
  const at = new Date(time)
  return Number.isNaN(at.getTime()) ? visible(time) : at.toLocaleTimeString('en-GB')
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`
  return `${Math.round(seconds / 360) / 10} h`
}

/** Offers text as a file. */
export function download(name: string, type: string, content: BlobPart): void {
  const url = URL.createObjectURL(new Blob([content], { type }))
  const anchor = document.createElement('a')
  anchor.href = url
  anchor.download = name
  anchor.click()
  URL.revokeObjectURL(url)
}
