// The form of a question.

import type { JSX } from 'preact'
import { Choice } from '../lib/controls'
import { METHODS, type Question, type Who } from './ask'

export interface FormProps {
  question: Question
  onChange: (question: Question) => void
  onAsk: () => void
}

const WAYS: [Who, string][] = [
  ['token', 'Token'],
  ['claims', 'Claims'],
  ['id', 'Request id'],
]

export function Form({ question, onChange, onAsk }: FormProps): JSX.Element {
  const set = (changes: Partial<Question>) => onChange({ ...question, ...changes })
  const submit = (event: Event) => {
    event.preventDefault()
    onAsk()
  }
  return (
    <form class="ask" onSubmit={submit} autocomplete="off">
      <fieldset class="ways">
        <legend>Who asks</legend>
        {WAYS.map(([who, words]) => (
          <label key={who}>
            <input type="radio" name="who" checked={question.who === who} onChange={() => set({ who })} />
            {words}
          </label>
        ))}
      </fieldset>
      {question.who === 'token' && (
        <label>
          Token
          <textarea
            rows={5}
            spellcheck={false}
            value={question.token}
            placeholder="eyJ…"
            onInput={(event) => set({ token: event.currentTarget.value })}
          />
        </label>
      )}
      {question.who === 'claims' && (
        <label>
          Claims, as JSON
          <textarea rows={8} spellcheck={false} value={question.claims} onInput={(event) => set({ claims: event.currentTarget.value })} />
        </label>
      )}
      {question.who === 'id' ? (
        <label>
          Request id
          <input type="text" spellcheck={false} value={question.id} onInput={(event) => set({ id: event.currentTarget.value })} />
        </label>
      ) : (
        <Request question={question} set={set} />
      )}
      <button type="submit" class="primary">
        Explain
      </button>
      {question.who === 'token' && <p class="quiet">The gateway verifies the token and does not log it. It stays out of the address.</p>}
    </form>
  )
}

function Request({ question, set }: { question: Question; set: (changes: Partial<Question>) => void }): JSX.Element {
  return (
    <>
      <div class="pair">
        <Choice
          label="Method"
          value={question.method}
          onChange={(method) => set({ method })}
          options={METHODS.map((method): [string, string] => [method, method])}
        />
        <label>
          Path
          <input type="text" spellcheck={false} value={question.path} onInput={(event) => set({ path: event.currentTarget.value })} />
        </label>
      </div>
      <label>
        Body, as JSON
        <textarea rows={3} spellcheck={false} value={question.body} onInput={(event) => set({ body: event.currentTarget.value })} />
      </label>
      <label>
        x-litellm-team-id
        <input type="text" spellcheck={false} value={question.team} placeholder="not sent" onInput={(event) => set({ team: event.currentTarget.value })} />
      </label>
    </>
  )
}
