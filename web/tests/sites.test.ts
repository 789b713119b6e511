import { expect, test } from 'vitest'
import { siteIn, sourceOf } from '../src/lib/sites'

test.each([
  ['Смотри: https://www.lake.example/ладога, красиво', 'lake.example'],
  ['[озеро](https://lake.example/a).', 'lake.example'],
  ['HTTPS://Lake.Example!', 'lake.example'],
  ['http://первый.рф и https://second.example', 'первый.рф'],
  ['||https://lake.example|| https://other.example', 'other.example'],
  ['`https://lake.example`', ''],
  ['```\nhttps://lake.example\n```', ''],
  ['слово-https://', ''],
  ['яhttps://lake.example', ''],
  ['https://[x', ''],
  ['', ''],
])('the site of %s', (text, site) => {
  expect(siteIn(text)).toBe(site)
})

test('a site is named beside its host, and not twice', () => {
  const page = { url: 'https://lake.example/', host: 'lake.example', title: 'Ладога' }
  expect(sourceOf({ ...page, site: 'Озёра' })).toBe('Озёра · lake.example')
  expect(sourceOf({ ...page, site: 'Lake.Example' })).toBe('lake.example')
  expect(sourceOf(page)).toBe('lake.example')
})
