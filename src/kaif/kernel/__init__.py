"""What every part needs and what knows nothing of Kaif: ids, time, money, errors, events, HTTP, calls."""
