import { expect, test } from 'vitest'
import { letterForPassword } from '../src/lib/letters'

test('a letter that sets a password is promised to a confirmed address alone', () => {
  expect(letterForPassword({ email_confirmed: true, roles: ['owner'] })).toBe('sent')
  expect(letterForPassword({ email_confirmed: true, roles: [] })).toBe('sent')
  expect(letterForPassword({ email_confirmed: false, roles: [] })).toBe('perhaps')
  expect(letterForPassword({ email_confirmed: false, roles: ['support'] })).toBe('none')
})
