// Names with their counts, the largest first.

import type { JSX } from 'preact'
import { link } from '../lib/route'
import { Name } from '../lib/text'

const MOST = 8

export interface CountsProps {
  title: string
  head: string
  counts: Record<string, number>
  /** The filter of decisions that a name leads to. */
  filter?: 'rule' | 'model'
}

export function Counts({ title, head, counts, filter }: CountsProps): JSX.Element {
  const sorted = Object.entries(counts).sort((a, b) => b[1] - a[1])
  return (
    <section class="card">
      <h2>{title}</h2>
      {sorted.length === 0 ? (
        <p class="quiet">None in the last hour.</p>
      ) : (
        <table class="list">
          <thead>
            <tr>
              <th scope="col">{head}</th>
              <th scope="col" class="count">
                Count
              </th>
            </tr>
          </thead>
          <tbody>
            {sorted.slice(0, MOST).map(([name, count]) => (
              <tr key={name}>
                <th scope="row">
                  {filter === undefined ? (
                    <Name of={name} />
                  ) : (
                    <a href={link('live', { [filter]: name })}>
                      <Name of={name} />
                    </a>
                  )}
                </th>
                <td class="count">{count.toLocaleString('en')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
