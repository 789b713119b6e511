"""Chats: who is in them and with which rights, their pictures, and the order in which people keep them."""
