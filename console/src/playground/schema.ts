// The keys and values that the schema of the configuration has at a place.

import schema from '../../../schema/config.schema.json'

export interface Suggestion {
  name: string
  description: string
}

interface Node {
  $ref?: string
  anyOf?: Node[]
  items?: Node
  properties?: Record<string, Node | boolean>
  enum?: (string | boolean | number | null)[]
  const?: string
  description?: string
}

const root = schema as unknown as Node & { $defs: Record<string, Node> }

/** The keys below a path of keys. Entries of lists have no key of their own. */
export function keysAt(path: string[]): Suggestion[] {
  const found = new Map<string, Suggestion>()
  for (const node of nodesAt(path)) {
    for (const [name, below] of Object.entries(node.properties ?? {})) {
      // `false` marks a key that stands elsewhere.
      if (below === false) continue
      const description = typeof below === 'boolean' ? '' : descriptionOf(below)
      found.set(name, { name, description })
    }
  }
  return [...found.values()]
}

/** The values that a key may have, if the schema lists them. */
export function valuesAt(path: string[]): Suggestion[] {
  return nodesAt(path).flatMap((node) => {
    const listed = [...(node.enum ?? []), ...(node.const === undefined ? [] : [node.const])]
    return listed.filter((value) => value !== null).map((value) => ({ name: String(value), description: node.description ?? '' }))
  })
}

function nodesAt(path: string[]): Node[] {
  let nodes = alternatives(root)
  for (const key of path) {
    nodes = nodes.flatMap((node) => {
      const below = Object.hasOwn(node.properties ?? {}, key) ? node.properties?.[key] : undefined
      return typeof below === 'object' ? alternatives(below) : []
    })
  }
  return nodes
}

/** A node, and every node that it refers to: by `$ref`, as an alternative, or as the entries of a list. */
function alternatives(node: Node): Node[] {
  const below: Node[] = [...(node.anyOf ?? []), ...(node.items === undefined ? [] : [node.items])]
  const name = node.$ref?.replace('#/$defs/', '')
  const referred = name === undefined ? undefined : root.$defs[name]
  if (referred !== undefined) below.push(referred)
  return [node, ...below.flatMap(alternatives)]
}

function descriptionOf(node: Node): string {
  return alternatives(node).find((one) => one.description !== undefined)?.description ?? ''
}
