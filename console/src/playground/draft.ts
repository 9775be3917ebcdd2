// The files of the playground. They never leave it, except as a question or as a download.

import type { Json, SourceFile } from '../types'

export interface Draft {
  config: SourceFile
  policies: SourceFile[]
  cases: SourceFile[]
}

export function draftOf({ config, policies, cases }: Draft): Draft {
  return { config, policies, cases }
}

export function filesOf(draft: Draft): SourceFile[] {
  return [draft.config, ...draft.policies, ...draft.cases]
}

export function changed(draft: Draft, name: string, text: string): Draft {
  const put = (file: SourceFile) => (file.name === name ? { ...file, text } : file)
  return { config: put(draft.config), policies: draft.policies.map(put), cases: draft.cases.map(put) }
}

export function withPolicy(draft: Draft, name: string): Draft {
  const text = `// Says what the policy is for.\n@id("${name.replace(/\.cedar$/, '')}")\nforbid (principal, action, resource)\nwhen { false };\n`
  return { ...draft, policies: [...draft.policies, { name, text }] }
}

export function isSame(one: Draft, other: Draft): boolean {
  const [ours, theirs] = [filesOf(one), filesOf(other)]
  return ours.length === theirs.length && ours.every((file, at) => file.text === theirs[at]?.text)
}

/** The body of `check` and `diff`. */
export function bodyOf(draft: Draft): Record<string, Json> {
  return { config: draft.config.text, policies: draft.policies.map(({ name, text }) => ({ name, text })) }
}
