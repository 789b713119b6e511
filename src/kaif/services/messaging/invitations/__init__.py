"""How people come into chats: links with limits, and those who ask to be let in."""
