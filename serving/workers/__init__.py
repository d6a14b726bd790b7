"""Does the work the plan wants: retrains, notifies, calls webhooks. At least once, by id."""
