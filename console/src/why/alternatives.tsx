// The tokens that may send the request: often the smallest change is another role.

import type { JSX } from 'preact'
import { get } from '../lib/api'
import { useLoaded } from '../lib/load'
import { link } from '../lib/route'
import { Name } from '../lib/text'
import { callerName } from '../lib/words'
import type { Access, Explanation } from '../types'

const MOST = 12

export function Alternatives({ request }: { request: NonNullable<Explanation['request']> }): JSX.Element | null {
  const model = request.models[0]
  const { data } = useLoaded(`access of ${model ?? ''}`, (signal) =>
    model === undefined ? Promise.resolve(null) : get<Access>('access', { model }, signal),
  )
  if (data === null || model === undefined || request.models.length > 1) return null
  const names = data.callers
    .filter(({ access }) => access.some((row) => row.routes.some((grant) => grant.allow === true && grant.example.path === request.route)))
    .map(({ caller }) => callerName(caller, data.alike))
  if (names.length === 0) return null
  return (
    <p>
      Tokens that may: {names.slice(0, MOST).map((name, at) => (
        <span key={name}>
          {at > 0 && '; '}
          <Name of={name} />
        </span>
      ))}
      {names.length > MOST && ` and ${names.length - MOST} more`}.{' '}
      <a href={link('access', { show: 'model', model })}>Access to this model</a>
    </p>
  )
}
