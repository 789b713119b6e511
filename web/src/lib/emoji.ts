// The emoji of the picker: a small set for every day; the server takes any.
import type { Key } from './i18n.svelte'

export const QUICK = ['👍', '❤️', '😂', '😮', '😢', '🔥']

export const EMOJI: [Key, string[]][] = [
  [
    'emoji.faces',
    [
      ...'😀😃😄😁😆😅🤣😂🙂😉😊😇🥰😍🤩😘😋😜🤪🤗🤭🤫🤔🤐😐😏🙄😬😌😔😴🤒🤧🥵🥶🤯🥳😎🤓🧐😕😟😮😲😳🥺😢😭😱😤😡🤬💀🤡👻🤖',
    ],
  ],
  ['emoji.people', [...'👍👎👌🤌🤞🤟🤙👋🙏👏🙌🤝💪🫶🤷🤦🙋🙆🙅👀🧠👶👩👨👵👴🏃💃🕺👪']],
  ['emoji.nature', [...'🐶🐱🦊🐻🐼🐨🦁🐮🐷🐸🐵🐔🐧🦆🦉🐺🐝🦋🐌🐢🐟🐬🐳🌲🌳🌵🍀🌸🌻🌊🔥🌈⭐🌙']],
  ['emoji.food', [...'🍏🍎🍐🍊🍋🍌🍉🍇🍓🫐🍒🍑🥝🍅🥑🌽🥕🍞🧀🥚🍳🥞🍔🍟🍕🌭🍣🍦🍰🎂🍫🍪☕🍵🍺🍷🥂']],
  ['emoji.things', [...'💔💕💯💥🎉🎊🎁🏆🥇⚽🏀🎣🎮🎸🎧📷💡📚📌📎🔒🔑🚀🚗🚲⛵🏠💰💎⏰✅❌❓❗']],
]
