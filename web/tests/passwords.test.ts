import { describe, expect, test } from 'vitest'
import { strengthOf, type Strength } from '../src/lib/passwords'

const ABOUT = ['anna.vetrova', 'anna@example.org', 'Анна Ветрова']

describe('the strength of a password', () => {
  test.each<[string, Strength]>([
    ['', 'none'],
    ['four words long', 'fair'],
    ['fourteen chars', 'short'],
    ['тихое озеро и две лодки', 'strong'],
    ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'obvious'],
    ['x7Kp29qax7Kp29qax7Kp29qa', 'obvious'],
    ['Анна Ветрова 2026', 'obvious'],
    ['anna@example.org!', 'obvious'],
    ['КайфОзеро КайфОзеро', 'obvious'],
    ['йцукенгшщзхъфывапр', 'obvious'],
    ['zyxwvutsrqponmlk', 'obvious'],
    ['1qaz2wsx3edc4rfv', 'obvious'],
    ['anna sleeps by the lake', 'strong'],
    ['xkvqpxkvqtxkvqpxkvqtxkvqpt', 'fair'],
  ])('of %j is %s', (password, strength) => {
    expect(strengthOf(password, ABOUT)).toBe(strength)
  })

  test('counts letters, not the code points they are typed with', () => {
    expect(strengthOf('е\u0308'.repeat(14), [])).toBe('short')
  })
})
