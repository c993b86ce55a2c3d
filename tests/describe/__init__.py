"""Tests of the room that turns live values into specs."""
