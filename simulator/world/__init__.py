"""The service in virtual time: obeys the plan by the routing code of production."""
