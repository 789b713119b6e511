"""Writes the table to standard output."""

import sys

from tests.asvs import page, shown

sys.stdout.write(page(shown()))
