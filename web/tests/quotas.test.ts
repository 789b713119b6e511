import { expect, test, vi } from 'vitest'

// Where the language is kept, which these rules reach through the words that they choose.
vi.stubGlobal('localStorage', { getItem: () => 'ru', setItem: () => {} })
const { bytesOf, gigabytes, inForce } = await import('../src/lib/quotas')

test.each([
  ['', null],
  [' ', null],
  ['2', 2_000_000_000],
  ['0,5', 500_000_000],
  ['0.05', 50_000_000],
  ['0', 0],
  ['1000000', 1e15],
  ['1000001', undefined],
  ['-1', undefined],
  ['2 ГБ', undefined],
  ['1e3', undefined],
])('%j gigabytes are %s bytes', (written, bytes) => {
  expect(bytesOf(written)).toBe(bytes)
})

test.each([[null], [0], [1], [512_000], [2 ** 31], [20 * 2 ** 30]])(
  '%s bytes come back as they were',
  (bytes) => {
    expect(bytesOf(gigabytes(bytes))).toBe(bytes)
  },
)

test('what is not set is as it would be otherwise', () => {
  const otherwise = { file_max: 2, total_max: 10 }
  expect(inForce({ file_max: null, total_max: 0 }, otherwise)).toEqual({ file_max: 2, total_max: 0 })
})
