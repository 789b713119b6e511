import { expect, test, vi } from 'vitest'

vi.stubGlobal('localStorage', { getItem: () => 'ru', setItem: () => {} })
const { Attempt, orSay } = await import('../src/lib/attempt.svelte')
const { Problem, wordsFor } = await import('../src/lib/problems')
const { ui } = await import('../src/lib/ui.svelte')

const fails = (code: string) => () => Promise.reject(new Problem(code))

test('one is busy until it is done, and a failure stays until one begins anew', async () => {
  const attempt = new Attempt()
  const first = attempt.run(fails('chat_not_found'))
  expect(attempt.busy).toBe(true)
  await first
  expect([attempt.busy, attempt.failure]).toEqual([false, wordsFor(new Problem('chat_not_found'))])

  let during: string | undefined
  await attempt.run(() => (during = attempt.failure))
  expect([during, attempt.failure]).toEqual(['', ''])
})

test('what has no place on the screen is said in passing', async () => {
  const attempt = new Attempt()
  await attempt.runOrSay(fails('chat_not_found'))
  expect([attempt.busy, attempt.failure, ui.toast?.text]).toEqual([
    false,
    '',
    wordsFor(new Problem('chat_not_found')),
  ])
})

test('whoever changes their mind when asked who they are has seen no failure', async () => {
  const attempt = new Attempt()
  ui.toast = undefined
  await attempt.run(fails('step_up_required'))
  await attempt.runOrSay(fails('step_up_required'))
  await orSay(fails('step_up_required'))
  expect([attempt.busy, attempt.failure, ui.toast]).toEqual([false, '', undefined])
})
