// Colours for Cedar.

import { StreamLanguage, type StreamParser } from '@codemirror/language'

const KEYWORDS = new Set(['permit', 'forbid', 'when', 'unless', 'if', 'then', 'else', 'in', 'is', 'has', 'like'])
const ATOMS = new Set(['true', 'false'])
const VARIABLES = new Set(['principal', 'action', 'resource', 'context'])

const parser: StreamParser<null> = {
  name: 'cedar',
  token(stream) {
    if (stream.eatSpace()) return null
    if (stream.match('//')) {
      stream.skipToEnd()
      return 'comment'
    }
    if (stream.match(/^"(?:[^"\\]|\\.)*"?/)) return 'string'
    if (stream.match(/^-?\d+/)) return 'number'
    if (stream.match(/^@\w+/)) return 'meta'
    const word = stream.match(/^\w+/)
    if (word === null || word === true || word === false) {
      stream.next()
      return null
    }
    const text = word[0]
    if (stream.match('::', false)) return 'typeName'
    return KEYWORDS.has(text) ? 'keyword' : ATOMS.has(text) ? 'atom' : VARIABLES.has(text) ? 'variableName.special' : null
  },
  languageData: { commentTokens: { line: '//' }, closeBrackets: { brackets: ['(', '[', '{', '"'] } },
}

export const cedar = StreamLanguage.define(parser)
