"""Counting in processes of its own, where one controller cannot count it all."""
