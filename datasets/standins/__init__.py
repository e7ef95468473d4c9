"""Drawn stand-ins for data that only their authors or their users have: street digits and faces."""
