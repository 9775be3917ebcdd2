// The question of the form, and its form in the address. A token never goes into the address.

import { param } from '../lib/route'
import type { Json } from '../types'

export type Who = 'token' | 'claims' | 'id'

export interface Question {
  who: Who
  token: string
  claims: string
  id: string
  method: string
  path: string
  team: string
  body: string
}

export const METHODS = ['POST', 'GET', 'PUT', 'PATCH', 'DELETE']

export function questionOfAddress(): Question {
  const who: Who = param('id') !== '' ? 'id' : param('claims') !== '' ? 'claims' : 'token'
  return {
    who,
    token: '',
    claims: param('claims') || '{\n  "sub": "ada"\n}',
    id: param('id'),
    method: param('method') || 'POST',
    path: param('path') || '/v1/chat/completions',
    team: param('team'),
    body: param('body') || (param('path') === '' ? '{"model": "gpt-4o"}' : ''),
  }
}

/** Whether the address asks something by itself. */
export function isAsked(): boolean {
  return param('id') !== '' || param('claims') !== ''
}

export function addressOf(question: Question): Record<string, string> {
  if (question.who === 'id') return { id: question.id, claims: '', method: '', path: '', team: '', body: '' }
  const { method, path, team, body } = question
  return { id: '', claims: question.who === 'claims' ? question.claims : '', method, path, team, body }
}

/** The body of `explain`, or what is wrong with the form. */
export function requestOf(question: Question): Json | Error {
  if (question.who === 'id') return question.id.trim() === '' ? new Error('Name a request id.') : { id: question.id.trim() }
  const asked: Record<string, Json> = { method: question.method, path: question.path }
  if (question.team !== '') asked['headers'] = { 'x-litellm-team-id': question.team }
  if (question.body.trim() !== '') {
    const body = parsed(question.body, 'The body is not JSON')
    if (body instanceof Error) return body
    asked['body'] = body
  }
  if (question.who === 'token') {
    const token = question.token.trim().replace(/^bearer\s+/i, '')
    return token === '' ? new Error('Paste a token.') : { ...asked, token }
  }
  const claims = parsed(question.claims, 'The claims are not JSON')
  if (claims instanceof Error) return claims
  const isObject = typeof claims === 'object' && claims !== null && !Array.isArray(claims)
  return isObject ? { ...asked, claims } : new Error('The claims are not a JSON object.')
}

function parsed(text: string, wrong: string): Json | Error {
  try {
    return JSON.parse(text) as Json
  } catch (error) {
    return new Error(`${wrong}: ${error instanceof Error ? error.message : ''}`)
  }
}
