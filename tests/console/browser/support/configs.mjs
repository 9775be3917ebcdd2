// The configurations that the tests put in force.

import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** Writes files into a new directory, and returns its path. */
export function directoryOf(files) {
  const directory = mkdtempSync(join(tmpdir(), 'modelgate-console-'))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
  return directory
}

const quoted = (name) => JSON.stringify(name)

function configOf({ models, roles, more = '' }) {
  const entries = models.map((name) => `  - model_name: ${quoted(name)}\n    litellm_params: {model: openai/served, api_base: os.environ/UPSTREAM_URL, api_key: os.environ/UPSTREAM_KEY}`)
  const permissions = roles.map(([role, of, routes]) => `    - role: ${quoted(role)}\n      models: [${of.map(quoted).join(', ')}]${routes ? `\n      routes: [${routes.join(', ')}]` : ''}`)
  return `general_settings:
  enable_jwt_auth: true
  master_key: os.environ/MASTER_KEY
  litellm_jwtauth:
    roles_jwt_field: roles
    user_id_jwt_field: sub
model_list:
${entries.join('\n')}
modelgate:
  policies: policies
  role_permissions:
${permissions.join('\n')}
${more}`
}

const NETWORK = `// Contractors work from the office.
@id("office-network")
@reason("contractors work from the company's network")
forbid (principal in TokenRole::"contractor", action == Action::"call_route", resource)
unless { context has source && context.source.isInRange(ip("10.0.0.0/8")) };
`

const CASES = `cases:
  - note: employees use the small model
    claims: {sub: ada, roles: [employee]}
    request: {model: gpt-4o-mini}
    expect: {allow: true}
  - note: employees do not use the large one
    claims: {sub: ada, roles: [employee]}
    request: {model: claude-sonnet}
    expect: {allow: false, rule: R2.model}
`

/** What a small company has. */
export function usual() {
  const config = configOf({
    models: ['gpt-4o', 'gpt-4o-mini', 'claude-haiku', 'claude-sonnet', 'text-embedding-3-small'],
    roles: [
      ['employee', ['gpt-4o-mini', 'claude-haiku']],
      ['researcher', ['gpt-4o', 'gpt-4o-mini', 'claude-*']],
      ['contractor', ['gpt-4o-mini']],
      ['search-service', ['text-embedding-3-small'], ['/v1/embeddings']],
    ],
    more: '  tests: tests\n',
  })
  return { 'config.yaml': config, 'policies/network.cedar': NETWORK, 'tests/cases.yaml': CASES }
}

/** As before, but employees may use another model. */
export function changed() {
  const files = usual()
  const config = files['config.yaml'].replace('models: ["gpt-4o-mini", "claude-haiku"]', 'models: ["gpt-4o-mini", "claude-haiku", "gpt-4o"]')
  return { ...files, 'config.yaml': config }
}

/** Names that want to be more than text. */
export const HOSTILE = [
  '<img src=x onerror="window.stolen=1">',
  '"><script>window.stolen=1</script>',
  "'-alert(1)-'",
  'javascript:alert(1)',
  '{{constructor.constructor("alert(1)")()}}',
  '__proto__',
  'constructor',
  '=HYPERLINK("http://evil.example","x")',
  'invoice\u202Efdp.exe',
  'zero\u200Bwidth',
  `${'long-'.repeat(100)}name`,
]

export function hostile() {
  const config = configOf({ models: HOSTILE, roles: HOSTILE.map((name, at) => [name, HOSTILE.slice(0, at + 1)]) })
  const policy = `// </pre><script>window.stolen=1</script>
@id("<svg onload=window.stolen=1>")
@reason("<b onmouseover=window.stolen=1>no</b>")
forbid (principal, action == Action::"use_model", resource == Model::"'-alert(1)-'")
when { context.route == "<iframe src=javascript:alert(1)>" && context has source };
`
  return { 'config.yaml': config, 'policies/hostile.cedar': policy }
}

export const LARGE = 10_000

export function large() {
  const models = Array.from({ length: LARGE }, (_, at) => `model-${at}`)
  const roles = Array.from({ length: 8 }, (_, at) => [`role-${at}`, [`model-${at}`, `model-${at + 1}*`]])
  return { 'config.yaml': configOf({ models, roles }), 'policies/network.cedar': NETWORK }
}
