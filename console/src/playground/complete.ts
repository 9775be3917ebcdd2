// Completion: keys of the configuration by its schema, and words of Cedar.

import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete'
import cedarSchema from '../../../schema/modelgate.cedarschema?raw'
import { keysAt, valuesAt } from './schema'

export function completeYaml(context: CompletionContext): CompletionResult | null {
  const line = context.state.doc.lineAt(context.pos)
  const before = line.text.slice(0, context.pos - line.from)
  const value = /^(\s*(?:- )*)([\w.-]+):\s+(?:.*[[,]\s*)?["']?([\w.-]*)$/.exec(before)
  const above = () => textsAbove(context, line.number)
  if (value !== null) {
    const [, space = '', key = '', typed = ''] = value
    return listed(context.pos - typed.length, valuesAt([...pathAt(above(), space), key]), 'constant', '')
  }
  const word = /^(\s*(?:- )*)([\w.-]*)$/.exec(before)
  if (word === null || (word[2] === '' && !context.explicit)) return null
  const [, space = '', typed = ''] = word
  return listed(context.pos - typed.length, keysAt(pathAt(above(), space)), 'property', ': ')
}

/** The keys above a line that begins with this space, which includes the dashes of entries. */
export function pathAt(above: string[], space: string): string[] {
  const path: string[] = []
  // The key above stands to the left of this column. A list may stand as far to the left as its key.
  let limit = limitOf(space)
  for (const text of above.toReversed()) {
    if (limit <= 0) break
    const found = /^(\s*(?:- )*)([\w.-]+):(?:\s|$)/.exec(text)
    const [, before = '', key = ''] = found ?? []
    if (found === null) continue
    if (before.length < limit) {
      path.unshift(key)
      limit = limitOf(before)
    } else if (before.length === limit && before.includes('-')) {
      limit = limitOf(before)
    }
  }
  return path
}

function limitOf(space: string): number {
  const dash = space.indexOf('-')
  return dash < 0 ? space.length : dash + 1
}

function textsAbove(context: CompletionContext, line: number): string[] {
  const texts: string[] = []
  for (let at = 1; at < line; at += 1) texts.push(context.state.doc.line(at).text)
  return texts
}

function listed(from: number, found: { name: string; description: string }[], type: string, after: string): CompletionResult | null {
  if (found.length === 0) return null
  const options = found.map(({ name, description }): Completion => ({ label: name, apply: name + after, type, info: description }))
  return { from, options, validFor: /^[\w.-]*$/ }
}

const WORDS = ['permit', 'forbid', 'when', 'unless', 'principal', 'action', 'resource', 'context', 'if', 'then', 'else', 'in', 'is', 'has', 'like', 'true', 'false']
const METHODS = ['contains', 'containsAll', 'containsAny', 'isEmpty', 'hasTag', 'getTag', 'isInRange', 'isLoopback', 'lessThan', 'greaterThan']

/** Words of the language, and each name that the schema of policies declares. */
const CEDAR: Completion[] = [
  ...WORDS.map((label): Completion => ({ label, type: 'keyword' })),
  ...METHODS.map((label): Completion => ({ label, type: 'method' })),
  ...declared(/^entity (\w+)/gm, 'class'),
  ...declared(/^\s+(\w+)\??:/gm, 'property'),
  ...declared(/^action (\w+)/gm, 'function'),
]

function declared(pattern: RegExp, type: string): Completion[] {
  const names = new Set([...cedarSchema.matchAll(pattern)].map((found) => found[1] ?? ''))
  return [...names].map((label) => ({ label, type }))
}

export function completeCedar(context: CompletionContext): CompletionResult | null {
  const word = context.matchBefore(/\w*/)
  if (word === null || (word.from === word.to && !context.explicit)) return null
  return { from: word.from, options: CEDAR, validFor: /^\w*$/ }
}
