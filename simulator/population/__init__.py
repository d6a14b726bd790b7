"""Who is served and what they like: users, items, moods, trends, clicks. Knows nothing of HTTP."""
