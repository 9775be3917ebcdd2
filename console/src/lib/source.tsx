// Lines of the configuration and of policies, shown where they are named.

import type { JSX } from 'preact'
import type { SourceFile, SourceLine, Sources } from '../types'
import { get } from './api'
import { type Loaded, useLoaded } from './load'
import { oneLine, visible } from './text'

const MOST_LINES = 16

export function useSources(): Loaded<Sources> {
  return useLoaded('sources', (signal) => get<Sources>('sources', {}, signal))
}

export interface Place {
  file: string
  line: number
}

/** `policies/hours.cedar:12` as a place. */
export function placeOf(source: string): Place | null {
  const found = /^(.*):(\d+)$/s.exec(source)
  return found === null ? null : { file: found[1] ?? '', line: Number(found[2]) }
}

/** The lines that belong to a place: a whole policy, or an entry of YAML with what is indented below it. */
export function excerpt(text: string, line: number, isCedar: boolean): string[] {
  const lines = text.split('\n')
  const first = lines[line - 1]
  if (first === undefined) return []
  const depth = indent(first)
  let end = line
  const goesOn = (next: string) => (isCedar ? !(lines[end - 1] ?? '').trimEnd().endsWith(';') : next.trim() === '' || indent(next) > depth)
  while (end < lines.length && end - line < MOST_LINES && goesOn(lines[end] ?? '')) end += 1
  const found = lines.slice(line - 1, end)
  while (found.length > 1 && found.at(-1)?.trim() === '') found.pop()
  return found
}

const indent = (line: string): number => line.length - line.trimStart().length

export interface SourceProps {
  /** `file:line` */
  at: string
  sources: Sources | null
  /** Lines that an explanation brought along. */
  given?: SourceLine[] | undefined
}

/** A place, and its lines if they are known. */
export function Source({ at, sources, given }: SourceProps): JSX.Element {
  const place = placeOf(at)
  const lines = place === null ? [] : linesAt(place, sources, given)
  return (
    <figure class="source">
      <figcaption>
        <bdi class="name">{oneLine(at)}</bdi>
      </figcaption>
      {place !== null && lines.length > 0 && (
        <pre tabIndex={0} aria-label={`The lines at ${oneLine(at)}`}>
          {lines.map((line, index) => (
            <code key={index} class={index === 0 ? 'named' : undefined}>
              <span class="number" aria-hidden="true">
                {place.line + index}
              </span>
              {visible(line)}
              {'\n'}
            </code>
          ))}
        </pre>
      )}
    </figure>
  )
}

function linesAt({ file, line }: Place, sources: Sources | null, given: SourceLine[] | undefined): string[] {
  const known = sources === null ? [] : [...(sources.config === null ? [] : [sources.config]), ...sources.policies]
  const source = known.find((one) => isSame(one, file))
  if (source !== undefined) return excerpt(source.text, line, source.name.endsWith('.cedar'))
  const brought = given?.find((one) => one.file === file && one.line === line)
  return brought === undefined ? [] : brought.text.split('\n')
}

/** Policies may be listed by their name in the directory, and named by their path. */
function isSame(source: SourceFile, file: string): boolean {
  return source.name === file || file.endsWith(`/${source.name}`) || source.name.endsWith(`/${file}`)
}
