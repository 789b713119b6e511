"""Roles: what each permits, who holds them, and over whom they give authority."""
