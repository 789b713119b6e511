// What every peer is given: the people, their chats and the key of their tokens, by environment.
'use strict';
const { createSecretKey } = require('node:crypto');
const { readFileSync } = require('node:fs');

const { users, chats } = JSON.parse(readFileSync(process.env.BENCH_WORLD, 'utf8'));

const usersById = new Map(users.map((user) => [user.id, user]));

const chatsByUser = new Map(users.map((user) => [user.id, []]));
for (const [chatId, members] of Object.entries(chats)) {
  for (const userId of members) chatsByUser.get(userId).push(chatId);
}

// jsonwebtoken turns a string into a key object on every verification, which costs more than the
// verification itself. The peers get the key object made once: their best case.
const key = createSecretKey(process.env.BENCH_SECRET, 'utf8');

module.exports = {
  usersById,
  chatsByUser,
  key,
  secret: process.env.BENCH_SECRET,
  port: Number(process.env.PORT),
  databaseUrl: process.env.DATABASE_URL,
  redisPort: Number(process.env.REDIS_PORT),
};
