// Why: one request, explained as a path through the gates.

import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { post } from '../lib/api'
import { setParams } from '../lib/route'
import { epoch } from '../lib/state'
import { Failure } from '../lib/verdict'
import type { Explanation } from '../types'
import { type Question, addressOf, isAsked, questionOfAddress, requestOf } from './ask'
import { Form } from './form'
import { Path } from './path'

interface Answer {
  found: Explanation | null
  error: Error | null
  isVerified: boolean
}

const NONE: Answer = { found: null, error: null, isVerified: false }

export function WhyPage(): JSX.Element {
  const [question, setQuestion] = useState<Question>(questionOfAddress)
  const [answer, setAnswer] = useState<Answer>(NONE)
  const asked = useRef(isAsked())
  const now = epoch.value

  const ask = async (about: Question) => {
    asked.current = true
    const body = requestOf(about)
    if (body instanceof Error) {
      setAnswer({ ...NONE, error: body })
      return
    }
    setParams(addressOf(about))
    try {
      const found = await post<Explanation>('explain', body)
      setAnswer({ found, error: null, isVerified: about.who !== 'claims' })
    } catch (error) {
      setAnswer({ ...NONE, error: error instanceof Error ? error : new Error(String(error)) })
    }
  }
  // Asks again by the rules that are now in force.
  useEffect(() => {
    if (asked.current) void ask(question)
  }, [now])
  // A link leads to another question.
  useEffect(() => {
    const follow = () => {
      const next = questionOfAddress()
      setQuestion(next)
      if (isAsked()) void ask(next)
    }
    addEventListener('hashchange', follow)
    return () => removeEventListener('hashchange', follow)
  }, [])

  return (
    <main id="main" class="why" tabIndex={-1}>
      <h1>Why</h1>
      <div class="split even">
        <Form question={question} onChange={setQuestion} onAsk={() => void ask(question)} />
        <section class="answer" aria-label="Answer" aria-live="polite">
          <Failure error={answer.error} />
          {answer.found !== null && <Path found={answer.found} isVerified={answer.isVerified} />}
          {answer === NONE && (
            <p class="quiet">Paste a token or claims and a request, or a request id from the decision log of this process.</p>
          )}
        </section>
      </div>
    </main>
  )
}
