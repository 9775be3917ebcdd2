// Requests to the admin API, and what their failures mean.

import { computed, signal } from '@preact/signals'
import type { Diagnostic, Json } from '../types'

const BASE = 'api/v1/'
const KEPT = 'modelgate.token'

/** The credential of the admin listener. It lives as long as the tab. */
const token = signal<string | null>(sessionStorage.getItem(KEPT))

/** Whether the listener asked for a credential that we do not have. */
export const needsToken = signal(false)

/** Whether a credential was given. If one is asked for nevertheless, it was not accepted. */
export const hasToken = computed(() => token.value !== null)

/** Whether the last request reached the gateway. */
export const isConnected = signal(true)

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly diagnostics: Diagnostic[] = [],
  ) {
    super(message)
  }

  /** Whether no answer came at all. */
  get isUnreachable(): boolean {
    return this.status === 0
  }
}

export type Query = Record<string, string | number | undefined>

export function useToken(given: string): void {
  sessionStorage.setItem(KEPT, given)
  token.value = given
  needsToken.value = false
}

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return read<T>(await send(path, query, { signal: signal ?? null, headers: { accept: 'application/json' } }))
}

export async function post<T>(path: string, body: Json, signal?: AbortSignal): Promise<T> {
  const headers = { 'content-type': 'application/json', accept: 'application/json' }
  return read<T>(await send(path, {}, { method: 'POST', body: JSON.stringify(body), signal: signal ?? null, headers }))
}

/** The answer as text, for downloads. */
export async function getText(path: string, query: Query): Promise<string> {
  return (await send(path, query, {})).text()
}

export interface ServerEvent {
  event: string
  data: string
}

/** Server-sent events. `EventSource` cannot send a credential, so the stream is read by hand. What `onOpen` loads cannot
    miss anything, because the stream is open before. */
export async function* events(path: string, query: Query, signal: AbortSignal, onOpen: () => Promise<void>): AsyncGenerator<ServerEvent> {
  const answer = await send(path, query, { signal, headers: { accept: 'text/event-stream' } })
  await onOpen()
  if (answer.body === null) return
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const blocks = (rest + value).replaceAll('\r\n', '\n').split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        const found = parseEvent(block)
        if (found !== null) yield found
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/** One block of an event stream. A comment has no data. */
export function parseEvent(block: string): ServerEvent | null {
  let event = 'message'
  const data: string[] = []
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':')
    if (colon === 0) continue
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') event = value
    if (field === 'data') data.push(value)
  }
  return data.length === 0 ? null : { event, data: data.join('\n') }
}

async function send(path: string, query: Query, init: RequestInit): Promise<Response> {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') search.set(key, String(value))
  }
  const headers = new Headers(init.headers)
  if (token.value !== null) headers.set('authorization', `Bearer ${token.value}`)
  const suffix = search.size > 0 ? `?${search}` : ''
  let answer: Response
  try {
    answer = await fetch(BASE + path + suffix, { ...init, headers, cache: 'no-store', credentials: 'omit' })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    isConnected.value = false
    throw new ApiError(0, 'the gateway does not answer')
  }
  isConnected.value = true
  if (answer.status === 401) needsToken.value = true
  if (!answer.ok) throw await failure(answer)
  return answer
}

async function read<T>(answer: Response): Promise<T> {
  try {
    return (await answer.json()) as T
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiError(answer.status, 'the answer is not JSON')
  }
}

async function failure(answer: Response): Promise<ApiError> {
  const said = (await answer.json().catch(() => ({}))) as { error?: unknown; diagnostics?: Diagnostic[] }
  const message = typeof said.error === 'string' ? said.error : `the gateway answered with status ${answer.status}`
  return new ApiError(answer.status, message, said.diagnostics ?? [])
}
